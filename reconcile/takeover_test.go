package reconcile_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/report"
)

// imageController is what image-controller has made for a Component, as far as it differs
// from one to another.
type imageController struct {
	name       string
	namespace  string // "": tenant
	older      bool   // the repository has the name of the layout with the application
	annotated  bool   // asked for by an annotation, so that the ImageRepository is not called as the Component
	public     bool
	generate   string // what is left in that annotation
	state      string // a statement to Berth
	unlinked   bool   // no ServiceAccount of its own: builds run as appstudio-pipeline
	components bool   // the Component has image-controller's finalizer, too
}

func (m imageController) space() string { return cmp.Or(m.namespace, "tenant") }

func (m imageController) repository() string {
	if m.older {
		return m.space() + "/shop/" + m.name
	}
	return m.space() + "/" + m.name
}

func (m imageController) request() string {
	if m.annotated {
		return "imagerepository-for-shop-" + m.name
	}
	return m.name
}

func (m imageController) account() string {
	if m.unlinked {
		return "appstudio-pipeline"
	}
	return "build-pipeline-" + m.name
}

func (m imageController) robots() (push, pull string) {
	stem := strings.NewReplacer("/", "_", "-", "_").Replace(m.repository())
	return stem + "_0123456789", stem + "_abcdef6789_pull"
}

// newTakeOver is a world that image-controller has filled.
func newTakeOver(made ...imageController) *env {
	e := newEnv()
	e.cluster.Install("imagerepositories")
	for _, m := range made {
		e.imageController(m)
	}
	return e
}

// imageController lets image-controller have been at work (konflux-ci/image-controller
// internal/controller/imagerepository_controller.go).
func (e *env) imageController(m imageController) {
	push, pull := m.robots()
	repository := org + "/" + m.repository()
	image := host + "/" + repository
	e.quay.AddRepository(quaytest.Repository{Name: repository, Description: component.FormerDescription, Public: m.public, Creator: "platform"})
	e.quay.AddRobot(quaytest.Robot{Name: org + "+" + push, Description: "Robot account for Konflux Component", Permissions: map[string]string{repository: "write"}})
	e.quay.AddRobot(quaytest.Robot{Name: org + "+" + pull, Description: "Robot account for AppStudio Component", Permissions: map[string]string{repository: "read"}})
	var annotations, finalizers []string
	if m.generate != "" {
		annotations = append(annotations, fmt.Sprintf("image.redhat.com/generate: '%s'", m.generate))
	}
	if m.state != "" {
		annotations = append(annotations, "image.redhat.com/visibility: "+m.state)
	}
	if m.components {
		finalizers = append(finalizers, "other.example/finalizer", "image-controller.appstudio.openshift.io/image-repository")
	}
	visibility := map[bool]string{true: "public", false: "private"}[m.public]
	e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %[1]s, namespace: %[2]s, uid: uid-of-%[1]s, annotations: {%[3]s}, finalizers: [%[4]s]},
 spec: {componentName: %[1]s, application: shop, containerImage: %[5]s}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, metadata: {name: %[6]s, namespace: %[2]s, uid: uid-of-request-%[1]s, finalizers: [appstudio.openshift.io/image-repository],
  labels: {appstudio.redhat.com/component: %[1]s, appstudio.redhat.com/application: shop}, ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: %[1]s, uid: uid-of-%[1]s}]},
 spec: {image: {name: %[7]s, visibility: %[8]s}}, status: {state: ready, image: {url: %[5]s, visibility: %[8]s},
  credentials: {push-secret: %[6]s-image-push, pull-secret: %[6]s-image-pull, push-robot-account: %[9]s, pull-robot-account: %[10]s}}}`,
		m.name, m.space(), strings.Join(annotations, ", "), strings.Join(finalizers, ", "), image, m.request(), m.repository(), visibility, push, pull)
	for use, robot := range map[string]string{"push": push, "pull": pull} {
		login := org + "+" + robot
		auth := base64.StdEncoding.EncodeToString([]byte(login + ":" + e.quay.RobotToken(login)))
		e.apply(`{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: %[1]s-image-%[2]s, namespace: %[3]s, labels: {appstudio.redhat.com/internal: "true"},
  ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, name: %[1]s, uid: uid-of-request-%[4]s}]},
 stringData: {.dockerconfigjson: '{"auths":{"%[5]s":{"auth":"%[6]s"}}}'}}`, m.request(), use, m.space(), m.name, image, auth)
	}
	links := []string{"{name: " + m.request() + "-image-push}"}
	if old, _ := e.cluster.Object("serviceaccounts", m.space(), m.account())["secrets"].([]any); old != nil { // Apply replaces a list
		for _, l := range old {
			links = append(links, fmt.Sprintf("{name: %s}", l.(map[string]any)["name"]))
		}
	}
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: %s, namespace: %s}, secrets: [%s]}`, m.account(), m.space(), strings.Join(links, ", "))
}

// adopting is a run with --adopt.
func (e *env) adopting() *reconcile.Run { return e.adoptingOver(direct) }

func (e *env) adoptingOver(b between) *reconcile.Run {
	r := e.newRunOver(b)
	takesOver(r)
	return r
}

func takesOver(r *reconcile.Run) {
	r.Policy.Adopt, r.Policy.SetImages, r.Policy.AdoptGrace = true, true, grace
	r.Policy.PushServiceAccounts = []string{"appstudio-pipeline", "build-pipeline-{component}"}
}

// buildFails tells what would keep a build of the Component from pushing now: of the Secrets that
// its ServiceAccount is linked to, each that is for its image must push, and one must.
func (e *env) buildFails(m imageController) string {
	image := host + "/" + org + "/" + m.repository()
	links, _ := e.cluster.Object("serviceaccounts", m.space(), m.account())["secrets"].([]any)
	pushes := 0
	for _, l := range links {
		name, _ := l.(map[string]any)["name"].(string)
		secret := e.cluster.Object("secrets", m.space(), name)
		if secret == nil {
			return "Secret " + name + ", to which its account is linked, is gone"
		}
		at, login, token := credentialIn(secret)
		if at != image {
			continue
		}
		if granted, ok := e.quay.Granted(login, token, org+"/"+m.repository()); !ok || !slices.Contains(granted, "push") {
			return "Secret " + name + " does not push"
		}
		pushes++
	}
	if pushes == 0 {
		return "it is linked to no Secret that pushes"
	}
	return ""
}

// builders asks after each call whether builds go on: those of the Components that the call
// names, and of all now and then.
type builders struct {
	e    *env
	made []imageController

	mu     sync.Mutex
	calls  int
	failed []string
}

var named = regexp.MustCompile(`c\d{3}`)

func (b *builders) between(end http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		answer, err := end.RoundTrip(r)
		b.calls++
		name := named.FindString(r.URL.Path)
		for _, m := range b.made {
			if m.name == name || b.calls%500 == 0 || len(b.made) < 20 {
				if why := b.e.buildFails(m); why != "" {
					b.failed = append(b.failed, fmt.Sprintf("%s after %s %s: %s", m.name, r.Method, r.URL.Path, why))
				}
			}
		}
		return answer, err
	})
}

// visibilities of all repositories.
func (e *env) visibilities() map[string]bool {
	all := map[string]bool{}
	for _, r := range e.quay.Snapshot().Repositories {
		all[r.Name] = r.Public
	}
	return all
}

// A whole organization of image-controller's is taken over in one run.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	n := some(t, 500, 60)
	var made []imageController
	e := newTakeOver()
	for i := range 10 {
		e.namespace(fmt.Sprintf("t%d", i))
	}
	for i := range n {
		m := imageController{
			name: fmt.Sprintf("c%03d", i), namespace: fmt.Sprintf("t%d", i%10), older: i%3 == 0, annotated: i%5 == 0, public: i%2 == 0, unlinked: i%7 == 0, components: i%11 == 0,
			generate: []string{"", "", "false", "failed", `{"visibility":"public"}`, `{"visibility":"private"}`}[i%6],
			state:    []string{"", "", "", "public", "private"}[i%5],
		}
		made = append(made, m)
		e.imageController(m)
	}
	before := e.visibilities()
	watch := &builders{e: e, made: made}
	r := e.adoptingOver(watch.between)
	r.Policy.Visibility = "private"
	done := e.do(r)
	if done.Result() != report.ResultOK {
		t.Errorf("the run was %s: %v\n%.4000s", done.Result(), done.Err, done.text)
	}
	taken, changed := 0, 0
	after := e.visibilities()
	for _, m := range made {
		if p := done.planOf(t, component.Key{Namespace: m.space(), Name: m.name}); p.Problem == nil && e.secretState(p, p.Names.Push) == current && e.secretState(p, p.Names.Pull) == current {
			taken++
		}
		if after[org+"/"+m.repository()] != before[org+"/"+m.repository()] {
			changed++
		}
		if why := e.buildFails(m); why != "" {
			watch.failed = append(watch.failed, m.name+" in the end: "+why)
		}
	}
	t.Logf("take-over: %d Components, taken over %d, refused %d, visibility changed %d, repositories made %d, builds that would have failed at any call: %d",
		n, taken, n-taken, changed, len(after)-len(before), len(watch.failed))
	if taken != n || changed > 0 || len(after) != len(before) || len(watch.failed) > 0 {
		t.Errorf("%.2000s\n%.3000s", strings.Join(watch.failed, "\n"), done.text)
	}
	again := e.newRun()
	takesOver(again)
	again.Policy.Adopt, again.Policy.Visibility = false, "private"
	if s := e.do(again); s.Result() != report.ResultOK || len(e.visibilities()) != len(before) || !mapsEqual(e.visibilities(), before) {
		t.Errorf("the run after it was %s, or changed a visibility:\n%.3000s", s.Result(), s.text)
	}
	if s := e.do(again); s.Summary.Changes != (report.ChangeCount{}) {
		t.Errorf("it does not settle: %+v\n%.3000s", s.Summary.Changes, s.text)
	}
}

// Without the rights that taking over takes, nothing is written.
func TestTakeOverWithoutRights(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		verbs string
		said  string
	}{
		{"they cannot be listed", "[patch]", "--adopt needs rights on ImageRepositories, and nothing was written: list ImageRepositorys: forbidden"},
		{"they cannot be marked", "[list]", "--adopt needs rights on ImageRepositories, and nothing was written: patch ImageRepository tenant/billing: forbidden"},
	} {
		e := newTakeOver(imageController{name: "billing"}, imageController{name: "ledger", annotated: true})
		e.quay.AddRepository(quaytest.Repository{Name: org + "/tenant/till", Creator: "platform"})
		e.component("tenant", "till", "uid-of-till") // nothing of image-controller's but its repository
		e.apply(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: berth-take-over},
 rules: [{apiGroups: [appstudio.redhat.com], resources: [imagerepositories], verbs: %s}]}`, row.verbs)
		e.resetCalls()
		done := e.do(e.adopting())
		writes := slices.DeleteFunc(e.cluster.Calls(), func(c kubetest.Call) bool { return c.DryRun || c.Verb == "get" || c.Verb == "list" })
		if len(writes)+e.quay.Mutations() > 0 || done.ExitCode() != report.ExitRejected || !strings.Contains(done.text, row.said) || !strings.Contains(done.text, "deploy/components/take-over") {
			t.Errorf("%s: exit %d, %v\n%s", row.why, done.ExitCode(), writes, done.text)
		}
	}
}

// Where image-controller's kinds were removed with it, what it made still names them.
func TestTakeOverOfWhatIsLeft(t *testing.T) {
	t.Parallel()
	m := imageController{name: "billing"}
	const ownedBy = `{apiVersion: v1, kind: Secret, metadata: {name: billing-image-push, namespace: tenant, %sownerReferences: [{apiVersion: %s, kind: %s, name: %s, uid: uid-of-former-%[4]s}]}}`
	for _, row := range []struct {
		why    string
		spoil  string
		served bool
		keep   bool // --adopt is not given
		whole  bool
	}{
		{why: "both Secrets are as image-controller made them", whole: true},
		{why: "nobody asked for it", keep: true},
		{why: "the kind is served, so that its objects can be looked at and collected", served: true, spoil: fmt.Sprintf(ownedBy, "", "appstudio.redhat.com/v1alpha1", "ImageRepository", "billing")},
		{why: "image-controller does not call it so for that object", spoil: fmt.Sprintf(ownedBy, "", "appstudio.redhat.com/v1alpha1", "ImageRepository", "ledger")},
		{why: "another Component owns it", spoil: fmt.Sprintf(ownedBy, "", "appstudio.redhat.com/v1alpha1", "Component", "ledger")},
		{why: "the owner is of another group", spoil: fmt.Sprintf(ownedBy, "", "example.com/v1alpha1", "ImageRepository", "billing")},
		{why: "somebody else manages it", spoil: fmt.Sprintf(ownedBy, "labels: {app.kubernetes.io/managed-by: helm}, ", "appstudio.redhat.com/v1alpha1", "ImageRepository", "billing")},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			e := newTakeOver(m)
			if row.spoil != "" {
				e.apply("%s", row.spoil)
			}
			if !row.served {
				e.cluster.Uninstall("imagerepositories")
			}
			watch := &builders{e: e, made: []imageController{m}}
			if row.keep {
				e.quay.DeleteRepository(org + "/" + m.repository()) // that is in the way, too
				watch.made = nil
			}
			before := e.login("billing-image-push")
			r := e.adoptingOver(watch.between)
			r.Policy.Adopt = !row.keep
			done := e.do(r)
			p := done.planOf(t, component.Key{Namespace: m.space(), Name: m.name})
			if whole := p.Problem == nil && e.secretState(p, p.Names.Push) == current && e.secretState(p, p.Names.Pull) == current; whole != row.whole || len(watch.failed) > 0 {
				t.Errorf("taken over: %t, want %t; %v\n%s", whole, row.whole, watch.failed, done.text)
			}
			if !row.whole && (e.login("billing-image-push") != before || e.quay.Mutations() > 0) {
				t.Errorf("it was refused, and something was written\n%s", done.text)
			}
			if e.clearing(); row.whole {
				if s := e.clearing(); s.Result() != report.ResultOK || s.Summary.Changes != (report.ChangeCount{}) {
					t.Errorf("it does not settle:\n%s", s.text)
				}
			}
		})
	}
}

// What the younger of two Components that are one owns is inherited as well: a Secret, and an
// ImageRepository, which is not lost among those that a tenant has made besides.
func TestTakeOverFromTheTwin(t *testing.T) {
	t.Parallel()
	const ownedByTwin = `ownerReferences: [{apiVersion: konflux-ci.dev/v1alpha1, kind: Component, name: billing, uid: uid-late}]}`
	for why, spoil := range map[string]func(*env){
		"Secrets": func(e *env) {
			for _, use := range []string{"push", "pull"} {
				e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: billing-image-%s, namespace: tenant, %s}`, use, ownedByTwin)
			}
		},
		"an ImageRepository among many": func(e *env) {
			e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, metadata: {name: billing, namespace: tenant, %s}`, ownedByTwin)
			for i := range 12 {
				e.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, metadata: {name: a-%02d, namespace: tenant, labels: {appstudio.redhat.com/component: billing}},
 spec: {image: {name: tenant/billing, visibility: private}}}`, i)
			}
		},
	} {
		m := imageController{name: "billing"}
		e := newTakeOver(m)
		e.late("billing", "uid-late")
		spoil(e)
		done := e.do(e.adopting())
		p := done.planOf(t, component.Key{Namespace: "tenant", Name: "billing"})
		if p.Problem != nil || !strings.Contains(e.login("billing-image-push")+e.login("billing-image-pull"), "+berth_") {
			t.Errorf("%s: %s", why, done.text)
		}
		e.shared(t, "uid-of-billing", "uid-late")
	}
}

// A robot of image-controller's that somebody uses between the list and its end stays, and so
// does the Secret that logs in as it.
func TestTakeOverClearsAwayNothingThatIsUsedMeanwhile(t *testing.T) {
	t.Parallel()
	m := imageController{name: "billing", annotated: true}
	push, pull := m.robots()
	for why, change := range map[string]func(e *env){
		"it was used again":                func(e *env) { e.quay.SetRobotTimes(org+"+"+push, e.clock.Add(-100*24*time.Hour), e.clock) },
		"Quay does not tell when any more": func(e *env) { e.quay.SetRobotTimes(org+"+"+push, e.clock.Add(-100*24*time.Hour), time.Time{}) },
		"it is somebody else's by now": func(e *env) {
			e.quay.DeleteRobot(org + "+" + push)
			e.quay.AddRobot(quaytest.Robot{Name: org + "+" + push, Description: "by hand"})
		},
		"its Secret logs in as another since": nil,
	} {
		e := newTakeOver(m)
		e.do(e.adopting())
		for _, robot := range []string{push, pull} {
			e.quay.SetRobotTimes(org+"+"+robot, e.clock.Add(-100*24*time.Hour), e.clock.Add(-grace))
		}
		changed := false
		r := e.newRunOver(func(end http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if !changed && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/robots/"+push) {
					changed = true
					if change != nil {
						change(e)
					} else {
						e.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s-image-push, namespace: tenant}, stringData: {.dockerconfigjson: '{"auths":{"%s/%s/%s":{"auth":"eDp5"}}}'}}`,
							m.request(), host, org, m.repository())
					}
				}
				return end.RoundTrip(r)
			})
		})
		takesOver(r)
		r.Policy.Adopt = false
		done := e.do(r)
		if stays := e.cluster.Object("secrets", "tenant", m.request()+"-image-push") != nil; !changed || !stays || change != nil && e.quay.RobotToken(org+"+"+push) == "" {
			t.Errorf("%s: looked: %t, the Secret stays: %t\n%s", why, changed, stays, done.text)
		}
		if e.quay.RobotToken(org+"+"+pull) != "" || e.cluster.Object("secrets", "tenant", m.request()+"-image-pull") != nil {
			t.Errorf("%s: the other one stays\n%s", why, done.text)
		}
	}
}

// takenOver tells what of a Component is not as a take-over leaves it, once what it was told
// has been taken off again.
func (e *env) takenOver(m imageController) (violations []string) {
	blame := func(format string, args ...any) {
		violations = append(violations, fmt.Sprintf("not taken over: "+format, args...))
	}
	e.newRun().Do(context.Background())
	if why := e.buildFails(m); why != "" {
		blame("a build fails: %s", why)
	}
	all := e.visibilities()
	maps.DeleteFunc(all, func(name string, _ bool) bool { return strings.HasPrefix(name, "acme/stranger/") })
	if all[org+"/"+m.repository()] != m.public || len(all) != 1 {
		blame("repositories %v", all)
	}
	request := e.cluster.Object("imagerepositories", m.space(), m.request())["metadata"].(map[string]any)
	if annotations, _ := request["annotations"].(map[string]any); annotations[component.AnnotationKeep] != "true" || annotations[component.AnnotationTakenOver] != component.KeptByBerth {
		blame("ImageRepository %v", annotations)
	}
	for _, of := range []map[string]any{request, e.cluster.Object("components", m.space(), m.name)["metadata"].(map[string]any)} {
		if finalizers := fmt.Sprint(of["finalizers"]); strings.Contains(finalizers, "image-repository") {
			blame("finalizers %v", finalizers)
		}
	}
	if stated := e.annotation(m.space(), m.name, component.AnnotationVisibility); stated != map[bool]string{true: "public", false: "private"}[m.public] {
		blame("it states %q", stated)
	}
	if login := e.login("billing-image-push"); !strings.Contains(login, "+berth_") {
		blame("the push Secret is %s's", login)
	}
	return violations
}

func mapsEqual(a, b map[string]bool) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

const grace = 7 * 24 * time.Hour

// clearing is an ordinary run, which clears away what nobody uses any more.
func (e *env) clearing() record {
	r := e.newRun()
	takesOver(r)
	r.Policy.Adopt = false
	return e.do(r)
}

// What image-controller made goes when nobody has used it for the grace, and not before.
func TestTakeOverClearsAway(t *testing.T) {
	t.Parallel()
	for _, m := range []imageController{{name: "billing"}, {name: "billing", older: true, annotated: true, public: true}} {
		push, pull := m.robots()
		secrets := func(e *env) (left []string) {
			for _, use := range []string{"push", "pull"} {
				if name := m.request() + "-image-" + use; m.annotated && e.cluster.Object("secrets", "tenant", name) != nil {
					left = append(left, use)
				}
			}
			return left
		}
		robots := func(e *env) (left []string) {
			for use, robot := range map[string]string{"push": push, "pull": pull} {
				if e.quay.RobotToken(org+"+"+robot) != "" {
					left = append(left, use)
				}
			}
			slices.Sort(left)
			return left
		}
		for _, row := range []struct {
			why     string
			push    time.Duration // since the last use; 0: not told
			pull    time.Duration
			spoil   func(*env)
			robots  string
			secrets string // of other names
			said    string
		}{
			{"both unused", grace, grace, nil, "[]", "[]", "image-controller's, and not used any more"},
			{"pushed with a minute short of it", grace - time.Minute, 2 * grace, nil, "[push]", "[push]", ""},
			{"pulled with yesterday", 3 * grace, 24 * time.Hour, nil, "[pull]", "[pull]", ""},
			{"nobody can tell when", 0, grace, nil, "[push]", "[push]", "Quay does not say when image-controller's robot"},
			{"it may not be looked at", grace, grace, func(e *env) { e.cluster.Delete("clusterrolebindings", "", "berth-take-over") }, "[pull push]", "[push pull]", "add deploy/components/take-over"},
			{"the repository is not the Component's any more", grace, grace, func(e *env) { e.quay.SetDescription(org+"/"+m.repository(), "by hand") }, "[pull push]", "[push pull]", "RepositoryNotOurs"},
			{"a robot has got another repository", grace, grace, func(e *env) { e.quay.SetPermission("acme/stranger/app", org+"+"+push, "read") }, "[push]", "[push]", ""},
			{"a robot is in a team", grace, grace, func(e *env) {
				e.quay.AddTeam(org, "builders", "member", org+"+"+push)
			}, "[push]", "[push]", "is in a team, so it stays"},
			{"a Secret of Berth's is missing", grace, grace, func(e *env) { e.cluster.Delete("secrets", "tenant", "billing-image-push") }, "[pull push]", "[push pull]", ""},
		} {
			e := newTakeOver(m)
			e.quay.AddRepository(quaytest.Repository{Name: "acme/stranger/app", Description: "somebody's", Creator: "platform"})
			e.do(e.adopting())
			made := e.clock.Add(-100 * 24 * time.Hour)
			for robot, ago := range map[string]time.Duration{push: row.push, pull: row.pull} {
				used := e.clock.Add(-ago)
				if ago == 0 {
					used = time.Time{}
				}
				e.quay.SetRobotTimes(org+"+"+robot, made, used)
			}
			if row.spoil != nil {
				row.spoil(e)
			}
			watch := &builders{e: e, made: []imageController{m}}
			r := e.newRunOver(watch.between)
			takesOver(r)
			r.Policy.Adopt = false
			done := e.do(r)
			want := row.secrets
			if !m.annotated {
				want = "[]"
			}
			if fmt.Sprint(robots(e)) != row.robots || fmt.Sprint(secrets(e)) != want || !strings.Contains(done.text, row.said) {
				t.Errorf("%+v: %s: robots %v, Secrets %v\n%s", m, row.why, robots(e), secrets(e), done.text)
			}
			if strings.Contains(done.text, "was used again") { // the list has shown it
				t.Errorf("%+v: %s: it is tried in vain\n%s", m, row.why, done.text)
			}
			if len(watch.failed) > 0 && !strings.Contains(row.why, "missing") {
				t.Errorf("%+v: %s: %v", m, row.why, watch.failed)
			}
			e.clearing()
			links := fmt.Sprint(e.cluster.Object("serviceaccounts", "tenant", m.account())["secrets"])
			if m.annotated && row.why != "a Secret of Berth's is missing" && strings.Contains(links, m.request()+"-image-push") != strings.Contains(row.secrets, "push") {
				t.Errorf("%s: links %v", row.why, links)
			}
			if again := e.clearing(); again.Summary.Changes != (report.ChangeCount{}) && again.Result() == report.ResultOK {
				t.Errorf("%s: it does not settle:\n%s", row.why, again.text)
			}
		}
	}
}

// metadataOf reads what a release is to bring back of an object.
func (e *env) metadataOf(resource, name string) string {
	metadata, _ := e.cluster.Object(resource, "tenant", name)["metadata"].(map[string]any)
	return fmt.Sprint(metadata["labels"], metadata["annotations"], metadata["ownerReferences"], metadata["finalizers"])
}

// snapshot is all that a take-over may touch of a Component, a line for each.
func (e *env) snapshot(m imageController) map[string]string {
	all := map[string]string{}
	for _, r := range e.quay.Snapshot().Repositories {
		all["repository "+r.Name] = fmt.Sprint(r.Description, r.Public)
	}
	for _, r := range e.quay.Snapshot().Robots {
		all["robot "+r.Name] = fmt.Sprint(r.Description, r.Permissions)
	}
	for _, request := range []string{m.request(), m.name} {
		for _, use := range []string{"push", "pull"} {
			name := request + "-image-" + use
			if object := e.cluster.Object("secrets", "tenant", name); object != nil {
				_, login, _ := credentialIn(object)
				all["Secret "+name] = e.metadataOf("secrets", name)
				all["login of Secret "+name] = login
			}
		}
	}
	all["ImageRepository"] = e.metadataOf("imagerepositories", m.request())
	all["Component"] = e.metadataOf("components", m.name)
	all["links"] = fmt.Sprint(e.cluster.Object("serviceaccounts", "tenant", m.account())["secrets"])
	return all
}

func releases(r *reconcile.Run) {
	takesOver(r)
	r.Policy.Adopt, r.Policy.Release = false, true
}

// What was taken over goes back, but for what is listed here, and can be taken over again.
func TestRelease(t *testing.T) {
	t.Parallel()
	always := []string{
		"robot acme+berth_*_pull", "robot acme+berth_*_push", // they work until nobody needs them
		"Component",       // where the image is, and its visibility, stay written; an old request stays off
		"ImageRepository", // image-controller sets its finalizer again, as it does for one that it has not seen yet
		"login of Secret billing-image-pull", "login of Secret billing-image-push",
	}
	beside := append([]string{"Secret billing-image-pull", "Secret billing-image-push", "links"}, always...) // they were not there
	for _, row := range []struct {
		made    imageController
		differs []string
	}{
		{imageController{name: "billing", generate: `{"visibility":"public"}`}, always},
		{imageController{name: "billing", older: true, public: true, components: true}, always},
		{imageController{name: "billing", annotated: true}, beside},
	} {
		m := row.made
		e := newTakeOver(m)
		before := e.snapshot(m)
		e.do(e.adopting())
		e.clearing()
		watch := &builders{e: e, made: []imageController{m}}
		r := e.newRunOver(watch.between)
		releases(r)
		done := e.do(r)
		after := e.snapshot(m)
		hashed := regexp.MustCompile(`berth_tenant_billing_[a-z0-9]{16}`)
		var differs []string
		for _, key := range slices.Sorted(maps.Keys(merged(before, after))) {
			if before[key] != after[key] {
				differs = append(differs, hashed.ReplaceAllString(key, "berth_*"))
			}
		}
		want := slices.Sorted(slices.Values(row.differs))
		if !slices.Equal(differs, want) || done.Result() != report.ResultOK || len(watch.failed) > 0 {
			t.Errorf("%+v: what differs is %q, want %q; %v\n%s", m, differs, want, watch.failed, done.text)
		}
		if violations := e.released(m); len(violations) > 0 {
			t.Errorf("%+v: %v", m, violations)
		}
		if s := e.clearing(); s.Result() == report.ResultOK || !strings.Contains(s.text, "RepositoryNotOurs") {
			t.Errorf("%+v: what was released is served:\n%s", m, s.text)
		}
		second := e.adoptingOver(watch.between)
		if s := e.do(second); s.Result() != report.ResultOK || len(watch.failed) > 0 {
			t.Errorf("%+v: the second take-over: %v\n%s", m, watch.failed, s.text)
		}
		if violations := e.takenOver(m); len(violations) > 0 {
			t.Errorf("%+v: after the second take-over: %v", m, violations)
		}
	}
}

// released tells what of a Component is not as a release leaves it.
func (e *env) released(m imageController) (violations []string) {
	blame := func(format string, args ...any) {
		violations = append(violations, fmt.Sprintf("not released: "+format, args...))
	}
	if why := e.buildFails(m); why != "" {
		blame("a build fails: %s", why)
	}
	for _, r := range e.quay.Snapshot().Repositories {
		if r.Name == org+"/"+m.repository() && (r.Description != component.FormerDescription || r.Public != m.public) {
			blame("the repository is public: %t, %q", r.Public, r.Description)
		}
	}
	owner := map[bool]string{true: "Component", false: "ImageRepository"}[m.annotated]
	for _, secret := range []string{"billing-image-push", "billing-image-pull"} {
		if is := e.metadataOf("secrets", secret); strings.Contains(is, "managed-by") || !strings.Contains(is, "kind:"+owner) {
			blame("Secret %s: %s", secret, is)
		}
	}
	if request := e.metadataOf("imagerepositories", m.request()); strings.Contains(request, component.AnnotationKeep) || strings.Contains(request, component.AnnotationTakenOver) {
		blame("ImageRepository: %s", request)
	}
	again := e.newRun()
	releases(again)
	if s := again.Do(context.Background()); s.Changes != (report.ChangeCount{}) || s.Result() != report.ResultOK {
		blame("it is released again: %+v", s.Changes)
	}
	return violations
}

// merged has the keys of both.
func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// A dry run says first what a take-over comes to.
func TestTakeOverIsToldFirst(t *testing.T) {
	t.Parallel()
	e := newTakeOver(imageController{name: "billing"}, imageController{name: "ledger", annotated: true}, imageController{name: "till", older: true})
	e.quay.SetDescription(org+"/tenant/shop/till", "berth/1 key=abcdefghijklmnopqrstuvwxyz ns=abcdefghijklmnop elsewhere/till")
	r := e.adopting()
	r.Header.DryRun = true
	e.resetCalls()
	done := e.do(r)
	if e.mutations() > 0 {
		t.Error("a dry run wrote something")
	}
	head, _, _ := strings.Cut(done.text, "+ create")
	for _, want := range []string{
		"Take-over: 3 Components: 1 taken over in place, 1 with new Secrets beside the old, 1 refused.",
		"  in place        tenant/billing\n", "  new beside old  tenant/ledger\n",
		"  refused         tenant/till: ImagesElsewhere: ImageRepository till has its images in repository tenant/shop/till, and this Component's is tenant/till\n",
	} {
		if !strings.Contains(head, want) {
			t.Errorf("it does not begin with %q:\n%s", want, done.text)
		}
	}
	for _, want := range []string{
		`"type":"take_over_summary"`, `"take_over":{"in_place":1,"new_beside_old":1,"refused":1}`,
		`"name":"billing","controllerKind":"Component","action":"VIEW","take_over":{"how":"in place","repository":"tenant/billing"}`,
		`"take_over":{"how":"refused","repository":"tenant/till","reason":"ImagesElsewhere: `,
	} {
		if !strings.Contains(done.json, want) {
			t.Errorf("no %s in\n%s", want, done.json)
		}
	}
}
