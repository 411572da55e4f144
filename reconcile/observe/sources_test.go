package observe

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/world"
)

// hosts are asked for whatever is an address.
type hosts struct{}

func (hosts) Asks(address string) bool { return address != "" }

// asked counts how often each source is asked for.
type asked struct {
	hosts
	mu    sync.Mutex
	times map[string]int
}

func (a *asked) Probe(_ context.Context, address string) gitsource.Verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times[address]++
	return gitsource.Verdict{Answer: gitsource.Private, Reason: "it asks for a login"}
}

// sourceWorld has so many Components, whose repositories are there if visible
// says how.
func sourceWorld(n int, visible quay.Visibility) *world.World {
	w := &world.World{
		Naming:       component.Naming{Cluster: "c", Host: "quay.io", Organization: "acme", Layout: component.LayoutComponent},
		At:           time.Date(2026, 3, 16, 12, 7, 0, 0, time.UTC),
		Namespaces:   map[string]kube.Namespace{"tenant": {Name: "tenant", UID: "u"}},
		Repositories: map[string]*quay.Repository{},
	}
	for i := range n {
		c := kube.Component{Namespace: "tenant", Name: fmt.Sprintf("c%d", i), UID: fmt.Sprint(i), SourceURL: fmt.Sprintf("https://git.example.com/%d", i)}
		w.Components = append(w.Components, c)
		if visible != "" {
			w.Repositories["tenant/"+c.Name] = &quay.Repository{Name: "tenant/" + c.Name, Visibility: visible}
		}
	}
	w.NameComponents()
	return w
}

// ask looks at the sources of a World, and gives the verdicts.
func ask(ctx context.Context, w *world.World, git Sources, now time.Time) (map[component.Key]gitsource.Verdict, error) {
	o := observer{Ends: Ends{Git: git}, World: *w, now: now}
	err := o.observeSources(ctx)
	return o.Sources, err
}

// A settled platform costs its git hosts a 96th of its public repositories a run,
// and each of them one request a day.
func TestSourcesAreAskedInTurn(t *testing.T) {
	t.Parallel()
	w := sourceWorld(2_000, quay.Public)
	all := &asked{times: map[string]int{}}
	midnight := time.Date(2026, 3, 16, 0, 0, 0, 0, time.UTC)
	for slot := range 96 {
		run := &asked{times: map[string]int{}}
		verdicts, err := ask(t.Context(), w, run, midnight.Add(time.Duration(slot)*15*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(run.times); n != 21 || len(verdicts) != n {
			t.Fatalf("run %d asked %d sources and knows %d, want 21", slot, n, len(verdicts))
		}
		for source, n := range run.times {
			all.times[source] += n
		}
	}
	if len(all.times) != 2_000 {
		t.Errorf("%d of 2000 sources were asked in a day", len(all.times))
	}
}

// silent never answers.
type silent struct{ hosts }

func (silent) Probe(ctx context.Context, _ string) gitsource.Verdict {
	<-ctx.Done()
	return gitsource.Verdict{}
}

// Hosts that hang cost a run half a minute, and leave the rest to the next one.
func TestSilentHostsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := sourceWorld(1000, "")
		start := time.Now()
		if verdicts, err := ask(t.Context(), w, silent{}, start); err != nil || len(verdicts) != 0 {
			t.Errorf("%d verdicts, %v", len(verdicts), err)
		}
		if took := time.Since(start); took != sourcesTime {
			t.Errorf("it took %s", took)
		}
	})
}

// mixed hangs on the sources of one tenant and takes its time for the others'.
type mixed struct {
	hosts
	mu   sync.Mutex
	last time.Duration // after which the others' were all answered
	from time.Time
}

func (m *mixed) Probe(ctx context.Context, address string) gitsource.Verdict {
	takes := 100 * time.Millisecond
	switch {
	case address == "":
		return gitsource.Verdict{Answer: gitsource.Private}
	case strings.Contains(address, "dead"):
		takes = 5 * time.Second
	}
	select {
	case <-time.After(takes): // of virtual time
	case <-ctx.Done():
		return gitsource.Verdict{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if takes < time.Second {
		m.last = time.Since(m.from)
	}
	return gitsource.Verdict{Answer: gitsource.Public}
}

// However many dead hosts one tenant names, the others' sources are asked as if it were not
// there; and what has no source waits for none, nor counts.
func TestOneTenantsHostsDelayNoOther(t *testing.T) {
	t.Parallel()
	const dead, well, bare = 500, 100, maxSources + 500
	synctest.Test(t, func(t *testing.T) {
		w := sourceWorld(dead+well+bare, "")
		w.Namespaces["other"] = kube.Namespace{Name: "other", UID: "v"}
		for i := range w.Components {
			switch c := &w.Components[i]; {
			case i < dead:
				c.SourceURL = fmt.Sprintf("https://dead%d.example.com/x", i)
			case i < dead+well:
				c.Namespace = "other"
			default:
				c.SourceURL = ""
			}
		}
		w.NameComponents()
		git := &mixed{from: time.Now()}
		verdicts, err := ask(t.Context(), w, git, git.from)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]int{}
		for _, c := range w.Components {
			if _, ok := verdicts[component.KeyOf(&c)]; ok {
				known[map[bool]string{true: "bare", false: c.Namespace}[c.SourceURL == ""]]++
			}
		}
		if known["other"] != well || known["bare"] != bare {
			t.Errorf("known are %v", known)
		}
		if alone := well / lanes * 100 * time.Millisecond; git.last != alone {
			t.Errorf("the others' were asked within %s, without the dead ones it is %s", git.last, alone)
		}
		if took := time.Since(git.from); took > sourcesTime {
			t.Errorf("it took %s", took)
		}
	})
}

// remembering lets the first n repositories tell something of their source.
func remembering(w *world.World, n int, m component.Memory) {
	for _, c := range w.Components[:n] {
		names, _ := w.Names(&c)
		r := w.Repositories[names.Repository]
		r.Description = string(component.Description(names.Mark).Remembering(m, w.At))
		w.Repositories[names.Repository] = r
	}
}

func TestWhichSourcesAreAsked(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		world  *world.World
		change func(*world.World)
		want   int
	}{
		"new ones":                        {sourceWorld(30, ""), nil, 30},
		"at most so many new ones":        {sourceWorld(maxSources+500, ""), nil, maxSources},
		"of few public ones ten":          {sourceWorld(30, quay.Public), nil, 10},
		"no private one":                  {sourceWorld(30, quay.Private), nil, 0},
		"none when the operator has said": {sourceWorld(30, ""), func(w *world.World) { w.Policy.Visibility = quay.Private }, 0},
		"none whose owner has said": {sourceWorld(1, ""), func(w *world.World) {
			w.Components[0].Annotations = map[string]string{component.AnnotationVisibility: "public"}
		}, 0},
		"none whose owner asks to have it said": {sourceWorld(1, ""), func(w *world.World) {
			w.Components[0].Annotations = map[string]string{component.AnnotationGenerate: `{"visibility":"private"}`}
		}, 0},
		"one whose owner asks for a rotation": {sourceWorld(1, ""), func(w *world.World) {
			w.Components[0].Annotations = map[string]string{component.AnnotationGenerate: "true"}
		}, 1},
		"none whose owner has said and asks for a rotation": {sourceWorld(1, ""), func(w *world.World) {
			w.Components[0].Annotations = map[string]string{component.AnnotationGenerate: "true", component.AnnotationVisibility: "private"}
		}, 0},
		"none of a Component that is invalid": {sourceWorld(1, ""), func(w *world.World) {
			w.Components[0].Annotations = map[string]string{component.AnnotationGenerate: "{"}
		}, 0},
		"some that a second look is due at, besides": {sourceWorld(30, quay.Public), func(w *world.World) {
			remembering(w, 15, component.Memory{Refusal: "login", Since: w.At.Add(-world.SecondLook)})
		}, 10 + 10},
		"of many that it is due at a 96th": {sourceWorld(1920, quay.Public), func(w *world.World) {
			remembering(w, 960, component.Memory{Refusal: "login", Since: w.At.Add(-world.SecondLook)})
		}, 20 + 10},
		"in their turn those that are not due yet": {sourceWorld(30, quay.Public), func(w *world.World) {
			remembering(w, 30, component.Memory{Refusal: "login", Since: w.At.Add(time.Second - world.SecondLook)})
		}, 10},
		"in their turn those that their source closed": {sourceWorld(30, quay.Private), func(w *world.World) {
			remembering(w, 20, component.Memory{Refusal: "login", Since: w.At.Add(-9 * world.SecondLook), Closed: true})
		}, 10},
		"none that was closed while it waited": {sourceWorld(30, quay.Private), func(w *world.World) {
			remembering(w, 20, component.Memory{Refusal: "login", Since: w.At.Add(-9 * world.SecondLook)})
		}, 0},
		"none of a Component that goes": {sourceWorld(1, ""), func(w *world.World) { w.Components[0].Deleting = true }, 0},
	}
	for why, row := range rows {
		if row.change != nil {
			row.change(row.world)
		}
		a := &asked{times: map[string]int{}}
		if _, err := ask(t.Context(), row.world, a, time.Time{}); err != nil || len(a.times) != row.want {
			t.Errorf("%s: %d were asked, want %d (%v)", why, len(a.times), row.want, err)
		}
	}
}

// The thousand is of questions: what no host is asked about counts for none, whatever a tenant
// writes there, and all parts of one repository for one.
func TestTheThousandIsOfQuestions(t *testing.T) {
	t.Parallel()
	const n = maxSources + 500
	listed := gitsource.New(gitsource.Options{Hosts: []string{"git.example.com"}})
	rows := map[string]struct {
		git     Sources
		address func(i int) string
	}{
		"no source":                  {listed, func(int) string { return "" }},
		"hosts that are not listed":  {listed, func(i int) string { return fmt.Sprintf("https://other.example.com/%d", i) }},
		"addresses of another form":  {listed, func(i int) string { return fmt.Sprintf("git@git.example.com:%d", i) }},
		"addresses inside":           {gitsource.New(gitsource.Options{}), func(i int) string { return fmt.Sprintf("https://10.0.%d.%d/x", i/256, i%256) }},
		"parts of one repository":    {&asked{times: map[string]int{}}, func(int) string { return "https://git.example.com/all" }},
		"one repository, spelt anew": {&asked{times: map[string]int{}}, func(i int) string { return "https://git.example.com/all" + strings.Repeat("/", i%3) }},
	}
	for why, row := range rows {
		w := sourceWorld(n, "")
		for i := range w.Components {
			w.Components[i].SourceURL = row.address(i)
		}
		verdicts, err := ask(t.Context(), w, row.git, time.Time{})
		if err != nil || len(verdicts) != n {
			t.Errorf("%s: %d of %d are known (%v)", why, len(verdicts), n, err)
		}
	}
}
