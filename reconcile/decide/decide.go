package decide

import (
	"slices"

	"berth/reconcile/component"
	"berth/reconcile/decide/delivery"
	"berth/reconcile/decide/draft"
	"berth/reconcile/decide/left"
	"berth/reconcile/decide/visibility"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// planner compares a World with what it should be.
type planner struct {
	*draft.World
	courier  delivery.Courier
	rules    *visibility.Rules
	queue    map[*draft.Component]queued // the rotations
	unlinked map[string]string           // namespaces to the Component that has their dead links
	compared map[string]bool             // namespaces in which two names could be the same
	idle     []string                    // robots of earlier Components that work on nothing
}

func newPlanner(world world.World) *planner {
	known := draft.Of(world)
	return &planner{
		World: known, courier: delivery.Courier{World: known}, rules: visibility.Of(known),
		queue: map[*draft.Component]queued{}, unlinked: map[string]string{}, compared: map[string]bool{},
	}
}

// Plan compares the world with what it should be.
func Plan(world world.World) plan.Plan {
	w := newPlanner(world)
	p := plan.Plan{
		Mode: w.Mode, Missing: slices.SortedFunc(slices.Values(w.Missing), component.Key.Compare),
		Absent: slices.Sorted(slices.Values(w.Absent)), Closed: w.closed(), Odd: w.Odd,
		Defaults: w.DefaultPermissions(),
	}
	p.Components = w.all(w.Berths[0], w.pace)
	w.planNamespaces(p.Components)
	p.Elsewhere = w.all(w.Berths[1], func([]*draft.Component) {})
	for i := range p.Components {
		p.Oldest = max(p.Oldest, p.Components[i].Age)
	}
	p.Held = w.rules.Held(p.Components)
	if w.Whole && w.Policy.ReportOrphans {
		p.Orphans = left.Orphans(w.World, w.idle)
	}
	if w.Policy.PruneRobots {
		p.Left = left.Prune(w.World, &p.Orphans)
	}
	return p
}

// all plans each Component by itself, then those that are in each other's way, and last
// those that rotate: what comes of them rests on whose turn it is.
func (w *planner) all(berths []draft.Berth, pace func([]*draft.Component)) []plan.Component {
	plans := make([]plan.Component, len(berths))
	var rotating []*draft.Component
	p := &draft.Component{}
	for i := range berths {
		*p = draft.Component{Planned: &plans[i], Berth: &berths[i]}
		w.plan(p)
		if !draft.Plain(p.Planned) {
			w.compared[p.Component.Namespace] = true
		}
		if p.Rotation != nil {
			rotating, p = append(rotating, p), &draft.Component{}
			continue
		}
		w.finish(p)
	}
	w.refuseCollisions(plans, berths)
	rotating = slices.DeleteFunc(rotating, func(p *draft.Component) bool { return p.Problem != nil })
	pace(rotating)
	for _, p := range rotating {
		w.finish(p)
	}
	return plans
}

// finish plans what comes last.
func (w *planner) finish(p *draft.Component) {
	w.courier.Bring(p)
	slices.SortStableFunc(p.Aside, plan.LinksLast)
	p.Actions = append(p.Actions, p.Aside...)
	w.planImage(p)
	w.planDrain(p)
	w.planUnfinalize(p)
	w.planRetirement(p)
	p.TakeOver = w.takeOver(p)
	w.planMove(p)
	p.Stake = w.stake(p)
	p.Age = w.Age(p)
}

// unnamed is what the things are called of a Component that is not served.
var unnamed component.Names

// drifted is the note about what nobody asked to change.
const drifted = "drifted"

// plan decides about one Component, in the order of the truth table in doc.go.
func (w *planner) plan(p *draft.Component) {
	c, called := p.Berth.Component, p.Berth.Called
	namespace := w.Namespaces[c.Namespace]
	*p.Planned = plan.Component{Component: c, Names: &unnamed, TwinAsks: c.Twin != nil && component.Asker(c, w.At).UID == c.Twin.UID, Namespace: namespace.UID}
	switch {
	case c.Deleting && c.Finalizer > 0:
		p.Skipped = "it is being deleted, and waits for image-controller's finalizer, which nobody takes off while that is not there"
	case c.Deleting:
		p.Skipped = "it is being deleted"
	case namespace.Terminating:
		p.Skipped = "its namespace is being deleted"
	case namespace.UID == "":
		p.Skipped = "its namespace was deleted while the run was reading"
	}
	if p.Skipped != "" {
		return
	}
	if err := called.Err; err != nil {
		p.Refuse(invalid(err.Error(), "Give the Component another name; nothing else is done for it."))
		return
	}
	p.Names, p.Image = &called.Names, called.Image
	p.Find()
	if w.Policy.Release {
		if p.Problem = w.unreadable(p); p.Problem == nil {
			w.release(p)
		}
		return
	}
	if w.Away(called) {
		p.Skipped = w.leftAlone(p)
		return
	}
	if p.Problem = w.unreadable(p); p.Problem != nil {
		return // nothing is told to its owner of what the next run may read
	}
	stated, err := component.StatementOf(c)
	_, standing := component.ParseMarker(p.Asker(), w.At)
	p.Wanted = component.AsksRotation(p.Asker()) || standing
	if err != nil {
		p.Refuse(invalid(err.Error(), "Fix the annotation; nothing else is done for this Component."))
		return
	}
	if problem := w.notOurs(p); problem != nil {
		p.Refuse(problem)
		return
	}
	stated = w.inherit(p, stated)
	makes, opens, known := w.rules.Repository(p, stated)
	if !known {
		p.Waits, p.Deferred = true, "it waits: this run has asked for as many sources as it may"
		return
	}
	w.planRobots(p, makes)
	w.courier.Resolve(p)
	if problem := w.planSecrets(p); problem != nil {
		p.Refuse(problem)
		return
	}
	p.Actions = append(p.Actions, opens...)
	w.warnOfImage(p)
	w.planLinks(p)
	w.planDeadLinks(p)
	w.courier.Tell(p)
	w.planSuperseded(p)
	w.planReturn(p)
	w.planForeignRights(p)
	if len(makes) > 0 {
		w.planDefaults(p)
	}
	before := component.Told(c, called.Names)
	p.Announcement = component.Announcement{
		Image: p.Image, Visibility: p.Visibility, Secret: p.Names.Push.Secret, PullSecret: p.Names.Pull.Secret,
		Message: p.Message(), Rotated: before.Rotated, Rotations: before.Rotations,
	}
	w.planRotation(p)
	p.Announcement.Message = p.Message()
	if !standing { // else the message stays as it is: one write, not two
		announceAll(p)
	}
	if problem := w.unwritable(p); problem != nil {
		if w.unlinked[c.Namespace] == c.Name {
			delete(w.unlinked, c.Namespace) // they are the next one's
		}
		p.Refuse(problem)
		return
	}
	if len(p.Actions)+len(p.Aside) > 0 && p.Note == "" {
		p.Note = drifted
	}
}

func invalid(sentence, hint string) *plan.Problem {
	return &plan.Problem{Reason: plan.ReasonInvalidComponent, Whose: plan.TheTenants, Summary: sentence, Hint: hint, Tenant: sentence + ". " + hint}
}
