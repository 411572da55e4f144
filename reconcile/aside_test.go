package reconcile_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"berth/kube/kubetest"
	"berth/quay/quaytest"
	"berth/reconcile/component"
	"berth/reconcile/report"
	"berth/reconcile/report/jsonl"
)

// What a Component's owner needs comes first, and a side step that fails for good holds
// nothing of it back. Only a right that could not be taken away makes the run fail.
func TestSideStepsHoldNothingBack(t *testing.T) {
	t.Parallel()
	mirrored := quaytest.Fault{
		Method: http.MethodDelete, Route: quaytest.RouteRobot, Times: -1, Status: 400, ContentType: "application/json",
		Body: `{"detail": "Robot is being used by a mirror", "error_message": "Robot is being used by a mirror", "error_type": "invalid_request", "title": "invalid_request", "status": 400}`,
	}
	recreate := func(e *env) {
		e.component("tenant", "billing", "uid-0")
		e.do(e.newRun())
		e.cluster.Delete("components", "tenant", "billing")
		e.cluster.CollectGarbage()
	}
	for _, row := range []struct {
		why      string
		prepare  func(*env) // before the Component is there
		spoil    func(*env)
		ask      string // for a rotation; "": revoke
		code     int
		told     string // in the text
		warnings int    // in the JSON lines and in the log
		unlinked bool
		tries    int // to take a right away, in a run
	}{
		{why: "nothing fails"},
		{
			why: "an earlier robot that Quay does not delete", prepare: recreate,
			spoil: func(e *env) { e.quay.Inject(mirrored) },
			code:  1, told: "Error: tenant/billing: delete robot", tries: 2,
		},
		{
			why: "a ServiceAccount that may not be changed",
			spoil: func(e *env) {
				e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "serviceaccounts", Times: -1, Status: 403, Message: "no"})
			},
			told: "Warning: tenant/billing: patch ServiceAccount tenant/", warnings: 2, unlinked: true,
		},
		{
			why: "a foreign permission that stays", prepare: func(e *env) {
				e.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Description: "by hand"})
				e.component("tenant", "billing", "uid-1")
				e.do(e.newRun())
				for _, r := range e.quay.Snapshot().Robots {
					e.quay.SetPermission(org+"/library/tools", r.Name, "write")
				}
				e.cluster.Delete("secrets", "tenant", "billing-image-push")
				e.cluster.Delete("remotesecrets", "tenant", "billing-image-pull")
			},
			spoil: func(e *env) {
				e.quay.Inject(quaytest.Fault{Method: http.MethodDelete, Route: quaytest.RouteUserPermission, Times: -1, Status: 400})
			},
			ask: `'{"rotate":"graceful"}'`, code: 1, told: "Error: tenant/billing: ", tries: 2,
		},
		{
			why: "all of them at once", prepare: func(e *env) {
				recreate(e)
				e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}, secrets: []}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: tenant}, imagePullSecrets: []}`)
			},
			spoil: func(e *env) {
				e.quay.Inject(mirrored)
				e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: "serviceaccounts", Times: -1, Status: 403, Message: "no"})
			},
			code: 1, told: "Error: tenant/billing: delete robot", warnings: 2, unlinked: true, tries: 2,
		},
	} {
		e := newEnv()
		e.deliver()
		e.bind("billing", "dev", "stage")
		if row.prepare != nil {
			row.prepare(e)
		}
		ask := "image.redhat.com/generate: " + cmp.Or(row.ask, `"true"`)
		e.component("tenant", "billing", "uid-1", ask)
		if row.spoil != nil {
			row.spoil(e)
		}
		var log, text, lines bytes.Buffer
		var s report.Summary
		for range 2 {
			r := e.newRun()
			r.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			r.Report = report.Together{wholeText(&text), jsonl.New(&lines, e.now, report.Full)}
			log.Reset()
			text.Reset()
			lines.Reset()
			e.resetCalls()
			s = r.Do(t.Context())
			e.sync()
		}
		if s.ExitCode() != row.code || !strings.Contains(text.String(), row.told) {
			t.Errorf("%s: exit %d, want %d and %q\n%s", row.why, s.ExitCode(), row.code, row.told, text.String())
		}
		if got := strings.Count(log.String(), "left undone"); got != row.warnings {
			t.Errorf("%s: %d warnings in the log, want %d:\n%s", row.why, got, row.warnings, log.String())
		}
		if got := warningsIn(lines.String()); got != row.warnings {
			t.Errorf("%s: %d warnings in the JSON lines, want %d:\n%s", row.why, got, row.warnings, lines.String())
		}
		if got := e.quay.Requests(http.MethodDelete, quaytest.RouteRobot) + e.quay.Requests(http.MethodDelete, quaytest.RouteUserPermission); got != row.tries {
			t.Errorf("%s: %d rights were tried to be taken away, want %d", row.why, got, row.tries)
		}
		if row.code == 0 && (s.Components.Failed != 0 || s.Result() != report.ResultOK) {
			t.Errorf("%s: it is counted as a failure: %+v", row.why, s.Components)
		}
		if told := e.annotation("tenant", "billing", component.AnnotationImage); !strings.Contains(told, "billing-image-push") {
			t.Errorf("%s: the owner is told %s", row.why, told)
		}
		if e.annotation("tenant", "billing", component.AnnotationGenerate) != "" {
			t.Errorf("%s: the request for rotation stands", row.why)
		}
		for _, m := range e.undelivered("tenant-stage") {
			t.Errorf("%s: %s", row.why, m)
		}
		pipeline := e.cluster.Object("serviceaccounts", "tenant", "appstudio-pipeline")
		if links, _ := pipeline["secrets"].([]any); (len(links) == 0) != row.unlinked {
			t.Errorf("%s: linked: %v", row.why, links)
		}
	}
}

// warningsIn counts the diagnostics about a Component that a run's applying has added.
func warningsIn(lines string) (n int) {
	for line := range strings.Lines(lines) {
		var l struct {
			Type, Level, Name string
			Diagnostic        struct{ Severity, Code string }
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Type == "diagnostic" && l.Name == "billing" && l.Level == "warning" && l.Diagnostic.Code == "kube_forbidden" {
			n++
		}
	}
	return n
}

// Nor is a side step held back by what others need: the links of a Component whose
// delivery is broken, the removal of a right where access cannot be given.
func TestSideStepsAreNotHeldBack(t *testing.T) {
	t.Parallel()
	e := newDelivery("stage")
	e.cluster.SetWebhook(false)
	if s := e.do(e.newRun()); s.ExitCode() != 1 {
		t.Errorf("without the operator's webhook: exit %d", s.ExitCode())
	}
	pipeline := e.cluster.Object("serviceaccounts", "tenant", "appstudio-pipeline")
	if links, _ := pipeline["secrets"].([]any); len(links) == 0 {
		t.Error("builds cannot use the push Secret while delivery is broken")
	}

	e = newEnv()
	e.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Description: "by hand"})
	e.component("tenant", "billing", "uid-1")
	e.run(t)
	robots := e.quay.Snapshot().Robots
	for _, r := range robots {
		e.quay.SetPermission(org+"/library/tools", r.Name, "write")
	}
	e.cluster.Delete("secrets", "tenant", "billing-image-push")
	e.apply(`{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}, secrets: []}`)
	e.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Times: -1, Status: 403, Message: "exceeded quota"})
	if s := e.do(e.newRun()); s.ExitCode() != 1 {
		t.Errorf("without room for a Secret: exit %d", s.ExitCode())
	}
	for _, r := range e.quay.Snapshot().Robots {
		if role := r.Permissions[org+"/library/tools"]; role != "" {
			t.Errorf("robot %s may still %s what is not its own", r.Name, role)
		}
	}
	pipeline = e.cluster.Object("serviceaccounts", "tenant", "appstudio-pipeline")
	if links, _ := pipeline["secrets"].([]any); len(links) != 0 {
		t.Errorf("a Secret is linked that is not there: %v", links)
	}
}
