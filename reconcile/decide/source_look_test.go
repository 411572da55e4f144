package decide

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/decide/visibility"
	"berth/reconcile/gitsource"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

func refused(why gitsource.Refusal) gitsource.Verdict {
	return gitsource.Verdict{Answer: gitsource.Private, Reason: "it refuses", Refusal: why}
}

// sourced is a scene in which visibility follows the source.
func sourced(t *testing.T) *scene.Scene {
	s := scene.New(t)
	s.Policy.Visibility, s.Sources = "", map[component.Key]gitsource.Verdict{}
	return s
}

// A source closes what it opened by two refusals of one kind, a day apart, and opens what
// it closed.
func TestSecondLook(t *testing.T) {
	t.Parallel()
	const (
		nothing = iota
		notes   // what is remembered
		closes
		opens
		states // the visibility changes by a statement
	)
	var (
		shown   = gitsource.Verdict{Answer: gitsource.Public, Reason: "anybody may read it"}
		unknown = gitsource.Verdict{Reason: "it did not answer"}
		login   = refused(gitsource.Login)
		missing = refused(gitsource.Missing)
	)
	const day = world.SecondLook
	since := func(age time.Duration) component.Memory {
		return component.Memory{Refusal: "login", Since: scene.New(t).At.Add(-age)}
	}
	closed := func(age time.Duration) component.Memory {
		m := since(age)
		m.Closed = true
		return m
	}
	for _, row := range []struct {
		why    string
		is     quay.Visibility
		told   component.Memory
		source *gitsource.Verdict // nil: this run did not look
		stated string
		want   []int
		warned string // codes
	}{
		{"shown, as before", quay.Public, component.Memory{}, &shown, "", nil, ""},
		{"the first refusal", quay.Public, component.Memory{}, &login, "", []int{notes}, "source_private"},
		{"it waits", quay.Public, since(day - time.Second), nil, "", nil, "source_private"},
		{"a second look on the same day", quay.Public, since(day - time.Second), &login, "", nil, "source_private"},
		{"a second look after a day", quay.Public, since(day), &login, "", []int{closes}, ""},
		{"after a day, but nobody looked", quay.Public, since(2 * day), nil, "", nil, "source_private"},
		{"another refusal", quay.Public, since(2 * day), &missing, "", []int{notes}, "source_private"},
		{"shown again", quay.Public, since(2 * day), &shown, "", []int{notes}, ""},
		{"no answer", quay.Public, since(2 * day), &unknown, "", nil, "source_unclear source_private"},
		{"no answer, and nothing before", quay.Public, component.Memory{}, &unknown, "", nil, "source_unclear"},
		{"nobody looked", quay.Public, component.Memory{}, nil, "", nil, ""},
		{"closed, and still refused", quay.Private, closed(3 * day), &login, "", nil, ""},
		{"closed, and nobody looked", quay.Private, closed(3 * day), nil, "", nil, ""},
		{"closed, and no answer", quay.Private, closed(3 * day), &unknown, "", nil, ""},
		{"closed, and shown again", quay.Private, closed(3 * day), &shown, "", []int{opens}, ""},
		{"closed by a person while it waited", quay.Private, since(3 * day), &shown, "", nil, ""},
		{"closed by a person", quay.Private, component.Memory{}, &shown, "", nil, ""},
		{"the run died before it closed", quay.Public, closed(2 * day), &login, "", []int{closes}, ""},
		{"the run died after it opened", quay.Public, closed(2 * day), &shown, "", []int{notes}, ""},
		{"closed, and then stated", quay.Private, closed(3 * day), &shown, "private", []int{notes}, ""},
		{"closed, and stated otherwise", quay.Private, closed(3 * day), nil, "public", []int{states, notes}, ""},
		{"waits, and is stated", quay.Public, since(3 * day), nil, "private", []int{states, notes}, ""},
	} {
		s := sourced(t)
		n := s.Settle(scene.Component("tenant", "api"))
		c := &s.Components[0]
		c.SourceURL = "https://git.example/api"
		scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) {
			r.Visibility = row.is
			r.Description = string(component.Description(r.Description+"\nThe API").Remembering(row.told, s.At))
		})
		if row.source != nil {
			s.Sources[component.KeyOf(c)] = *row.source
		}
		if row.stated != "" {
			c.Annotations[component.AnnotationVisibility] = row.stated
		}
		var got []int
		p := Plan(s.World).Components[0]
		for _, a := range p.Actions {
			switch a := a.(type) {
			case plan.RememberSource:
				want := ""
				if row.source != nil && row.stated == "" {
					want = string(row.source.Refusal)
				}
				if a.Refusal != want || a.Told != row.told {
					t.Errorf("%s: %+v", row.why, a)
				}
				got = append(got, notes)
			case plan.ChangeVisibility:
				switch {
				case a.Asked:
					got = append(got, states)
				case a.To == quay.Public:
					got = append(got, opens)
				default:
					got = append(got, closes)
				}
				if a.Source == a.Asked || a.Source && a.Told != row.told {
					t.Errorf("%s: %+v", row.why, a)
				}
			case plan.Announce:
			default:
				t.Errorf("%s: %+v", row.why, a)
			}
		}
		if d := cmp.Diff(row.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, d)
		}
		var codes []string
		for _, w := range append(p.Platform, p.Warnings...) {
			codes = append(codes, w.Code)
		}
		if got := strings.Join(codes, " "); got != row.warned {
			t.Errorf("%s: warned of %q, want %q", row.why, got, row.warned)
		}
		if row.warned == "source_private" && !strings.Contains(p.Why, "closed after a second look from 20") {
			t.Errorf("%s: %s", row.why, p.Why)
		}
	}
}

// Whatever a look may find is written down in a form that is read again.
func TestEveryRefusalIsRemembered(t *testing.T) {
	t.Parallel()
	at := scene.Noon
	d := component.Description(scene.New(t).Settle(scene.Component("tenant", "api")).Mark)
	for _, why := range gitsource.Refusals {
		m := component.Memory{Refusal: string(why), Since: at}
		if got := d.Remembering(m, at).Memory(); got != m {
			t.Errorf("%s is read as %+v", why, got)
		}
		m.Closed = true
		if got := d.Remembering(component.Memory{Refusal: "missing", Since: at}, at).Remembering(m, at).Memory(); got != m {
			t.Errorf("%s is read as %+v", why, got)
		}
		if got := d.Remembering(m, at).Remembering(component.Memory{}, at); got != d {
			t.Errorf("%s leaves %q", why, got)
		}
	}
}

// What was told of the repository of a former namespace is not believed of this one's.
func TestAnothersMemoryIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := sourced(t)
	s.Policy.Adopt = true
	n := s.Settle(scene.Component("tenant", "api"))
	former, _ := s.Naming.Names(&s.Components[0], "another uid")
	told := component.Memory{Refusal: "login", Since: s.At.Add(-9 * world.SecondLook), Closed: true}
	scene.Alter(s.Repositories, n.Repository, func(r *quay.Repository) {
		r.Description = string(component.Description(former.Mark).Remembering(told, s.At))
	})
	s.Sources[component.KeyOf(&s.Components[0])] = gitsource.Verdict{Answer: gitsource.Public}
	if got := Plan(s.World).Components[0].Actions; len(got) != 1 || got[0] != (plan.DescribeRepository{Name: n.Repository, Mark: n.Mark, Moved: false}) {
		t.Errorf("%+v", got)
	}
}

// A host that refuses most of what it showed is in trouble, or somebody between is; and no
// tenant alone can bring that about, or keep it from being seen.
func TestHostsThatRefuseMost(t *testing.T) {
	t.Parallel()
	type tenant struct {
		shown, refused int // looked at now
		noted          int // refused when last looked at, and not looked at now
		same           bool
	}
	for _, row := range []struct {
		why     string
		tenants []tenant
		believe bool
	}{
		{"one of one", []tenant{{refused: 1}}, true},
		{"a few of a small tenant alone there", []tenant{{refused: visibility.DoubtFloor - 1}}, true},
		{"all of a tenant alone there", []tenant{{refused: 40}}, false},
		{"all of a tenant alone there, all of one repository", []tenant{{refused: 40, same: true}}, true},
		{"half of a tenant alone there", []tenant{{shown: 20, refused: 20}}, true},
		{"all of all", []tenant{{refused: 20}, {refused: 20}, {refused: 1}}, false},
		{"all of one of three", []tenant{{refused: 100}, {shown: 1}, {shown: 1}}, true},
		{"all of one, and the only one of another", []tenant{{refused: 100}, {refused: 1}}, true},
		{"many more of one are shown", []tenant{{shown: 100}, {refused: 5}, {refused: 5}, {refused: 5}, {refused: 5}}, false},
		{"most of most", []tenant{{refused: 9, shown: 1}, {refused: 9, shown: 1}, {refused: 9, shown: 1}, {shown: 9}}, false},
		{"one after the other, within a day", []tenant{{noted: 20}, {noted: 19, refused: 1}}, false},
		{"some within a day, and others are shown", []tenant{{noted: 5, shown: 20}, {noted: 5, shown: 20}, {refused: 1, shown: 20}}, true},
		{"all that were shown until now", []tenant{{noted: 5, refused: 5}, {noted: 5, refused: 5}}, false},
	} {
		s := sourced(t)
		var last component.Names
		add := func(c kube.Component, v *gitsource.Verdict, m component.Memory) {
			last = s.Settle(c)
			scene.Alter(s.Repositories, last.Repository, func(r *quay.Repository) {
				r.Visibility = quay.Public
				r.Description = string(component.Description(r.Description).Remembering(m, s.At))
			})
			if v != nil {
				s.Sources[component.KeyOf(&c)] = *v
			}
		}
		for i, tenant := range row.tenants {
			for j := range tenant.shown + tenant.refused + tenant.noted {
				c := scene.Component(fmt.Sprintf("tenant%d", i), fmt.Sprintf("c%d", j))
				c.SourceURL = fmt.Sprintf("https://Git.example/%d/%d", i, j)
				if tenant.same {
					c.SourceURL = fmt.Sprintf("https://git.example/%d", i)
				}
				verdict, memory := refused(gitsource.Login), component.Memory{}
				look := &verdict
				switch {
				case j < tenant.shown:
					verdict = gitsource.Verdict{Answer: gitsource.Public}
				case j >= tenant.shown+tenant.refused:
					look, memory = nil, component.Memory{Refusal: "login", Since: s.At.Add(-time.Hour)}
				}
				add(c, look, memory)
			}
		}
		// Dead addresses were never shown, and statements are no source's.
		for i := range 3 * visibility.DoubtFloor {
			c := scene.Component("forger", fmt.Sprintf("c%d", i))
			c.SourceURL = fmt.Sprintf("https://git.example/forged/%d", i)
			verdict := refused(gitsource.Missing)
			add(c, &verdict, component.Memory{})
			if i%2 == 0 {
				scene.Alter(s.Repositories, last.Repository, func(r *quay.Repository) { r.Visibility = quay.Private })
			} else {
				s.Components[len(s.Components)-1].Annotations[component.AnnotationVisibility] = "public"
			}
		}
		rules := visibility.Of(draft.Of(s.World))
		if doubted := rules.Doubted("git.example"); doubted == row.believe {
			t.Errorf("%s: doubted %v", row.why, doubted)
		}
		if row.believe {
			continue
		}
		for _, p := range Plan(s.World).Components {
			for _, a := range p.Actions {
				switch a := a.(type) {
				case plan.RememberSource:
					t.Errorf("%s: %+v of %s", row.why, a, p.Key())
				case plan.ChangeVisibility:
					t.Errorf("%s: %+v of %s", row.why, a, p.Key())
				}
			}
		}
	}
}
