// Package jsonl reports a run to a machine: in goes what package report has to tell, out come
// JSON lines, one object a line, the version first and the summary last.
//
// The schema in docs/output.schema.json is what it promises; that a line could not be
// written is told at the end of the run and stops nothing.
package jsonl

import (
	"encoding/json"
	"io"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
)

// FormatVersion is of the JSON lines: adding a key raises the minor number,
// any other change the major.
const FormatVersion = "2.0"

// Reporter writes a line as soon as there is something to tell.
type Reporter struct {
	each    bool // planned change is told
	encoder *json.Encoder
	now     func() time.Time
	run     string
	err     error // the first of writing
}

// New returns a Reporter that writes to w; with less detail than [report.Folded] planned
// changes are not told one by one.
func New(w io.Writer, now func() time.Time, detail report.Detail) *Reporter {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &Reporter{encoder: e, now: now, each: detail != report.SummaryOnly && detail != report.Problems}
}

// record has the keys that the platform's log records have, and a type.
type record struct {
	TS             string `json:"ts"`
	Level          string `json:"level"`
	Msg            string `json:"msg"`
	Type           string `json:"type"`
	Run            string `json:"run"`
	Namespace      string `json:"namespace,omitempty"`
	Name           string `json:"name,omitempty"`
	ControllerKind string `json:"controllerKind,omitempty"`
	Action         string `json:"action,omitempty"`
	Audit          bool   `json:"audit,omitempty"`
}

type changeLine struct {
	record
	Change report.Change `json:"change"`
}

type failureLine struct {
	record
	Reason         plan.Reason `json:"reason"`
	Whose          plan.Whose  `json:"whose"`
	ElapsedSeconds float64     `json:"elapsed_seconds"`
}

type diagnosticLine struct {
	record
	Diagnostic report.Diagnostic `json:"diagnostic"`
}

// deliveryLine is an environment that a pull Secret has not reached.
type deliveryLine struct {
	record
	Environment string             `json:"environment"`
	Place       string             `json:"place,omitempty"`
	State       plan.DeliveryState `json:"state"`
	Reason      string             `json:"reason,omitempty"`
}

// foundLine is a Component that was asked about.
type foundLine struct {
	record
	Found report.Found `json:"found"`
}

type versionLine struct {
	record
	Version       string `json:"version"`
	FormatVersion string `json:"format_version"`
	DryRun        bool   `json:"dry_run"`
	Cluster       string `json:"cluster"`
	ClusterID     string `json:"cluster_id"`
	Quay          string `json:"quay"`
	Org           string `json:"org"`
	Lock          string `json:"lock"`
	Shard         string `json:"shard"`
}

type summaryLine struct {
	record
	Operation       report.Operation      `json:"operation"`
	Result          report.Result         `json:"result"`
	ExitCode        int                   `json:"exit_code"`
	Changes         report.ChangeCount    `json:"changes"`
	Components      report.ComponentCount `json:"components"`
	Delivery        report.DeliveryCount  `json:"delivery"`
	Rotation        rotationJSON          `json:"rotation"`
	Orphans         report.OrphanCount    `json:"orphans"`
	HeldBack        int                   `json:"held_back_namespaces"`
	Quay            quayJSON              `json:"quay"`
	DurationSeconds float64               `json:"duration_seconds"`
}

type rotationJSON struct {
	Pending            int     `json:"pending"`
	OldestTokenSeconds float64 `json:"oldest_token_seconds"`
}

type quayJSON struct {
	Requests         int     `json:"requests"`
	Logins           int     `json:"logins"`
	Retries          int     `json:"retries"`
	ThrottledSeconds float64 `json:"throttled_seconds"`
}

// Start writes the version line.
func (j *Reporter) Start(h report.Header) {
	j.run = h.Run
	j.write(versionLine{
		j.record("info", "version", "berth "+h.Version, component.Key{}, ""),
		h.Version, FormatVersion, h.DryRun, h.Cluster, h.ID, h.Quay, h.Org, h.Lock, h.Shard.String(),
	})
}

// Planned writes a line for each change, each environment that was not reached, and
// each diagnostic.
func (j *Reporter) Planned(o report.Observed, p plan.Plan, _ report.Summary) {
	for _, f := range o.Found {
		j.write(foundLine{j.record("info", "component", "found it: "+f.State, f.Key, "VIEW"), f})
	}
	j.takeOver(p)
	for _, c := range p.All() {
		for _, a := range c.Actions {
			if j.each {
				j.change("planned_change", c, report.ChangeOf(a))
			}
		}
		for _, d := range c.Deliveries {
			if d.State != plan.Delivered && d.State != plan.Unverified {
				r := j.record("info", "delivery", "environment "+component.Shown(d.Environment)+" is "+string(d.State), c.Key(), "VIEW")
				j.write(deliveryLine{r, component.Shown(d.Environment), d.Place, d.State, d.Why})
			}
		}
	}
	for _, o := range report.Orphans(p.Orphans) {
		r := j.record("info", "orphan", "left from a Component that is gone: "+string(o.Kind)+" "+o.Name, o.Component, "VIEW")
		j.write(orphanLine{r, o.Kind, o.Name, o.Made, o.Used, report.Day(o.Quarantined), report.Day(o.Since), o.Fate})
	}
	for _, d := range report.Diagnostics(p) {
		j.diagnostic(d)
	}
}

// Applied writes a line for a change that was made.
func (j *Reporter) Applied(p plan.Component, c report.Change) { j.change("apply_complete", p, c) }

func (j *Reporter) change(kind string, p plan.Component, c report.Change) {
	r := j.record("info", kind, string(c.Op)+" "+string(c.Kind)+" "+c.Target, p.Key(), c.Op.Action())
	r.Audit = c.Audit
	j.write(changeLine{r, c})
}

// Warned writes a diagnostic for a side step that failed.
func (j *Reporter) Warned(p plan.Component, w apply.Warning) { j.diagnostic(report.Warned(p, w)) }

// Failed writes a line for a Component that could not be served.
func (j *Reporter) Failed(p plan.Component, o apply.Outcome) {
	r := j.record("error", "apply_errored", o.Err.Error(), p.Key(), "UPDATE")
	j.write(failureLine{r, o.Reason, o.Whose, o.Elapsed.Seconds()})
}

func (j *Reporter) diagnostic(d report.Diagnostic) {
	r := j.record(d.Severity, "diagnostic", d.Subject(), d.Key, "VIEW")
	j.write(diagnosticLine{r, d})
}

// Finish writes the summary, always the last line.
func (j *Reporter) Finish(s report.Summary) error {
	if s.Err != nil {
		j.diagnostic(report.Diagnostic{Severity: report.SeverityError, Code: s.Code(), Summary: s.Err.Error(), Detail: report.Hint(s.Err)})
	}
	j.write(summaryLine{
		j.record("info", "change_summary", "run ended: "+string(s.Result()), component.Key{}, ""),
		s.Operation, s.Result(), s.ExitCode(), s.Changes, s.Components, s.Deliveries,
		rotationJSON{s.Rotations.Pending, s.Rotations.Oldest.Seconds()},
		s.Orphans, s.HeldBack,
		quayJSON{s.Quay.Requests, s.Quay.Logins, s.Quay.Retries, s.Quay.Throttled.Round(time.Millisecond).Seconds()},
		s.Elapsed.Seconds(),
	})
	return j.err
}

// record begins a line; a key makes it one about that Component.
func (j *Reporter) record(level, kind, msg string, k component.Key, action string) record {
	r := record{TS: j.now().UTC().Format("2006-01-02T15:04:05.000Z"), Level: level, Msg: msg, Type: kind, Run: j.run}
	if k != (component.Key{}) {
		r.Namespace, r.Name, r.ControllerKind, r.Action = k.Namespace, k.Name, component.Kind, action
	}
	return r
}

// write keeps the first error for the end: it must not stop a run half-way.
func (j *Reporter) write(line any) {
	if err := j.encoder.Encode(line); j.err == nil {
		j.err = err
	}
}

// orphanLine is a robot or a repository that was left from a Component that is gone.
type orphanLine struct {
	record
	Kind        report.Kind `json:"kind"`
	Target      string      `json:"target"`
	Made        time.Time   `json:"created,omitzero"`
	Used        time.Time   `json:"last_used,omitzero"`
	Quarantined string      `json:"quarantined,omitempty"`
	Since       string      `json:"since,omitempty"`
	Fate        string      `json:"fate,omitempty"`
}

// takeOverLine is of a Component that changes hands, and countLine of all of them.
type takeOverLine struct {
	record
	TakeOver report.TakenOver `json:"take_over"`
}

type takeOverCountLine struct {
	record
	TakeOver report.TakeOverCount `json:"take_over"`
}

// takeOver writes the counts, and a line for each Component where each change has one.
func (j *Reporter) takeOver(p plan.Plan) {
	all, n := report.TakeOvers(p)
	if len(all) == 0 {
		return
	}
	j.write(takeOverCountLine{j.record("info", "take_over_summary", "take-over: "+n.String(), component.Key{}, ""), n})
	for _, x := range all {
		if j.each || x.How == plan.Refused {
			j.write(takeOverLine{j.record("info", "take_over", "taken over: "+string(x.How), x.Key, "VIEW"), x})
		}
	}
}
