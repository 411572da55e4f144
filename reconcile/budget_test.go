package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"berth/kube"
	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

func pages(objects, size int) int { return max(1, (objects+size-1)/size) }

// A first run looks for thousands of Secrets that nobody has made: it lists what
// there is, and still sees who has taken a name, without reading the content.
func TestFirstRunLooksForSecretsInBulk(t *testing.T) {
	t.Parallel()
	const components = 300
	e := newEnv()
	for i := range components {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
	}
	e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: c7-image-push, namespace: tenant}, stringData: {k: theirs}}`)
	e.resetCalls()
	r := e.newRun()
	r.Header.DryRun = true
	s := r.Do(context.Background())
	if gets := e.cluster.Count("get", "secrets"); gets != 0 {
		t.Errorf("%d Secrets were read one by one", gets)
	}
	if lists := e.cluster.Count("list", "secrets"); lists != 2 {
		t.Errorf("%d lists of Secrets, want ours and the names of all", lists)
	}
	if s.Components.Blocked != 1 || s.Components.Changed != components-1 || s.Failures[0].Reason != plan.ReasonNotOurs {
		t.Errorf("%+v %+v", s.Components, s.Failures)
	}
}

// Quay charges by the call, so the number of calls is the cost: a world in
// which there is nothing to do costs its lists and the audit's share.
func TestSettledWorldCosts(t *testing.T) {
	t.Parallel()
	const tenants, perPage, discovery = 10, 500, 3
	components := some(t, 1000, 100)
	e := newEnv()
	for i := range tenants {
		e.namespace(fmt.Sprintf("tenant-%d", i))
	}
	for i := range components {
		e.component(fmt.Sprintf("tenant-%d", i%tenants), fmt.Sprintf("component-%d", i), fmt.Sprintf("uid-%d", i))
	}
	e.run(t)
	e.resetCalls()
	e.settled(t)

	audit := e.quay.Requests(http.MethodGet, quaytest.RouteUserPermissions) // of a quarter of an hour, more or less
	if fair := max(10, components*lapsOf(components)/96); audit < min(10, fair/3) || audit > 10+2*fair {
		t.Errorf("the audit made %d calls, want about %d", audit, fair)
	}
	if got, want := e.quay.Total()-audit, 3+pages(components, 100); got != want {
		t.Errorf("%d Quay calls besides the audit, want %d", got, want)
	}
	if got := e.mutations(); got != 0 {
		t.Errorf("%d mutating requests", got)
	}
	namespaces := len(e.listing(namespacesPath))
	accounts := len(e.listing(serviceAccountsPath))
	want := pages(components, perPage) + pages(2*components, perPage) + pages(namespaces, perPage) + pages(accounts, perPage)
	lists := e.cluster.Count("list", "") - 2 // without this test's own
	if others := e.cluster.Count("", "") - e.cluster.Count("list", ""); lists != want || others != discovery+1 {
		t.Errorf("%d pages and %d other requests to the cluster, want %d pages, %d and the cluster's id", lists, others, want, discovery)
	}
	t.Logf("%d Components settled: %d Quay calls, %d of them the audit's; %d requests to the cluster; 0 mutating",
		components, e.quay.Total(), audit, lists)
}

// lapsOf is how often in a day each of so many repositories has its turn.
func lapsOf(repositories int) int {
	laps := 1
	for 2*laps*repositories <= 960 {
		laps *= 2
	}
	return laps
}

// dayCosts is what docs/performance.md says of a settled platform: calls of Quay in a run,
// without the audit's, and in a day of runs so many minutes apart, with them.
func dayCosts(components, minutes int) (run, day int) {
	listed := pages(components, 100)
	run = 3 + listed
	if tokens := listed - 1; tokens >= 4 {
		run += min(8, tokens/2) // sections of the list
	}
	runs := 24 * 60 / minutes
	return run, runs*run + min(components*lapsOf(components), runs*max(10, pages(components, 12)))
}

func TestADayCosts(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		run, five := dayCosts(n, 5)
		_, fifteen := dayCosts(n, 15)
		_, hour := dayCosts(n, 60)
		c := report.Count
		if row := fmt.Sprintf("| %s | %s | %s | %s | %s |\n", c(n), c(run), c(five), c(fifteen), c(hour)); !strings.Contains(string(document), row) {
			t.Errorf("docs/performance.md lacks the row\n%s", row)
		}
	}

	// One of the cells.
	const components, minutes = 100, 60
	e := newEnv()
	for i := range components {
		e.component("tenant", fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%d", i))
	}
	e.run(t)
	e.resetCalls()
	audited := e.clock
	for range 24 * 60 / minutes {
		e.clock = e.clock.Add(minutes * time.Minute)
		r := e.newRun()
		r.Header.DryRun, r.Audited = true, audited
		r.Do(t.Context())
		audited = r.Audited
	}
	if _, want := dayCosts(components, minutes); e.quay.Total() > want || e.quay.Total() < want-20 { // what the last run left
		t.Errorf("a day costs %d calls, want %d", e.quay.Total(), want)
	}
	looked := map[string]bool{}
	for _, c := range e.quay.Calls() {
		if c.Route == quaytest.RouteUserPermissions {
			looked[c.Path] = true
		}
	}
	if len(looked) != components {
		t.Errorf("%d of %d repositories were looked at", len(looked), components)
	}
}

// cost is what applying took, beyond what observing the same world takes.
type cost struct{ quay, quayWrites, cluster, clusterWrites, tokens int }

func (e *env) cost(t *testing.T) cost {
	t.Helper()
	e.resetCalls()
	if s := e.look(); s.ExitCode() != 0 {
		t.Fatalf("the dry run exits %d", s.ExitCode())
	}
	if n := e.mutations(); n != 0 {
		t.Fatalf("a dry run made %d mutating requests", n)
	}
	quayReads, clusterReads := e.quay.Total(), e.cluster.Count("", "")
	e.resetCalls()
	e.run(t)
	return cost{
		quay: e.quay.Total() - quayReads, quayWrites: e.quay.Mutations(),
		cluster: e.cluster.Count("", "") - clusterReads, clusterWrites: e.cluster.Mutations(),
		tokens: e.quay.Requests(http.MethodGet, quaytest.RouteRobot),
	}
}

func TestChangesCost(t *testing.T) {
	t.Parallel()
	robot := func(e *env, use string) string {
		for _, r := range e.quay.Snapshot().Robots {
			if strings.HasSuffix(r.Name, use) {
				return r.Name
			}
		}
		panic("no robot")
	}
	for _, row := range []struct {
		name   string
		change func(*env)
		want   cost
		why    string
	}{
		{
			"new Component", func(e *env) { e.component("tenant", "web", "uid-2") },
			cost{quay: 5, quayWrites: 5, cluster: 5, clusterWrites: 4},
			"two robots, the repository, two permissions; a look at the Component; two Secrets, a link, the annotation",
		},
		{
			"token replaced by hand", func(e *env) { e.quay.RegenerateToken(robot(e, "_push")) },
			cost{quay: 2, cluster: 3, clusterWrites: 1, tokens: 1},
			"the Secret is read, then the roles and the token, which is written under the Secret's version, after a look at the Component",
		},
		{
			"Secret deleted by hand", func(e *env) { e.cluster.Delete("secrets", "tenant", "api-image-pull") },
			cost{quay: 2, cluster: 3, clusterWrites: 1, tokens: 1},
			"the same",
		},
		{
			"Secret labelled by hand", func(e *env) {
				e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: api-image-push, namespace: tenant, labels: {appstudio.redhat.com/internal: "no"}}}`)
			},
			cost{quay: 2, cluster: 3, clusterWrites: 1, tokens: 1},
			"a Secret is written whole or not at all",
		},
		{
			"annotation changed by hand", func(e *env) {
				e.component("tenant", "api", "uid-1", `image.redhat.com/image: mine`)
			},
			cost{cluster: 1, clusterWrites: 1},
			"Quay has no part in it",
		},
		{
			"visibility asked for", func(e *env) { e.component("tenant", "api", "uid-1", generate(`{"visibility":"public"}`)) },
			cost{quay: 1, quayWrites: 1, cluster: 3, clusterWrites: 2},
			"the statement, a look, one call that opens it, the annotation",
		},
		{
			"visibility asked for that stands", func(e *env) {
				e.component("tenant", "api", "uid-1", generate(`{"visibility":"private"}`), `image.redhat.com/visibility: private`)
			},
			cost{},
			"what is applied again and again is no request",
		},
		{
			"made public by hand", func(e *env) { e.quay.SetVisibility(org+"/tenant/api", true) },
			cost{quay: 1, quayWrites: 1},
			"one call closes it",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "api", "uid-1")
			e.run(t)
			row.change(e)
			got := e.cost(t)
			if d := gocmp.Diff(row.want, got, gocmp.AllowUnexported(cost{})); d != "" {
				t.Errorf("%s (-want +got):\n%s", row.why, d)
			}
			t.Logf("%s: %+v", row.name, got)
			e.settled(t)
		})
	}
}

// clusterCalls are those of the cluster beyond what it takes to look at it, in order.
func (e *env) clusterCalls() (calls []string) {
	for _, c := range e.cluster.Calls() {
		if c.Namespace == "tenant" {
			calls = append(calls, c.Verb+" "+c.Resource)
		}
	}
	return calls
}

// What a Component with environments costs that is new in a namespace of others, call by
// call. Nothing is read that was just written, and nothing for its sake that the answer to a
// write tells.
func TestANewComponentCalls(t *testing.T) {
	t.Parallel()
	e := newDelivery("dev", "stage", "prod")
	r := e.newRun()
	r.Policy.SetImages = true
	e.do(r)
	e.sync()
	e.component("tenant", "web", "uid-web")
	e.bind("web", "dev", "stage", "prod")
	e.resetCalls()
	if s := e.do(r); s.ExitCode() != 0 {
		t.Fatalf("exit %d:\n%s", s.ExitCode(), s.text)
	}
	want := []string{
		"create remotesecrets",             // with the record of the upload that follows
		"get components",                   // one look, after the last call of Quay, serves the next three
		"create secrets", "create secrets", // push, pull
		"create secrets",        // the upload, of what was just written
		"patch serviceaccounts", // the push link
		"patch serviceaccounts", // the pull link, as long as nobody wrote since the ServiceAccount was listed
		"patch components",      // the announcement and the image
	}
	if d := gocmp.Diff(want, e.clusterCalls()); d != "" {
		t.Errorf("calls of the cluster (-want +got):\n%s", d)
	}
	if e.quay.Mutations() != 5 || e.quay.Requests(http.MethodGet, quaytest.RouteRobot) != 0 {
		t.Errorf("%d writes at Quay, %d robots read", e.quay.Mutations(), e.quay.Requests(http.MethodGet, quaytest.RouteRobot))
	}
}

// loadOf is what new Components of one namespace cost the cluster beyond the lists.
func loadOf(t *testing.T, components int, push string) (calls, writes, bytes int) {
	t.Helper()
	e := newDelivery()
	for i := 1; i < components; i++ { // the first is there
		e.component("tenant", fmt.Sprintf("c%03d", i), fmt.Sprintf("uid-c%03d", i))
	}
	e.resetCalls()
	var counting sync.Mutex
	r := e.newRunOver(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(req)
			if err == nil && strings.Contains(req.URL.Path, "/namespaces/tenant") {
				body, _ := io.ReadAll(answer.Body)
				answer.Body = io.NopCloser(strings.NewReader(string(body)))
				counting.Lock()
				defer counting.Unlock()
				bytes += max(0, int(req.ContentLength)) + len(body)
			}
			return answer, err
		})
	})
	r.Policy.SetImages, r.Policy.PushServiceAccounts = true, []string{push}
	if s := e.do(r); s.ExitCode() != 0 || s.Components.Changed != components {
		t.Fatalf("exit %d, %+v", s.ExitCode(), s.Components)
	}
	for list, account := range map[string]string{"secrets": push, "imagePullSecrets": "default"} {
		if n := len(e.linked("tenant", account, list)); n != components {
			t.Errorf("ServiceAccount %s has %d %s", account, n, list)
		}
	}
	return len(e.clusterCalls()), e.cluster.Mutations(), bytes
}

// Many new Components of a namespace cost what one costs, as often, but for their links: these
// are made in one patch for each list of a ServiceAccount, whose answer is the whole of it.
func TestANamespaceIsLinear(t *testing.T) {
	t.Parallel()
	for _, push := range []string{pipeline, "default"} { // which pulls, too
		few := 0
		for _, n := range []int{1, 2, 10, some(t, 50, 12), some(t, 200, 25)} {
			calls, writes, bytes := loadOf(t, n, push)
			if calls != 6*n+2 || writes != 5*n+2 {
				t.Errorf("%d Components: %d calls, %d writes", n, calls, writes)
			}
			if n == 10 {
				few = bytes
			}
			if n > 10 && bytes > n*few/10*103/100 {
				t.Errorf("10 Components take %d bytes, %d take %d", few, n, bytes)
			}
			t.Logf("%d Components: %d calls, %d writes, %d bytes", n, calls, writes, bytes)
		}
	}
}

// shuffle hands out every list in another order.
type shuffle struct {
	mu     *sync.Mutex
	random *rand.Rand
}

func mixed[T any](s shuffle, list []T, err error) ([]T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list, err
}

// mixedUp does the same with what a list tells of.
func mixedUp[T any](s shuffle, begin func() func(T), list func(begin func() func(T)) error) error {
	var all []T
	err := list(func() func(T) { all = nil; return func(t T) { all = append(all, t) } })
	all, err = mixed(s, all, err)
	tell := begin()
	for _, t := range all {
		tell(t)
	}
	return err
}

type shuffledQuay struct {
	registry
	shuffle
}

func (s shuffledQuay) EachRobot(ctx context.Context, begin func() func(quay.Robot)) error {
	return mixedUp(s.shuffle, begin, func(begin func() func(quay.Robot)) error { return s.registry.EachRobot(ctx, begin) })
}

func (s shuffledQuay) ListRepositories(ctx context.Context) ([]quay.Repository, error) {
	list, err := s.registry.ListRepositories(ctx)
	return mixed(s.shuffle, list, err)
}

type shuffledCluster struct {
	cluster
	shuffle
}

func (s shuffledCluster) Namespaces(ctx context.Context) ([]kube.Namespace, error) {
	list, err := s.cluster.Namespaces(ctx)
	return mixed(s.shuffle, list, err)
}

func (s shuffledCluster) Components(ctx context.Context, g kube.Group, namespace, selector string) ([]kube.Component, error) {
	list, err := s.cluster.Components(ctx, g, namespace, selector)
	return mixed(s.shuffle, list, err)
}

func (s shuffledCluster) EachSecret(ctx context.Context, namespace, selector string, begin func() func(kube.Secret)) error {
	return mixedUp(s.shuffle, begin, func(begin func() func(kube.Secret)) error {
		return s.cluster.EachSecret(ctx, namespace, selector, begin)
	})
}

func (s shuffledCluster) ServiceAccounts(ctx context.Context, namespace string, keep func(kube.ServiceAccount) bool) ([]kube.ServiceAccount, error) {
	list, err := s.cluster.ServiceAccounts(ctx, namespace, keep)
	return mixed(s.shuffle, list, err)
}

// mixedWorld has some of everything that a plan can say.
func mixedWorld(t testing.TB) *env {
	e := newEnv()
	e.cluster.Delete("namespaces", "", "kube-system")
	e.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: kube-system, uid: uid-of-the-cluster}}`) // which says what is audited when
	for _, namespace := range []string{"a", "b", "bare", "going"} {
		e.namespace(namespace)
	}
	for i := range 6 {
		for _, namespace := range []string{"a", "b"} {
			e.component(namespace, fmt.Sprintf("c%d", i), fmt.Sprintf("uid-%s-%d", namespace, i))
		}
	}
	e.component("going", "last", "uid-going")
	e.run(t)
	before := e.look()
	robotOf := func(namespace, name string) string {
		return org + "+" + before.planOf(t, component.Key{Namespace: namespace, Name: name}).Names.Push.Robot
	}

	e.cluster.Delete("secrets", "a", "c0-image-push")
	e.quay.RegenerateToken(robotOf("a", "c1"))
	e.quay.SetVisibility(org+"/a/c2", true)
	e.quay.SetPermission(org+"/a/c3", robotOf("a", "c3"), "admin")
	for _, foreign := range []string{"b/c0", "b/c1", "b/c2"} {
		e.quay.SetPermission(org+"/"+foreign, robotOf("a", "c4"), "write")
	}
	e.cluster.Delete("components", "a", "c5")
	e.component("a", "c5", "uid-a-5-again")
	e.component("b", "c0", "uid-b-0", `image.redhat.com/generate: "true"`)
	e.component("b", "c1", "uid-b-1", `image.redhat.com/generate: '{"visibility":"public"}'`)
	e.component("b", "c2", "uid-b-2", `image.redhat.com/generate: sideways`)
	e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: c3-image-pull, namespace: b, labels: {app.kubernetes.io/managed-by: null}}}`)
	e.cluster.Delete("components", "b", "c4")
	e.cluster.Delete("serviceaccounts", "bare", "appstudio-pipeline")
	e.component("bare", "z", "uid-bare-z")
	e.component("bare", "w", "uid-bare-w")
	e.cluster.Terminate("going")
	return e
}

// One world gives one plan, in whatever order its parts arrive.
func TestPlanIsTheSameForAnyOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // no time passes, so that none is told
		e := mixedWorld(t)
		want := e.look()
		if want.Changes == (report.ChangeCount{}) || len(want.Failures) != 2 || want.Components.Skipped != 1 {
			t.Fatalf("the world is not mixed: %+v %+v %+v", want.Changes, want.Components, want.Failures)
		}
		for seed := range uint64(20) {
			order := shuffle{new(sync.Mutex), rand.New(rand.NewPCG(seed, 7))}
			r := e.newRun()
			r.Header.DryRun, r.Concurrency = true, 1+15*int(seed%2)
			q, k := endsOf(r)
			rewire(r, shuffledQuay{q, order}, shuffledCluster{k, order})
			got := e.do(r)
			if d := gocmp.Diff(want.text, got.text); d != "" {
				t.Fatalf("seed %d changes the text (-want +got):\n%s", seed, d)
			}
			if d := gocmp.Diff(want.json, got.json); d != "" {
				t.Fatalf("seed %d changes the JSON (-want +got):\n%s", seed, d)
			}
		}
		t.Logf("%d bytes of text, %d of JSON lines", len(want.text), len(want.json))
	})
}

// How many Components are worked on at once changes only the order in which
// finished changes are told.
func TestConcurrencyChangesNothing(t *testing.T) {
	t.Parallel()
	type result struct {
		text  string
		lines []string
		world []view
	}
	apply := func(concurrency int) (r result) {
		synctest.Test(t, func(t *testing.T) { // no time passes, so that none is told
			e := mixedWorld(t)
			e.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Namespace: "bare", Status: http.StatusForbidden, Times: -1})
			run := e.newRun()
			run.Concurrency = concurrency
			got := e.do(run)
			alike := func(told string) string {
				return strings.ReplaceAll(robotHash.ReplaceAllString(told, "_HASH_"), e.id(), "ID")
			}
			r.text, r.lines = alike(got.text), strings.Split(alike(got.json), "\n")
			slices.Sort(r.lines)
			for _, p := range got.plan.Components {
				r.world = append(r.world, e.viewOf(p))
			}
		})
		return r
	}
	one, many := apply(1), apply(16)
	if d := gocmp.Diff(one.text, many.text); d != "" {
		t.Errorf("text (-one +sixteen):\n%s", d)
	}
	if d := gocmp.Diff(one.lines, many.lines); d != "" {
		t.Errorf("JSON (-one +sixteen):\n%s", d)
	}
	if d := gocmp.Diff(one.world, many.world); d != "" {
		t.Errorf("world (-one +sixteen):\n%s", d)
	}
	if !strings.Contains(one.text, ", 2 failed") {
		t.Errorf("two Components should fail for the fault:\n%s", one.text)
	}
}

// robotHash is of the cluster's random uid, too.
var robotHash = regexp.MustCompile(`_[a-z2-7]{16}_`)
