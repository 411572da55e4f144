package reconcile_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

func (w *playground) viewsOf(plan plan.Plan) map[component.Key]view {
	views := map[component.Key]view{}
	for _, p := range plan.Components {
		if p.Names.Repository != "" {
			views[p.Key()] = w.viewOf(p)
		}
	}
	return views
}

// judge demands of a Component after a run what its plan and its state before
// call for.
func (w *playground) judge(t *rapid.T, p plan.Component, before view) {
	if p.Names.Repository == "" {
		if p.Skipped == "" && p.Problem == nil {
			t.Fatalf("%s has no names, and nobody is told", p.Key())
		}
		return
	}
	after := w.viewOf(p)
	if p.Problem != nil {
		if !strings.Contains(after.Announced, `"message":"`) {
			t.Fatalf("%s is refused, and its owner is not told: %s", p.Key(), after.Announced)
		}
		before.Announced = after.Announced
		before.Requested, before.Stated = takenOn(before)
		if d := cmp.Diff(before, after); d != "" {
			t.Fatalf("%s is refused (%s), and was changed (-before +after):\n%s", p.Key(), p.Problem.Summary, d)
		}
		return
	}
	want, message := w.wanted(before), ""
	linked := w.cluster.Object("serviceaccounts", p.Component.Namespace, "appstudio-pipeline") != nil
	if !linked {
		message = fmt.Sprintf("ServiceAccount appstudio-pipeline does not exist, so builds cannot use Secret %s yet.", p.Names.Push.Secret)
	}
	requested, stated := takenOn(before)
	if requested == "true" && p.Deferred == "" {
		requested = ""
	}
	ideal := served(p, want, announced(p, want, message), requested)
	ideal.Linked, ideal.Stated = linked, stated
	if d := cmp.Diff(ideal, after); d != "" {
		t.Fatalf("%s is not as it should be (-want +got):\n%s", p.Key(), d)
	}
	for _, r := range w.quay.Snapshot().Robots { // an earlier Component's could still push
		if name := strings.TrimPrefix(r.Name, org+"+"); markKey(r.Description) == markKey(p.Names.Mark) && name != p.Names.Push.Robot && name != p.Names.Pull.Robot && r.Description != p.Names.Push.Mark && r.Description != p.Names.Pull.Mark && r.Permissions[org+"/"+p.Names.Repository] != "" {
			t.Fatalf("%s: robot %s of an earlier Component is left, with a right", p.Key(), r.Name)
		}
	}
}

// wanted is the visibility that a repository should have: what is stated, else
// the setting, which opens only new repositories unless told otherwise.
func (w *playground) wanted(before view) quay.Visibility {
	if _, stated := takenOn(before); stated != "" {
		return quay.Visibility(stated)
	}
	if w.policy.Visibility == quay.Public && !w.policy.AllowPublish && strings.HasSuffix(before.Repository, "private") {
		return quay.Private
	}
	return w.policy.Visibility
}

// takenOn is what a run leaves of a request, and what stands then: a request for what
// stands already stays where it is.
func takenOn(before view) (requested, stated string) {
	for _, v := range []string{"private", "public"} {
		if before.Requested == `{"visibility":"`+v+`"}` && before.Stated != v {
			return "", v
		}
	}
	return before.Requested, before.Stated
}

// probe looks at one thing that a run must leave alone.
type probe struct {
	what, before string
	read         func() string
}

// untouchable lists what is not ours, and the tokens that nobody asked to
// replace.
func (w *playground) untouchable(plan plan.Plan) (all []probe) {
	add := func(what string, read func() string) { all = append(all, probe{what, read(), read}) }
	keys, ourSecrets := map[string]bool{}, map[string]bool{}
	for _, p := range plan.Components {
		if p.Names.Repository == "" {
			continue
		}
		keys[markKey(p.Names.Mark)] = true
		for _, a := range []component.Account{p.Names.Push, p.Names.Pull} {
			if state := w.secretState(p, a); p.Problem == nil && state != "unlabelled" {
				ourSecrets[p.Component.Namespace+"/"+a.Secret] = true
			}
			if w.quay.RobotToken(org+"+"+a.Robot) != "" && p.Component.Annotations[component.AnnotationGenerate] != "true" {
				add("the token of "+a.Robot, func() string { return w.quay.RobotToken(org + "+" + a.Robot) })
			}
		}
	}
	for _, o := range w.listing(secretsPath) {
		metadata := o["metadata"].(map[string]any)
		namespace, name := metadata["namespace"].(string), metadata["name"].(string)
		if !ourSecrets[namespace+"/"+name] {
			add("Secret "+namespace+"/"+name, func() string { return marshaled(w.cluster.Object("secrets", namespace, name)) })
		}
	}
	state := w.quay.Snapshot()
	for _, r := range state.Repositories {
		if !keys[markKey(r.Description)] {
			add("repository "+r.Name, func() string { return w.repositoryText(r.Name) })
		}
	}
	for _, r := range state.Robots {
		if !keys[markKey(r.Description)] {
			add("robot "+r.Name, func() string { return w.robotText(r.Name) })
		}
	}
	return all
}

// markKey is the part of a mark that names the Component.
func markKey(mark string) string {
	fields := strings.Fields(mark)
	if len(fields) < 2 || fields[0] != "berth/1" {
		return "none"
	}
	return fields[1]
}

func marshaled(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

// repositoryText leaves out our robots: one that was let in by hand is shown
// the door again.
func (w *playground) repositoryText(name string) string {
	for _, r := range w.quay.Snapshot().Repositories {
		if r.Name == name {
			for account := range r.Permissions {
				if strings.HasPrefix(account, org+"+berth_") {
					delete(r.Permissions, account)
				}
			}
			return marshaled(r)
		}
	}
	return "gone"
}

func (w *playground) robotText(name string) string {
	for _, r := range w.quay.Snapshot().Robots {
		if r.Name == name {
			return marshaled(r) + w.quay.RobotToken(name)
		}
	}
	return "gone"
}
