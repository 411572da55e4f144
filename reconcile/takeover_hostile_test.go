package reconcile_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// victim is another tenant's Component, as image-controller has filled it.
var victim = imageController{name: "billing", namespace: "victim"}

// asks is what a tenant writes in its namespace as an ImageRepository.
type asks struct {
	group, name, metadata, spec, status string
}

func (e *env) request(r asks) {
	uid := "uid-of-evil-" + r.name
	if r.group != "" {
		e.cluster.Install("imagerepositories." + r.group)
	} else if r.group = "appstudio.redhat.com"; r.name == "x" { // it is there, and written anew
		uid = "uid-of-request-x"
	}
	e.apply(`{apiVersion: %s/v1alpha1, kind: ImageRepository, metadata: {name: %s, namespace: evil, uid: %s, %s}, spec: {%s}, status: {%s}}`,
		r.group, r.name, uid, r.metadata, r.spec, r.status)
}

// evilSecret has a login of the tenant's choice, and belongs to an object of its choice.
func (e *env) evilSecret(name, owner, image, login string) {
	e.apply(`{apiVersion: v1, kind: Secret, type: kubernetes.io/dockerconfigjson, metadata: {name: %s, namespace: evil,
  ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: ImageRepository, name: x, uid: %s}]},
 stringData: {.dockerconfigjson: '{"auths":{"%s":{"auth":"%s"}}}'}}`, name, owner, image, base64.StdEncoding.EncodeToString([]byte(login+":guessed")))
}

// others is all that is not the namespace's own, at Quay and in the cluster.
func (e *env) others(namespace string) string {
	var b strings.Builder
	all := e.quay.Snapshot()
	for _, r := range all.Repositories {
		if !strings.HasPrefix(r.Name, org+"/"+namespace+"/") {
			fmt.Fprintf(&b, "%+v\n", r)
		}
	}
	for _, r := range all.Robots {
		own := len(r.Permissions) > 0
		for name := range r.Permissions {
			own = own && strings.HasPrefix(name, org+"/"+namespace+"/")
		}
		if !own {
			fmt.Fprintf(&b, "%+v\n", r)
		}
	}
	for _, name := range []string{"billing-image-push", "billing-image-pull"} {
		secret := e.cluster.Object("secrets", victim.space(), name)
		image, login, _ := credentialIn(secret)
		metadata, _ := secret["metadata"].(map[string]any)
		fmt.Fprintln(&b, name, image, login, metadata["labels"], metadata["ownerReferences"])
	}
	for _, resource := range []string{"imagerepositories", "components"} {
		metadata, _ := e.cluster.Object(resource, victim.space(), "billing")["metadata"].(map[string]any)
		fmt.Fprintln(&b, metadata["annotations"], metadata["finalizers"], metadata["ownerReferences"])
	}
	fmt.Fprintln(&b, e.cluster.Object("serviceaccounts", victim.space(), victim.account())["secrets"])
	return ofCluster.ReplaceAllString(b.String(), "$1")
}

// ofCluster is what differs from one cluster to the next.
var ofCluster = regexp.MustCompile(`(key=|berth_victim_billing_)[a-z0-9]+`)

// gained is what the tenant's Secrets let it do with what is not its own.
func (e *env) gained() (all []string) {
	for _, name := range []string{"x-image-push", "x-image-pull", "billing-image-push", "billing-image-pull"} {
		secret := e.cluster.Object("secrets", "evil", name)
		if secret == nil {
			continue
		}
		_, login, token := credentialIn(secret)
		for _, r := range e.quay.Snapshot().Repositories {
			if granted, _ := e.quay.Granted(login, token, r.Name); len(granted) > 0 && !strings.HasPrefix(r.Name, org+"/evil/") {
				all = append(all, fmt.Sprintf("its Secret %s may %v %s", name, granted, r.Name))
			}
		}
	}
	return all
}

// What a tenant writes as an ImageRepository is believed of its own Components alone.
func TestHostileImageRepositories(t *testing.T) {
	t.Parallel()
	const (
		url    = `image: {url: quay.test/acme/victim/billing, visibility: public}`
		labels = `labels: {appstudio.redhat.com/component: x, appstudio.redhat.com/application: shop}`
		owned  = `ownerReferences: [{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, name: %s, uid: %s}]`
		keeps  = `finalizers: [appstudio.openshift.io/image-repository]`
		taken  = `annotations: {image.redhat.com/taken-over: kept-before, image-controller.appstudio.redhat.com/skip-repository-deletion: "true"}`
	)
	victimPush, victimPull := victim.robots()
	owner := func(name, uid string) string { return fmt.Sprintf(owned, name, uid) }
	rows := []struct {
		why   string
		does  func(*env)
		whole bool // its own Component is served, too
	}{
		{"its state names the other's repository", func(e *env) { e.request(asks{name: "x", metadata: labels, status: url}) }, true},
		{"it asks for the other's repository", func(e *env) {
			e.request(asks{name: "x", metadata: labels, spec: `image: {name: victim/billing, visibility: public}`})
		}, true},
		{"another one of it asks and has, too", func(e *env) {
			e.request(asks{name: "more", metadata: labels, spec: `image: {name: victim/billing, visibility: public}`, status: "state: ready, " + url})
		}, true},
		{"it names the other's robots", func(e *env) {
			e.request(asks{name: "x", metadata: labels, status: fmt.Sprintf("%s, credentials: {push-robot-account: %s, pull-robot-account: %s}", url, victimPush, victimPull)})
		}, true},
		{"it names the other's Secrets, by paths", func(e *env) {
			e.request(asks{name: "x", metadata: labels, status: url + ", credentials: {push-secret: ../victim/billing-image-push, pull-secret: victim/billing-image-pull}"})
		}, true},
		{"its labels name the other's Component and application", func(e *env) {
			e.request(asks{name: "more", metadata: `labels: {appstudio.redhat.com/component: billing, appstudio.redhat.com/application: victim}`, status: url})
		}, true},
		{"it is owned by the other's Component", func(e *env) {
			e.request(asks{name: "more", metadata: owner("billing", "uid-of-billing"), status: url})
		}, true},
		{"it is owned by the other's Component under its own's name", func(e *env) {
			e.request(asks{name: "more", metadata: owner("x", "uid-of-billing"), status: url})
		}, true},
		{"its Component has the other's name, and so has it", func(e *env) {
			e.component("evil", "billing", "uid-of-evil-component")
			e.request(asks{name: "billing", metadata: owner("billing", "uid-of-evil-component") + ", " + keeps, status: url})
		}, true},
		{"it says that it was taken over, of the other's repository", func(e *env) {
			e.request(asks{name: "x", metadata: labels + ", " + taken + ", " + keeps, status: url})
		}, true},
		{"it says that its repository is not to be kept", func(e *env) {
			e.request(asks{name: "more", metadata: labels + `, annotations: {image-controller.appstudio.redhat.com/skip-repository-deletion: "no", image.redhat.com/taken-over: "yes"}, ` + keeps, status: url})
		}, true},
		{"it is held by finalizers of others", func(e *env) {
			e.request(asks{name: "more", metadata: labels + `, finalizers: [a.example/x, appstudio.openshift.io/image-repository, image-controller.appstudio.openshift.io/image-repository, z.example/y]`, status: url})
		}, true},
		{"a path leads out of its namespace", func(e *env) {
			e.request(asks{name: "more", metadata: labels, status: `image: {url: quay.test/acme/evil/../victim/billing}`})
			e.request(asks{name: "most", metadata: labels, status: `image: {url: "quay.test/acme/victim/billing@sha256:0"}`})
		}, true},
		{"the other's organization, or registry, with its own path", func(e *env) {
			e.request(asks{name: "more", metadata: labels, status: `image: {url: quay.test/victim/x}`})
			e.request(asks{name: "most", metadata: labels, status: `image: {url: quay.test.evil.example/acme/victim/billing}`})
		}, true},
		{"it is larger than anything is", func(e *env) {
			e.request(asks{name: "more", metadata: labels, status: `image: {url: quay.test/acme/evil/` + strings.Repeat("x/", 9000) + `victim/billing}`})
		}, true},
		{"nothing in it is a name", func(e *env) {
			e.request(asks{name: "more", metadata: owner("../billing", "uid-of-billing"), spec: `image: {name: "////"}`, status: `image: {url: "quay.test/acme///victim//billing"}`})
		}, true},
		{"it is of the younger group", func(e *env) {
			e.request(asks{group: "konflux-ci.dev", name: "x", metadata: labels + ", " + taken + ", " + keeps, status: url})
		}, true},
		{"there are many of it", func(e *env) {
			for i := range 40 {
				e.request(asks{name: fmt.Sprintf("a%d", i), metadata: labels + ", " + keeps, status: url})
			}
		}, true},
		{"its Secret logs in as the other's robot", func(e *env) {
			e.evilSecret("x-image-push", "uid-of-request-x", "quay.test/acme/victim/billing", org+"+"+victimPush)
			e.evilSecret("x-image-pull", "uid-of-request-x", "quay.test/acme/victim/billing", org+"+"+victimPull)
		}, true},
		{"its Secret belongs to the other's ImageRepository", func(e *env) {
			e.evilSecret("x-image-push", "uid-of-request-billing", "quay.test/acme/victim/billing", org+"+"+victimPush)
		}, false},
	}
	phases := func(e *env) []*reconcile.Run {
		release := e.newRun()
		releases(release)
		later := e.newRun()
		takesOver(later)
		later.Policy.Adopt = false
		return []*reconcile.Run{e.adopting(), later, release}
	}
	build := func(does func(*env)) *env {
		e := newEnv()
		e.namespace("victim")
		e.namespace("evil")
		e.cluster.Install("imagerepositories")
		e.imageController(victim)
		e.imageController(imageController{name: "x", namespace: "evil"})
		does(e)
		for _, m := range []imageController{victim, {name: "x", namespace: "evil"}} {
			push, pull := m.robots()
			for _, robot := range []string{push, pull} {
				e.quay.SetRobotTimes(org+"+"+robot, e.clock.Add(-100*24*time.Hour), e.clock.Add(-2*grace))
			}
		}
		return e
	}
	honest := build(func(*env) {})
	var want []string
	for _, r := range phases(honest) {
		r.Do(context.Background())
		want = append(want, honest.others("evil"))
	}
	if want[0] == want[1] || want[1] == want[2] || strings.Contains(want[1], victimPush) {
		t.Fatalf("the other's robots do not come and go: %s", strings.Join(want, "\n\n"))
	}
	gained := 0
	for _, row := range rows {
		e := build(row.does)
		blame := func(when, what string) {
			gained++
			t.Errorf("%s: %s: %s", row.why, when, what)
		}
		before := e.others("evil")
		first := e.adopting()
		first.Scope = world.Scope{Namespaces: []string{"evil"}}
		done := e.do(first)
		if now := e.others("evil"); now != before {
			blame("taking over itself alone", fmt.Sprintf("what is the other's was\n%sand is\n%s", before, now))
		}
		for i, r := range phases(e) {
			when := []string{"taking over", "a week later", "giving back"}[i]
			all := e.do(r)
			if now := e.others("evil"); now != want[i] {
				blame(when, fmt.Sprintf("what is the other's is not\n%sbut\n%s", want[i], now))
			}
			if why := e.buildFails(victim); why != "" {
				blame(when, "a build of the other's fails: "+why)
			}
			if p := all.planOf(t, component.Key{Namespace: "victim", Name: "billing"}); p.Problem != nil || row.whole && len(all.Failures) > 0 {
				blame(when, fmt.Sprintf("the other is not served: %v %v", p.Problem, all.Failures))
			}
			for _, what := range e.gained() {
				blame(when, what)
			}
		}
		if p := done.planOf(t, component.Key{Namespace: "evil", Name: "x"}); (p.Problem == nil) != row.whole {
			t.Errorf("%s: its own Component: %v", row.why, p.Problem)
		}
		for _, object := range []string{"more", "x"} {
			if finalizers := fmt.Sprint(e.cluster.Object("imagerepositories", "evil", object)["metadata"]); strings.Contains(row.why, "of others") && object == "more" &&
				(!strings.Contains(finalizers, "a.example/x") || !strings.Contains(finalizers, "z.example/y")) {
				t.Errorf("%s: %s", row.why, finalizers)
			}
		}
	}
	t.Logf("hostile ImageRepositories: %d, gained: %d", len(rows), gained)
}
