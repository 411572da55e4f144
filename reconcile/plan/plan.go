package plan

import (
	"slices"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/world"
)

// Plan is everything a run would change, and everything it found that it
// will not. It is plain, sorted data; the same World gives the same Plan.
type Plan struct {
	Components []Component     // all of them, by namespace and name
	Missing    []component.Key // asked for by name, not there
	Absent     []string        // namespaces named to the run, not there
	Closed     []Closed        // namespaces named to the run that cannot be read
	Defaults   Defaults
	Odd        []string // objects whose form cannot be read
	Orphans    Orphans
	Left       []Component // of Components that are gone: what is done about what is left of each
	Mode       world.Mode
	Oldest     time.Duration // the age of the oldest token in a Secret
	Held       int           // repositories that stay private although the setting says public
	HeldBack   []HeldBack
	Elsewhere  []Component // other shards' Components, which count for the guard alone
}

// Component is the plan for one Component.
type Component struct {
	Component  kube.Component
	Asker      kube.Component  // it, or its twin, if that is where new credentials are asked for
	Namespace  string          // the uid of its namespace
	Visibility quay.Visibility // that its repository will have
	Why        string          // it will
	Names      component.Names
	Image      string
	Note       string // in a word or two, what is the matter
	Actions    []Action
	Warnings   []Warning
	Platform   []Warning     // those that are not its owner's business
	Deliveries []Delivery    // by environment
	Age        time.Duration // of the older token in its Secrets, 0: Quay does not tell
	Skipped    string        // why nothing is to be done
	Problem    *Problem      // why nothing can be done
	Deferred   string        // what waits for a later run, and why
	TakeOver   TakeOver      // how it is taken over from image-controller; "": there is nothing to take over
	Gone       bool          // it is not there: the plan is about what is left of it

	Common   *Common   // what it does for its whole namespace; nil: nothing
	Rotation *Rotation // nil: none is wanted, or it waits for its pace
	Wanted   bool      // a request for rotation, or a marker, stands on it

	Stake Stake // for the guard
}

// Warning is something that is not as it should be, and that keeps nothing else from
// being done. Its text is a sentence for the Component's owner, too.
type Warning struct {
	Code, Text string
	Told       string // to the owner in place of a text that others wrote, which may change in every run; "": the text
}

// Key names the Component.
func (p Component) Key() component.Key { return component.KeyOf(p.Component) }

// Closed is a namespace that was named to the run and cannot be read.
type Closed struct {
	Namespace string
	Problem   Problem
}

// planner compares a World with what it should be.
type planner struct {
	world.World
	index
	unlinked map[string]string // namespaces to the Component that has their dead links
	doubted  map[string]bool   // git hosts that are not believed
	idle     []string          // robots of earlier Components that work on nothing
}

// planned is the plan itself, under a name that leaves the one of its Component alone.
type planned = Component

// draft is the plan of a Component in the making, with what is known only meanwhile.
type draft struct {
	*planned
	roles        [2]role // push, then pull
	announcement component.Announcement
	aside        []Action // to be appended when all else is planned
	waits        bool     // nothing can be decided in this run
	places       world.Resolution
	queued       queued // its rotation
}

func (p *draft) warn(code, text string) {
	p.Warnings = append(p.Warnings, Warning{Code: code, Text: text})
}

// Make compares the world with what it should be.
func Make(world world.World) Plan {
	w := &planner{World: world, index: indexOf(world), unlinked: map[string]string{}}
	w.doubted = w.doubts()
	p := Plan{
		Mode: w.Mode, Missing: slices.SortedFunc(slices.Values(w.Missing), component.Key.Compare),
		Absent: slices.Sorted(slices.Values(w.Absent)), Closed: w.closed(), Odd: w.Odd,
		Defaults: w.defaults(),
	}
	p.Components = w.all(w.Components, w.pace)
	w.planNamespaces(p.Components)
	p.Elsewhere = w.all(w.Elsewhere, func([]*draft) {})
	for i := range p.Components {
		p.Oldest = max(p.Oldest, p.Components[i].Age)
		if w.held(&p.Components[i]) {
			p.Held++
		}
	}
	if w.Whole && w.Policy.ReportOrphans {
		p.Orphans = w.orphans()
	}
	if w.Policy.PruneRobots {
		p.Left = w.prune(&p.Orphans)
	}
	return p
}

// all plans each Component by itself, then those that are in each other's way, and last
// those that rotate: what comes of them rests on whose turn it is.
func (w *planner) all(components []kube.Component, pace func([]*draft)) []Component {
	order := func(a, b kube.Component) int { return component.KeyOf(a).Compare(component.KeyOf(b)) }
	if !slices.IsSortedFunc(components, order) {
		components = slices.SortedFunc(slices.Values(components), order)
	}
	plans := make([]Component, len(components))
	var rotating []*draft
	p := &draft{}
	for i, c := range components {
		*p = draft{planned: &plans[i]}
		if w.plan(p, c); p.Rotation != nil {
			rotating, p = append(rotating, p), &draft{}
			continue
		}
		w.finish(p)
	}
	w.refuseCollisions(plans)
	rotating = slices.DeleteFunc(rotating, func(p *draft) bool { return p.Problem != nil })
	pace(rotating)
	for _, p := range rotating {
		w.finish(p)
	}
	return plans
}

// finish plans what comes last.
func (w *planner) finish(p *draft) {
	w.planRemoteSecret(p)
	p.Actions = append(p.Actions, p.aside...)
	w.planImage(p)
	w.planDrain(p)
	w.planUnfinalize(p)
	w.planRetirement(p)
	p.TakeOver = w.takeOver(p)
	w.planMove(p)
	p.Stake = w.stake(p)
	p.Age = w.age(p)
}

// drifted is the note about what nobody asked to change.
const drifted = "drifted"

// plan decides about one Component, in the order of the truth table in doc.go.
func (w *planner) plan(p *draft, c kube.Component) {
	namespace := w.Namespaces[c.Namespace]
	*p.planned = Component{Component: c, Asker: component.Asker(c, w.At), Namespace: namespace.UID}
	switch {
	case c.Deleting && c.Finalizer > 0:
		p.Skipped = "it is being deleted, and waits for image-controller's finalizer, which nobody takes off while that is not there"
	case c.Deleting:
		p.Skipped = "it is being deleted"
	case namespace.Terminating:
		p.Skipped = "its namespace is being deleted"
	case namespace.UID == "":
		p.Skipped = "its namespace appeared while the run was reading"
	}
	if p.Skipped != "" {
		return
	}
	names, err := w.Names(c)
	if err != nil {
		p.refuse(invalid(err.Error(), "Give the Component another name; nothing else is done for it."))
		return
	}
	p.Names, p.Image = names, w.ImageOf(c, names.Repository)
	if w.Policy.Release {
		if p.Problem = w.unreadable(c, names); p.Problem == nil {
			w.release(p)
		}
		return
	}
	if w.Away(c) {
		p.Skipped = w.leftAlone(p)
		return
	}
	if p.Problem = w.unreadable(c, names); p.Problem != nil {
		return // nothing is told to its owner of what the next run may read
	}
	stated, err := component.StatementOf(c)
	_, standing := component.ParseMarker(p.Asker, w.At)
	p.Wanted = component.AsksRotation(p.Asker) || standing
	if err != nil {
		p.refuse(invalid(err.Error(), "Fix the annotation; nothing else is done for this Component."))
		return
	}
	if problem := w.notOurs(c, names); problem != nil {
		p.refuse(problem)
		return
	}
	stated = w.inherit(p, stated)
	makes, opens, known := w.planRepository(p, stated)
	if !known {
		p.waits, p.Deferred = true, "it waits: this run has asked for as many sources as it may"
		return
	}
	w.planRobots(p, makes)
	w.planPlaces(p)
	if problem := w.planSecrets(p); problem != nil {
		p.refuse(problem)
		return
	}
	p.Actions = append(p.Actions, opens...)
	w.warnOfImage(p)
	w.planLinks(p)
	w.planDeadLinks(p)
	w.planEnvironments(p)
	w.planSuperseded(p)
	w.planReturn(p)
	w.planForeignRights(p)
	if len(makes) > 0 {
		w.planDefaults(p)
	}
	before := component.Told(c, names)
	p.announcement = component.Announcement{
		Image: p.Image, Visibility: p.Visibility, Secret: names.Push.Secret, PullSecret: names.Pull.Secret,
		Message: p.message(), Rotated: before.Rotated, Rotations: before.Rotations,
	}
	w.planRotation(p)
	p.announcement.Message = p.message()
	if !standing { // else the message stays as it is: one write, not two
		p.announceAll()
	}
	if problem := w.unwritable(p); problem != nil {
		if w.unlinked[c.Namespace] == c.Name {
			delete(w.unlinked, c.Namespace) // they are the next one's
		}
		p.refuse(problem)
		return
	}
	if len(p.Actions)+len(p.aside) > 0 && p.Note == "" {
		p.Note = drifted
	}
}

// refuse ends the plan of a Component.
func (p *draft) refuse(problem *Problem) {
	*p.planned = p.Refuse(problem)
	p.aside = nil
}

// TakeOn writes down a visibility that the owner asks for. It comes first, and for a
// Component that cannot be served, too: the next request would be written over this one.
func (p *Component) TakeOn() {
	for _, one := range component.Both(p.Component) {
		if v := component.Unwritten(one); v != "" {
			p.Actions, p.Note = append(p.Actions, StateVisibility{one.Name, p.Of(one), v}), "visibility stated"
		}
	}
}

// Refuse is the plan of a Component that cannot be served; all that is left to do is to
// tell its owner.
func (p Component) Refuse(problem *Problem) Component {
	p.Problem, p.Actions, p.Rotation, p.Common, p.Platform = problem, nil, nil, nil, nil
	p.TakeOn()
	for _, one := range component.Both(p.Component) {
		if value := component.WithMessage(one, p.Names, p.Image, problem.Tenant); !Told(one, value) {
			p.Actions = append(p.Actions, Announce{one.Name, p.Of(one), value, true})
		}
	}
	return p
}

// Told reports whether a Component says what it is to say, or cannot be written on.
func Told(c kube.Component, value string) bool {
	return c.Annotations[component.AnnotationImage] == value || c.Odd
}

// Of tells which of two Components that are one berth one is.
func (p Component) Of(one kube.Component) Group {
	if p.Component.Twin == nil {
		return ""
	}
	return Group(one.Group.String())
}
