package report

import (
	"encoding/json"
	"io"
	"time"

	"berth/reconcile/apply"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// FormatVersion is of the JSON lines: adding a key raises the minor number,
// any other change the major.
const FormatVersion = "2.0"

// JSON reports a run to a machine: one object a line, described by the schema
// in docs/output.schema.json.
type JSON struct {
	Detail Detail // with less than [Folded] planned changes are not told one by one; "": all are

	encoder *json.Encoder
	now     func() time.Time
	run     string
	err     error // the first of writing
}

// NewJSON returns a Reporter that writes to w.
func NewJSON(w io.Writer, now func() time.Time) *JSON {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &JSON{encoder: e, now: now}
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
	Change changeJSON `json:"change"`
}

type failureLine struct {
	record
	Reason         plan.Reason `json:"reason"`
	Whose          plan.Whose  `json:"whose"`
	ElapsedSeconds float64     `json:"elapsed_seconds"`
}

type diagnosticLine struct {
	record
	Diagnostic diagnosticJSON `json:"diagnostic"`
}

// deliveryLine is an environment that a pull Secret has not reached.
type deliveryLine struct {
	record
	Environment string             `json:"environment"`
	Place       string             `json:"place,omitempty"`
	State       plan.DeliveryState `json:"state"`
	Reason      string             `json:"reason,omitempty"`
}

// orphanLine is a robot or a repository that was left from a Component that is gone.
type orphanLine struct {
	record
	of          component.Key
	made, used  string     // the days
	Kind        Kind       `json:"kind"`
	Target      string     `json:"target"`
	Made        *time.Time `json:"created,omitempty"`
	Used        *time.Time `json:"last_used,omitempty"`
	Quarantined string     `json:"quarantined,omitempty"`
	Since       string     `json:"since,omitempty"`
	Fate        string     `json:"fate,omitempty"`
}

// foundLine is a Component that was asked about.
type foundLine struct {
	record
	Found Found `json:"found"`
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

type changeJSON struct {
	Op     Op                `json:"op"`
	Kind   Kind              `json:"kind"`
	Target string            `json:"target"`
	Group  string            `json:"group,omitempty"`
	Reason string            `json:"reason,omitempty"`
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
}

type diagnosticJSON struct {
	Severity string     `json:"severity"`
	Code     string     `json:"code"`
	Summary  string     `json:"summary"`
	Detail   string     `json:"detail,omitempty"`
	Whose    plan.Whose `json:"whose,omitempty"`
}

type summaryLine struct {
	record
	Operation       Operation      `json:"operation"`
	Result          Result         `json:"result"`
	ExitCode        int            `json:"exit_code"`
	Changes         ChangeCount    `json:"changes"`
	Components      ComponentCount `json:"components"`
	Delivery        DeliveryCount  `json:"delivery"`
	Rotation        rotationJSON   `json:"rotation"`
	Orphans         OrphanCount    `json:"orphans"`
	HeldBack        int            `json:"held_back_namespaces"`
	Quay            quayJSON       `json:"quay"`
	DurationSeconds float64        `json:"duration_seconds"`
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
func (j *JSON) Start(h Header) {
	j.run = h.Run
	j.write(versionLine{
		j.record("info", "version", "berth "+h.Version, component.Key{}, ""),
		h.Version, FormatVersion, h.DryRun, h.Cluster, h.ID, h.Quay, h.Org, h.Lock, h.Shard.String(),
	})
}

// Planned writes a line for each change, each environment that was not reached, and
// each diagnostic.
func (j *JSON) Planned(o Observed, p plan.Plan, _ Summary) {
	for _, f := range o.Found {
		j.write(foundLine{j.record("info", "component", "found it: "+f.State, f.Key, "VIEW"), f})
	}
	each := j.Detail != SummaryOnly && j.Detail != Problems
	j.takeOver(p, each)
	for _, c := range p.All() {
		for _, a := range c.Actions {
			if each {
				j.change("planned_change", c, ChangeOf(a))
			}
		}
		for _, d := range c.Deliveries {
			if d.State != plan.Delivered && d.State != plan.Unverified {
				r := j.record("info", "delivery", "environment "+component.Shown(d.Environment)+" is "+string(d.State), c.Key(), "VIEW")
				j.write(deliveryLine{r, component.Shown(d.Environment), d.Place, d.State, d.Why})
			}
		}
	}
	for _, l := range orphanLines(p.Orphans) {
		l.record = j.record("info", "orphan", "left from a Component that is gone: "+string(l.Kind)+" "+l.Target, l.of, "VIEW")
		j.write(l)
	}
	for _, d := range diagnostics(p) {
		j.diagnostic(d)
	}
}

// Applied writes a line for a change that was made.
func (j *JSON) Applied(p plan.Component, c Change) { j.change("apply_complete", p, c) }

func (j *JSON) change(kind string, p plan.Component, c Change) {
	r := j.record("info", kind, string(c.Op)+" "+string(c.Kind)+" "+c.Target, p.Key(), c.Op.Action())
	r.Audit = c.Audit
	j.write(changeLine{r, changeJSON{c.Op, c.Kind, c.Target, c.Group, c.Reason, c.Before, c.After}})
}

// Warned writes a diagnostic for a side step that failed.
func (j *JSON) Warned(p plan.Component, w apply.Warning) { j.diagnostic(warned(p, w)) }

// Failed writes a line for a Component that could not be served.
func (j *JSON) Failed(p plan.Component, o apply.Outcome) {
	r := j.record("error", "apply_errored", o.Err.Error(), p.Key(), "UPDATE")
	j.write(failureLine{r, o.Reason, o.Whose, o.Elapsed.Seconds()})
}

func (j *JSON) diagnostic(d diagnostic) {
	r := j.record(d.severity, "diagnostic", d.subject(), d.key, "VIEW")
	j.write(diagnosticLine{r, diagnosticJSON{d.severity, d.code, d.summary, d.detail, d.whose}})
}

// Finish writes the summary, always the last line.
func (j *JSON) Finish(s Summary) error {
	if s.Err != nil {
		j.diagnostic(diagnostic{severity: severityError, code: s.Code(), summary: s.Err.Error(), detail: hint(s.Err)})
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
func (j *JSON) record(level, kind, msg string, k component.Key, action string) record {
	r := record{TS: j.now().UTC().Format("2006-01-02T15:04:05.000Z"), Level: level, Msg: msg, Type: kind, Run: j.run}
	if k != (component.Key{}) {
		r.Namespace, r.Name, r.ControllerKind, r.Action = k.Namespace, k.Name, component.Kind, action
	}
	return r
}

// write keeps the first error for the end: it must not stop a run half-way.
func (j *JSON) write(line any) {
	if err := j.encoder.Encode(line); j.err == nil {
		j.err = err
	}
}
