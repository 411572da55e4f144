package reconcile_test

import (
	"strings"
	"testing"

	"berth/reconcile/component"
	"berth/reconcile/report"
)

// A repository that takes no pushes is left so, since somebody made it so; its owner is
// told why builds fail, and so is who reads the run.
func TestRepositoryThatTakesNoPushes(t *testing.T) {
	t.Parallel()
	for state, words := range map[string]string{
		"READ_ONLY":  "The repository is read-only at Quay, so pushes to it are refused.",
		"MIRROR":     "The repository is a mirror of another at Quay, so pushes to it are refused.",
		"ORG_MIRROR": "The whole organization at Quay is a mirror of another, so pushes to the repository are refused.",
		"FROZEN":     "The repository is in a state at Quay in which pushes to it are refused.",
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			e := newEnv()
			e.component("tenant", "api", "uid-1")
			e.component("tenant", "web", "uid-2")
			e.run(t)
			before := e.annotation("tenant", "api", component.AnnotationImage)
			e.quay.SetState(org+"/tenant/api", state)
			e.resetCalls()

			r := e.do(e.newRun())
			if r.ExitCode() != 0 || r.Changes != (report.ChangeCount{Update: 1}) || e.quay.Mutations() != 0 || !strings.Contains(r.text, "Warning: tenant/api: "+words) {
				t.Errorf("exit %d, %+v, %d writes to Quay:\n%s", r.ExitCode(), r.Changes, e.quay.Mutations(), r.text)
			}
			told := e.annotation("tenant", "api", component.AnnotationImage)
			if !strings.Contains(told, words) || !strings.Contains(told, `"image"`) || strings.Contains(e.annotation("tenant", "web", component.AnnotationImage), "message") {
				t.Errorf("told %s", told)
			}
			e.settled(t)
			if again := e.do(e.newRun()); !strings.Contains(again.text, words) || !strings.Contains(again.json, `"code":"takes_no_pushes"`) {
				t.Errorf("the next run is silent:\n%s", again.text)
			}
			e.quay.SetState(org+"/tenant/api", "NORMAL")
			e.run(t)
			if now := e.annotation("tenant", "api", component.AnnotationImage); now != before {
				t.Errorf("when it is over, told %s", now)
			}
		})
	}
}

// Builds begin when spec.containerImage is set: not while they could only fail.
func TestNoBuildBeginsThatCouldNotPush(t *testing.T) {
	t.Parallel()
	e := newEnv()
	e.component("tenant", "api", "uid-1")
	e.run(t)
	e.quay.SetState(org+"/tenant/api", "READ_ONLY")
	image := func() any {
		spec, _ := e.cluster.Object("components", "tenant", "api")["spec"].(map[string]any)
		return spec["containerImage"]
	}
	for _, state := range []string{"READ_ONLY", "NORMAL"} {
		e.quay.SetState(org+"/tenant/api", state)
		r := e.newRun()
		r.Policy.SetImages = true
		e.do(r)
		if set := image() != nil; set != (state == "NORMAL") {
			t.Errorf("%s: spec.containerImage is %v", state, image())
		}
	}
}
