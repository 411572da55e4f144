package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// Whatever state the world is in, one run brings it to where the next finds
// nothing to do, with everything right that is ours and everything untouched
// that is not.
func TestRandomWorldsSettleInOneRun(t *testing.T) {
	t.Parallel()
	worlds, served, refused := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.dryRun()
		views, untouchable := w.viewsOf(before.plan), w.untouchable(before.plan)

		after := w.do(w.newRun())
		late := map[string]bool{} // of a new Component the creation of its Secret tells that the name is somebody else's
		for _, f := range after.Failures {
			late[f.Component] = !slices.Contains(before.Failures, f) && f.Reason == plan.ReasonNotOurs && strings.Contains(f.Message, "SecretNotOurs")
		}
		if got := after.Changes; got != before.Changes && !slices.Contains(slices.Collect(maps.Values(late)), true) {
			t.Fatalf("planned %+v, did %+v:\n%s", before.Changes, got, after.text)
		}
		for _, p := range after.plan.Components {
			if late[p.Key().String()] {
				refused++
				continue
			}
			w.judge(t, p, views[p.Key()])
			switch {
			case p.Problem != nil:
				refused++
			case p.Skipped == "":
				served++
			}
		}
		for _, u := range untouchable {
			if now := u.read(); now != u.before {
				t.Fatalf("%s was changed\nfrom %s\nto   %s\nby\n%s", u.what, u.before, now, after.text)
			}
		}
		w.resetCalls()
		again := w.do(w.newRun())
		if again.Changes != (report.ChangeCount{}) || w.mutations() != 0 {
			t.Fatalf("the second run made %d mutating requests for:\n%s\nafter:\n%s", w.mutations(), again.text, after.text)
		}
		worlds++
	})
	t.Logf("%d worlds: %d Components served, %d refused", worlds, served, refused)
}

// playground is an env under a drawn policy, to which a person does things.
type playground struct {
	*env
	policy world.Policy
	uids   int
	dying  map[string]bool // namespaces
}

func (w *playground) newRun() *reconcile.Run {
	r := w.env.newRun()
	r.Policy = w.policy
	return r
}

func (w *playground) dryRun() record {
	r := w.newRun()
	r.Header.DryRun = true
	return w.do(r)
}

func (w *playground) uid() string {
	w.uids++
	return fmt.Sprintf("uid-%d", w.uids)
}

var generates = []string{"", "", "", "false", "failed", "true", `{"visibility":"public"}`, `{"visibility":"public"}`, `{"visibility":"private"}`, `{"visibility":"open"}`}

func drawWorld(t *rapid.T) *playground {
	w := &playground{env: newEnv(), dying: map[string]bool{}}
	w.policy = w.env.newRun().Policy
	visibility := rapid.SampledFrom([]quay.Visibility{quay.Private, quay.Public})
	w.policy.Visibility = visibility.Draw(t, "visibility before")
	w.policy.AllowPublish = rapid.Bool().Draw(t, "allow publish")
	w.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Description: "by hand"})
	w.quay.AddRobot(quaytest.Robot{Name: org + "+ci", Description: "by hand", Permissions: map[string]string{org + "/library/tools": "admin"}})

	// Names that fold together, and that look like each other's robots.
	keys := []component.Key{
		{Namespace: "a", Name: "b-x"},
		{Namespace: "a-b", Name: "x"},
		{Namespace: "a", Name: "x"},
		{Namespace: "a", Name: "x-pull"},
		{Namespace: "a-b", Name: "x--y"},
		{Namespace: "c", Name: "x.y"},
	}
	for _, namespace := range []string{"a", "a-b", "c"} {
		w.namespace(namespace)
	}
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, len(keys), rapid.ID[component.Key]).Draw(t, "Components") {
		w.component(k.Namespace, k.Name, w.uid(), generate(rapid.SampledFrom(generates).Draw(t, "generate")),
			fmt.Sprintf("image.redhat.com/visibility: %q", rapid.SampledFrom([]string{"", "", "public", "private"}).Draw(t, "stated")))
	}
	w.intrude(t)
	if rapid.IntRange(0, 3).Draw(t, "served before") > 0 {
		w.do(w.newRun())
	}
	w.policy.Visibility = visibility.Draw(t, "visibility")
	for range rapid.IntRange(0, 6).Draw(t, "events") {
		plan := w.dryRun().plan
		if len(plan.Components) == 0 {
			break
		}
		p := rapid.SampledFrom(plan.Components).Draw(t, "to")
		name := rapid.SampledFrom(eventNames).Draw(t, "event")
		if p.Names.Repository != "" && !w.dying[p.Component.Namespace] {
			events[name](w, p)
		}
	}
	return w
}

func generate(value string) string {
	return fmt.Sprintf("image.redhat.com/generate: %q", value)
}

// intrude makes somebody else's things that bear our names.
func (w *playground) intrude(t *rapid.T) {
	for _, p := range w.dryRun().plan.Components {
		c, n := p.Component, p.Names
		if n.Repository == "" {
			continue
		}
		switch rapid.IntRange(0, 15).Draw(t, "foreign") {
		case 0:
			w.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: %s}, data: {password: aHVudGVyMg==}}`, n.Pull.Secret, c.Namespace)
		case 1:
			w.quay.AddRepository(quaytest.Repository{Name: org + "/" + n.Repository, Description: "by hand", Public: true})
		case 2:
			other := strings.Replace(n.Mark, "key=", "key=z", 1)
			w.quay.AddRepository(quaytest.Repository{Name: org + "/" + n.Repository, Description: other})
		case 3:
			w.quay.AddRobot(quaytest.Robot{Name: org + "+" + n.Push.Robot, Description: n.Pull.Mark})
		}
	}
}

// events are what people do. Each finds the things of a Component in any state.
var events = map[string]func(*playground, plan.Component){
	"Secret deleted": func(w *playground, p plan.Component) {
		if w.cluster.Object("secrets", p.Component.Namespace, p.Names.Push.Secret) != nil {
			w.cluster.Delete("secrets", p.Component.Namespace, p.Names.Push.Secret)
		}
	},
	"Secret spoilt": func(w *playground, p plan.Component) {
		w.patchSecret(p, p.Names.Push.Secret, `}, data: {.dockerconfigjson: e30=`)
	},
	"Secret relabelled": func(w *playground, p plan.Component) {
		w.patchSecret(p, p.Names.Pull.Secret, `, labels: {appstudio.redhat.com/component: other}`)
	},
	"label taken off": func(w *playground, p plan.Component) {
		w.patchSecret(p, p.Names.Pull.Secret, `, labels: {app.kubernetes.io/managed-by: null}`)
	},
	"owner taken off": func(w *playground, p plan.Component) {
		w.patchSecret(p, p.Names.Push.Secret, `, ownerReferences: null`)
	},
	"token replaced": func(w *playground, p plan.Component) {
		w.onRobot(p.Names.Pull.Robot, w.quay.RegenerateToken)
	},
	"robot deleted": func(w *playground, p plan.Component) {
		w.onRobot(p.Names.Push.Robot, w.quay.DeleteRobot)
	},
	"robot made admin": func(w *playground, p plan.Component) {
		w.onBoth(p, p.Names.Push.Robot, func(repository, robot string) { w.quay.SetPermission(repository, robot, "admin") })
	},
	"robot may write": func(w *playground, p plan.Component) {
		w.onBoth(p, p.Names.Pull.Robot, func(repository, robot string) { w.quay.SetPermission(repository, robot, "write") })
	},
	"permission taken away": func(w *playground, p plan.Component) {
		w.onBoth(p, p.Names.Push.Robot, w.quay.RemovePermission)
	},
	"robot let in elsewhere": func(w *playground, p plan.Component) {
		w.onRobot(p.Names.Pull.Robot, func(robot string) { w.quay.SetPermission(org+"/library/tools", robot, "admin") })
	},
	"other robot let in": func(w *playground, p plan.Component) {
		w.onBoth(p, "ci", func(repository, robot string) { w.quay.SetPermission(repository, robot, "write") })
	},
	"repository deleted": func(w *playground, p plan.Component) {
		w.onRepository(p, w.quay.DeleteRepository)
	},
	"repository opened": func(w *playground, p plan.Component) {
		w.onRepository(p, func(repository string) { w.quay.SetVisibility(repository, true) })
	},
	"repository closed": func(w *playground, p plan.Component) {
		w.onRepository(p, func(repository string) { w.quay.SetVisibility(repository, false) })
	},
	"repository redescribed": func(w *playground, p plan.Component) {
		w.onRepository(p, func(repository string) { w.quay.SetDescription(repository, "the best images") })
	},
	"Quay collects garbage": func(w *playground, _ plan.Component) { w.quay.CollectGarbage() },
	"Component deleted": func(w *playground, p plan.Component) {
		w.cluster.Delete("components", p.Component.Namespace, p.Component.Name)
		w.cluster.CollectGarbage()
	},
	"Component made again": func(w *playground, p plan.Component) { w.remake(p) },
	"Component made again, garbage collected": func(w *playground, p plan.Component) {
		w.remake(p)
		w.cluster.CollectGarbage()
	},
	"Component being deleted": func(w *playground, p plan.Component) {
		w.apply(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: %s, finalizers: [acme.org/wait]}}`,
			p.Component.Name, p.Component.Namespace)
		w.cluster.Delete("components", p.Component.Namespace, p.Component.Name)
	},
	"ServiceAccount deleted": func(w *playground, p plan.Component) {
		if w.cluster.Object("serviceaccounts", p.Component.Namespace, "appstudio-pipeline") != nil {
			w.cluster.Delete("serviceaccounts", p.Component.Namespace, "appstudio-pipeline")
		}
	},
	"ServiceAccount emptied": func(w *playground, p plan.Component) {
		w.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %s}, secrets: [{name: other}]}`, p.Component.Namespace)
	},
	"announcement edited": func(w *playground, p plan.Component) {
		w.component(p.Component.Namespace, p.Component.Name, p.Component.UID, `image.redhat.com/image: '{"image":"quay.io/evil/image"}'`)
	},
	"stated public":   func(w *playground, p plan.Component) { w.state(p, `{"visibility":"public"}`) },
	"stated private":  func(w *playground, p plan.Component) { w.state(p, `{"visibility":"private"}`) },
	"stated nonsense": func(w *playground, p plan.Component) { w.state(p, "nonsense") },
	"nothing stated":  func(w *playground, p plan.Component) { w.state(p, "false") },
	"rotation asked":  func(w *playground, p plan.Component) { w.state(p, "true") },
	"namespace being deleted": func(w *playground, p plan.Component) {
		w.dying[p.Component.Namespace] = true
		w.cluster.Terminate(p.Component.Namespace)
	},
	"namespace made again": func(w *playground, p plan.Component) {
		w.cluster.Delete("namespaces", "", p.Component.Namespace)
		w.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s, uid: %[2]s}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: %[1]s}}`, p.Component.Namespace, w.uid())
		w.component(p.Component.Namespace, p.Component.Name, w.uid())
	},
}

var eventNames = func() (names []string) {
	for name := range events {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}()

func (w *playground) remake(p plan.Component) {
	w.cluster.Delete("components", p.Component.Namespace, p.Component.Name)
	if w.cluster.Object("components", p.Component.Namespace, p.Component.Name) == nil {
		w.component(p.Component.Namespace, p.Component.Name, w.uid())
	}
}

func (w *playground) state(p plan.Component, value string) {
	w.component(p.Component.Namespace, p.Component.Name, p.Component.UID, generate(value))
}

func (w *playground) patchSecret(p plan.Component, name, change string) {
	if w.cluster.Object("secrets", p.Component.Namespace, name) != nil {
		w.apply(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: %s%s}}`, name, p.Component.Namespace, change)
	}
}

func (w *playground) onRobot(robot string, do func(string)) {
	if w.quay.RobotToken(org+"+"+robot) != "" {
		do(org + "+" + robot)
	}
}

func (w *playground) onRepository(p plan.Component, do func(string)) {
	name := org + "/" + p.Names.Repository
	if slices.ContainsFunc(w.quay.Snapshot().Repositories, func(r quaytest.Repository) bool { return r.Name == name }) {
		do(name)
	}
}

func (w *playground) onBoth(p plan.Component, robot string, do func(repository, robot string)) {
	w.onRepository(p, func(repository string) {
		w.onRobot(robot, func(robot string) { do(repository, robot) })
	})
}
