package reconcile_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/kube/kubetest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
)

// traits are in what the manifests that people keep differ. Every two values of two of
// them meet in some shape.
var traits = [...][]string{
	dimGroup:       {"old", "new", "both", "both-newer-first"},
	dimSource:      {"none", "git-url", "git-url-open", "url-versions", "url-open", "url-down"},
	dimApplication: {"shop", "no-application"},
	dimName:        {"same", "absent", "differs", "long", "too-long", "dashes", "dotted"},
	dimImage:       {"", "ours", "ours-tagged", "beside", "organization", "ghcr.io", "docker.io", "garbage"},
	dimGenerate:    {"-", "", "true", "True\n", "false", "failed", `{"visibility":"public"}`, `{"visibility":"private"}`, `{"rotate":"graceful"}`, `{"visibility":"open"}`, "yes please"},
	dimPlace:       placeNames,
}

const (
	dimGroup = iota
	dimSource
	dimApplication
	dimName
	dimImage
	dimGenerate
	dimPlace
)

// shape is a value of each trait, by its index.
type shape [len(traits)]int

func (s shape) of(trait int) string { return traits[trait][s[trait]] }

func (s shape) String() string {
	words := make([]string, len(s))
	for d := range s {
		words[d] = cmp.Or(strings.TrimSpace(s.of(d)), "empty")
	}
	return strings.Join(words, " ")
}

// shapes are so many that every two values meet: each begins with two that have not met,
// and takes for the rest what has met least of it.
func shapes() (all []shape) {
	type meeting [4]int
	met := map[meeting]bool{}
	between := func(s shape, d, e int) meeting { return meeting{d, s[d], e, s[e]} }
	for d := range traits {
		for e := d + 1; e < len(traits); e++ {
			for i := range len(traits[d]) * len(traits[e]) {
				first := meeting{d, i / len(traits[e]), e, i % len(traits[e])}
				if met[first] {
					continue
				}
				var s shape
				s[d], s[e] = first[1], first[3]
				taken := []int{d, e}
				for f := range traits {
					if f == d || f == e {
						continue
					}
					best := -1
					for k := range traits[f] {
						v := (k + len(all)) % len(traits[f]) // so that equals take turns
						news, with := 0, s
						with[f] = v
						for _, g := range taken {
							if !met[between(with, min(f, g), max(f, g))] {
								news++
							}
						}
						if news > best {
							best, s[f] = news, v
						}
					}
					taken = append(taken, f)
				}
				for f := range traits {
					for g := f + 1; g < len(traits); g++ {
						met[between(s, f, g)] = true
					}
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// places are what Environments and bindings there are in a namespace: of each Component of
// application shop there is one binding for every Environment in bound.
var places = map[string]struct {
	environments map[string]string // to the rest of the spec
	claims       map[string]string // to phase
	bound        []string
	by           string // "name": metadata.name
	application  string // of the bindings; "": the Component's
	twice        bool   // two bindings of one kind
	unauthorized bool
	here         bool   // it is pulled in the Component's own namespace
	there        string // the namespace elsewhere that it is pulled in
	told         string
}{
	"none":              {here: true},
	"unbound":           {environments: map[string]string{"dev": ""}, here: true},
	"other-application": {environments: map[string]string{"dev": elsewhere}, bound: []string{"dev"}, application: "another", here: true},
	"own":               {environments: map[string]string{"dev": ""}, bound: []string{"dev"}, here: true},
	"own-by-name":       {environments: map[string]string{"dev": ""}, bound: []string{"dev"}, by: "name", here: true},
	"parent-and-child":  {environments: map[string]string{"dev": "", "stage": "parentEnvironment: dev, " + elsewhere}, bound: []string{"dev", "stage"}, here: true, there: "place"},
	"elsewhere":         {environments: map[string]string{"stage": elsewhere}, bound: []string{"stage"}, there: "place"},
	"elsewhere-by-name": {environments: map[string]string{"stage": elsewhere}, bound: []string{"stage"}, by: "name", there: "place"},
	"bound-twice":       {environments: map[string]string{"stage": elsewhere}, bound: []string{"stage"}, twice: true, there: "place"},
	"not-allowed":       {environments: map[string]string{"stage": elsewhere}, bound: []string{"stage"}, unauthorized: true, told: "Environment stage cannot be reached: "},
	"remote":            {environments: map[string]string{"prod": credentials("prod", otherCluster, "other-cluster")}, bound: []string{"prod"}, there: "prod"},
	"claim":             {environments: map[string]string{"prod": claiming}, claims: map[string]string{"prod": "Bound"}, bound: []string{"prod"}, there: "prod"},
	"claim-pending":     {environments: map[string]string{"prod": claiming}, claims: map[string]string{"prod": "Pending"}, bound: []string{"prod"}, told: "DeploymentTargetClaim prod is not bound yet"},
	"claim-missing":     {environments: map[string]string{"prod": claiming}, bound: []string{"prod"}, told: "DeploymentTargetClaim prod does not exist"},
	"no-environment":    {bound: []string{"gone"}, told: "there is no such Environment"},
	"no-namespace":      {environments: map[string]string{"stage": credentials("", otherCluster, "other-cluster")}, bound: []string{"stage"}, told: "Environment stage cannot be reached: "},
	"all-kinds":         {environments: map[string]string{"dev": "", "stage": elsewhere, "prod": claiming}, claims: map[string]string{"prod": "Bound"}, bound: []string{"dev", "stage", "prod"}, here: true, there: "place"},
}

var (
	placeNames = []string{
		"none", "unbound", "other-application", "own", "own-by-name", "parent-and-child", "elsewhere", "elsewhere-by-name", "bound-twice",
		"not-allowed", "remote", "claim", "claim-pending", "claim-missing", "no-environment", "no-namespace", "all-kinds",
	}
	elsewhere = credentials("place", "", "")
)

const claiming = "configuration: {target: {deploymentTargetClaim: {claimName: prod}}}"

func credentials(namespace, api, secret string) string {
	return fmt.Sprintf("unstableConfigurationFields: {kubernetesCredentials: {targetNamespace: '%s', apiURL: '%s', clusterCredentialsSecret: '%s', allowInsecureSkipTLSVerify: false}}", namespace, api, secret)
}

// Whatever a Component's manifest looks like, its owner has what it takes to build and to
// pull, or a word on why not; and once all is done, nothing is written any more.
func TestEveryShapeIsServedOrTold(t *testing.T) {
	t.Parallel()
	all := shapes()
	if len(all) < 70 {
		t.Fatalf("%d shapes", len(all))
	}
	for _, row := range []struct {
		why    string
		change func(*reconcile.Run)
		layout component.Layout
		bound  bool // Environments count
	}{
		{"as installed", func(*reconcile.Run) {}, component.LayoutComponent, true},
		{"without RemoteSecrets, by application", func(r *reconcile.Run) { r.Policy.RemoteSecrets = "" }, component.LayoutApplication, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			w := newShapes(all, row.layout, row.bound)
			run := func() record {
				w.sync()
				w.clock = w.clock.Add(15 * time.Minute)
				w.resetCalls()
				r := w.newRun()
				r.Policy.SetImages, r.Policy.PushServiceAccounts = true, []string{pipeline, "build-pipeline-{component}"}
				r.Naming.Layout = row.layout
				row.change(r)
				s := w.do(r)
				if s.ExitCode() != 0 || s.Components.Failed != 0 {
					t.Fatalf("exit code %d: %+v\n%s", s.ExitCode(), s.Components, s.text)
				}
				return s
			}
			run()
			w.again()
			run()
			last := run()
			if last.Components.Total != len(all) {
				t.Errorf("%d of %d Components were seen", last.Components.Total, len(all))
			}
			served, told := 0, 0
			for i, s := range all {
				outcome, wrong := w.judge(i, s, last.text)
				t.Logf("%03d %-10s %s", i, outcome, s)
				for _, what := range wrong {
					t.Errorf("%03d %s: %s", i, s, what)
				}
				if outcome == "served" {
					served++
				} else {
					told++
				}
			}
			if n := w.mutations(); n != 0 {
				t.Errorf("the third run writes:\n%s", last.text)
			}
			t.Logf("shapes: %d, served: %d, told: %d, writes of the third run: %d", len(all), served, told, w.mutations())
		})
	}
}

// shapeWorld has a Component of each shape, in a namespace for each kind of places.
type shapeWorld struct {
	*env
	shapes []shape
	keys   []component.Key
	layout component.Layout
	bound  bool
}

// sources are git hosts that answer by what is asked.
type sources struct{ hosts }

func (sources) Probe(_ context.Context, address string) gitsource.Verdict {
	switch {
	case strings.Contains(address, "open"):
		return itsSourceIsOpen
	case strings.Contains(address, "down"):
		return gitsource.Verdict{Answer: gitsource.Unknown, Reason: "its source did not answer"}
	}
	return itsSourceRefuses
}

func newShapes(all []shape, layout component.Layout, bound bool) *shapeWorld {
	w := &shapeWorld{env: newEnv(), shapes: all, layout: layout, bound: bound}
	w.git = sources{}
	w.cluster.Install(lateComponents)
	w.delivery = &delivery{other: kubetest.New(kubetest.Options{})}
	w.other.AddUser("operator", "operator", true)
	w.other.Apply([]byte(`{apiVersion: v1, kind: Namespace, metadata: {name: prod}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: prod}}`))
	w.operator = w.newOperator()
	w.namespace("place")
	w.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: place}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: deployer, namespace: place},
 rules: [{apiGroups: [""], resources: [secrets, serviceaccounts], verbs: ["*"]}]}`)
	for i, name := range placeNames {
		w.place(name, i%2 == 0)
	}
	for i, s := range all {
		w.keys = append(w.keys, component.Key{Namespace: s.of(dimPlace), Name: s.name(i)})
	}
	// A Component of both groups has an older one.
	for _, phase := range [][]string{{"both/old", "both-newer-first/new"}, {"old/old", "new/new"}, {"both/new", "both-newer-first/old"}} {
		for i, s := range all {
			for _, made := range phase {
				if group, of, _ := strings.Cut(made, "/"); group == s.of(dimGroup) {
					w.manifest(i, s, of)
				}
			}
		}
		w.clock = w.clock.Add(time.Minute)
	}
	for i, s := range all {
		w.bindings(i, s)
	}
	return w
}

// place makes a namespace with what there is of Environments.
func (w *shapeWorld) place(name string, shared bool) {
	w.namespace(name)
	if !shared { // builds run as an account for each Component
		w.cluster.Delete("serviceaccounts", name, pipeline)
	}
	p := places[name]
	label := `appstudio.redhat.com/remotesecret-auth-sa: "true"`
	if p.unauthorized {
		label = ""
	}
	w.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: %[1]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: deployer, namespace: %[1]s, labels: {%[2]s}}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: deployer-%[1]s, namespace: place},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}, subjects: [{kind: ServiceAccount, name: deployer, namespace: %[1]s}]}
---
{apiVersion: v1, kind: Secret, metadata: {name: other-cluster, namespace: %[1]s}, stringData: {kubeconfig: "{}"}}`, name, label)
	for environment, spec := range p.environments {
		w.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: %s, namespace: %s},
 spec: {displayName: %[1]s, deploymentStrategy: Manual, %[3]s}}`, environment, name, spec)
	}
	for claim, phase := range p.claims {
		w.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTargetClaim, metadata: {name: %[1]s, namespace: %[2]s},
 spec: {deploymentTargetClassName: c, targetName: %[1]s}, status: {phase: %[3]s}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: DeploymentTarget, metadata: {name: %[1]s, namespace: %[2]s},
 spec: {claimRef: %[1]s, kubernetesCredentials: {defaultNamespace: prod, apiURL: '%[4]s', clusterCredentialsSecret: other-cluster}}}`, claim, name, phase, otherCluster)
	}
}

func (s shape) name(i int) string {
	name := fmt.Sprintf("web-%03d", i)
	switch s.of(dimName) {
	case "long":
		return name + strings.Repeat("-x", 35)
	case "too-long":
		return name + strings.Repeat("-x", 123)
	case "dashes":
		return name + "--v1"
	case "dotted":
		return name + ".v1"
	}
	return name
}

// componentName is spec.componentName.
func (s shape) componentName(i int) string {
	switch s.of(dimName) {
	case "same":
		return s.name(i)
	case "absent":
		return ""
	}
	return fmt.Sprintf("ui-%03d", i)
}

// repository is the Component's, below the organization.
func (w *shapeWorld) repository(i int) string {
	if w.layout == component.LayoutApplication {
		return w.keys[i].Namespace + "/shop/" + w.keys[i].Name
	}
	return w.keys[i].String()
}

// image is what spec.containerImage was.
func (w *shapeWorld) image(i int, s shape) string {
	return map[string]string{
		"ours":         host + "/" + org + "/" + w.repository(i),
		"ours-tagged":  host + "/" + org + "/" + w.repository(i) + ":v1",
		"beside":       host + "/" + org + "/tenant/other",
		"organization": host + "/globex/web",
		"ghcr.io":      "ghcr.io/acme/web@sha256:" + strings.Repeat("a", 64),
		"docker.io":    "acme/web",
		"garbage":      "https://quay.test/ acme",
	}[s.of(dimImage)]
}

var sourceSpecs = map[string]string{
	"git-url":      `, source: {git: {url: "https://git.example/a.git", revision: main, context: "./", dockerfileUrl: Dockerfile}}`,
	"git-url-open": `, source: {git: {url: "https://git.example/open"}}`,
	"url-versions": `, source: {url: "https://git.example/a", versions: [{name: main, revision: main}]}`,
	"url-open":     `, source: {url: "https://git.example/open"}`,
	"url-down":     `, source: {url: "https://git.example/down"}`,
}

// again applies what states a visibility once more, as what keeps it in Git does.
func (w *shapeWorld) again() {
	for i, s := range w.shapes {
		if s.states() {
			w.manifest(i, s, s.asker())
		}
	}
}

func (s shape) states() bool { return strings.HasPrefix(s.of(dimGenerate), `{"visibility":"p`) }

func (s shape) both() bool { return strings.HasPrefix(s.of(dimGroup), "both") }

// manifest adds the Component of one group. Of both, one bears the annotation.
func (w *shapeWorld) manifest(i int, s shape, group string) {
	version, annotations := "appstudio.redhat.com", ""
	if group == "new" {
		version = "konflux-ci.dev"
		if account := "build-pipeline-" + w.keys[i].Name; s.of(dimName) != "too-long" {
			w.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: %s, namespace: %s}}`, account, w.keys[i].Namespace)
		}
	}
	if s.of(dimGenerate) != "-" && group == s.asker() {
		annotations = generate(s.of(dimGenerate))
	}
	spec := "replicas: 1" + sourceSpecs[s.of(dimSource)]
	if image := w.image(i, s); image != "" {
		spec += fmt.Sprintf(", containerImage: %q", image)
	}
	if !s.both() || group == "old" { // those that move leave behind what is not demanded any more
		if s.of(dimApplication) == "shop" {
			spec += ", application: shop"
		}
		if name := s.componentName(i); name != "" {
			spec += ", componentName: " + name
		}
	}
	w.apply(`{apiVersion: %s/v1alpha1, kind: Component, metadata: {name: %s, namespace: %s, uid: uid-%s-%03d, annotations: {%s}}, spec: {%s}}`,
		version, w.keys[i].Name, w.keys[i].Namespace, group, i, annotations, spec)
}

func (s shape) asker() string {
	return map[string]string{"old": "old", "new": "new", "both": "new", "both-newer-first": "old"}[s.of(dimGroup)]
}

func (w *shapeWorld) bindings(i int, s shape) {
	p := places[s.of(dimPlace)]
	name := cmp.Or(s.componentName(i), s.name(i))
	if p.by == "name" {
		name = s.name(i)
	}
	again := []string{""}
	if p.twice {
		again = append(again, "-again")
	}
	for _, environment := range p.bound {
		for _, suffix := range again {
			w.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: b-%03d-%s%s, namespace: %s},
 spec: {application: %s, environment: %[2]s, snapshot: s, components: [{name: %[6]s}]}}`, i, environment, suffix, w.keys[i].Namespace, cmp.Or(p.application, "shop"), name)
		}
	}
}

// judge says whether a Component is served or told, and what is wrong with that.
func (w *shapeWorld) judge(i int, s shape, output string) (outcome string, wrong []string) {
	key, generate := w.keys[i], s.of(dimGenerate)
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	read := map[string]func(namespace, name, annotation string) string{"old": w.annotation, "new": w.lateAnnotation}
	word := read[s.asker()](key.Namespace, key.Name, component.AnnotationImage)
	for group, r := range read {
		demand(!s.both() || r(key.Namespace, key.Name, component.AnnotationImage) == word, "the %s one of both is told something else than %s", group, word)
	}
	push := w.cluster.Object("secrets", key.Namespace, key.Name+"-image-push")
	image, login, token := credentialIn(push)
	granted, _ := w.quay.Granted(login, token, org+"/"+w.repository(i))
	unasked := slices.Contains([]string{"-", "", "false", "failed"}, generate)
	asked := read[s.asker()](key.Namespace, key.Name, component.AnnotationGenerate)
	switch {
	case w.layout == component.LayoutApplication && s.of(dimApplication) != "shop":
		demand(push == nil && strings.Contains(word, "spec.application is not a valid name"), "it is told %s", word)
		return "told", wrong
	case s.of(dimName) == "too-long":
		demand(push == nil && strings.Contains(word, "characters long; Quay allows"), "it is told %s", word)
		return "told", wrong
	case slices.Contains([]string{`{"visibility":"open"}`, "yes please"}, generate):
		demand(push == nil, "it has a Secret")
		demand(strings.Contains(word, `"message":"`) && strings.Contains(word, component.AnnotationGenerate) && asked == generate, "it is told %s of %q", word, asked)
		return "told", wrong
	case unasked && slices.Contains([]string{"organization", "ghcr.io", "docker.io"}, s.of(dimImage)):
		demand(push == nil && strings.Contains(output, key.String()+" skipped: it is built to "), "it is not skipped")
		return "left alone", wrong
	}
	ours := host + "/" + org + "/" + w.repository(i)
	demand(image == ours && slices.Equal(granted, []string{"push", "pull"}), "its push Secret is for %q and worth %v", image, granted)
	demand(asked == "" || unasked || s.states(), "its request stands: %s", asked) // what is stated again changes nothing
	for group, resource := range map[string]string{"old": "components", "new": lateComponents} {
		if object := w.cluster.Object(resource, key.Namespace, key.Name); object != nil {
			spec, _ := object["spec"].(map[string]any)
			named, _ := spec["containerImage"].(string)
			demand(named == w.named(i, s), "spec.containerImage of the %s one is %q", group, named)
		}
	}
	w.visible(i, s, demand)
	for what, needed := range map[string]bool{
		"spec.containerImage is":                 !slices.Contains([]string{"", "ours", "ours-tagged"}, s.of(dimImage)),
		"None of the ServiceAccounts":            !w.builder(i, s),
		cmp.Or(places[key.Namespace].told, "\n"): w.runs(s) && places[key.Namespace].told != "",
	} {
		demand(strings.Contains(word, what) == needed, "that it is told of %q should be %v: %s", what, needed, word)
	}
	w.pulled(i, s, demand)
	return "served", wrong
}

// builder reports whether there is an account that builds run as.
func (w *shapeWorld) builder(i int, s shape) bool {
	return s.of(dimGroup) != "old" || w.cluster.Object("serviceaccounts", w.keys[i].Namespace, pipeline) != nil
}

// named is what spec.containerImage is to be.
func (w *shapeWorld) named(i int, s shape) string {
	if s.of(dimImage) == "" && w.builder(i, s) {
		return host + "/" + org + "/" + w.repository(i)
	}
	return w.image(i, s)
}

// runs reports whether a Component is bound to Environments.
func (w *shapeWorld) runs(s shape) bool {
	p := places[s.of(dimPlace)]
	return w.bound && s.of(dimApplication) == "shop" && len(p.bound) > 0 && p.application == ""
}

func (w *shapeWorld) visible(i int, s shape, demand func(bool, string, ...any)) {
	want := strings.HasSuffix(s.of(dimSource), "open")
	switch s.of(dimGenerate) {
	case `{"visibility":"public"}`:
		want = true
	case `{"visibility":"private"}`:
		want = false
	}
	for _, r := range w.quay.Snapshot().Repositories {
		if r.Name == org+"/"+w.repository(i) {
			demand(r.Public == want, "that its repository is public should be %v", want)
			return
		}
	}
	demand(false, "it has no repository")
}

// pulled looks for the pull Secret where the Component runs.
func (w *shapeWorld) pulled(i int, s shape, demand func(bool, string, ...any)) {
	key, p := w.keys[i], places[s.of(dimPlace)]
	secret := key.Name + "-image-pull"
	here := !w.runs(s) || p.here
	demand(slices.Contains(w.linked(key.Namespace, "default", "imagePullSecrets"), secret) == here, "that it is pulled here should be %v", here)
	for _, there := range []string{key.Namespace, "place", "prod"} {
		needed := there == key.Namespace || w.runs(s) && (p.there == there || key.Namespace == "all-kinds")
		cluster := w.cluster
		if there == "prod" {
			cluster = w.other
		}
		_, login, token := credentialIn(cluster.Object("secrets", there, secret))
		granted, _ := w.quay.Granted(login, token, org+"/"+w.repository(i))
		demand(slices.Equal(granted, []string{"pull"}) == needed, "its pull Secret in %s is worth %v", there, granted)
	}
}
