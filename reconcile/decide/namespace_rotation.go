package decide

import (
	"cmp"
	"slices"

	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// New credentials of a namespace's Secret are asked for on the namespace, and answered there
// as on a Component: the request comes off and a marker says which generation answers it, in
// one patch, before anything is made. So where that patch is refused no robot is made, in
// however many runs. The marker goes when the Secret is at that generation or a younger one
// and, to revoke, what is older is gone. For its age a robot is replaced without either.

// requestsFirst orders namespaces, each with the places of its plans: those that ask for new
// credentials get the turns of a run before those whose time it is.
func (w *planner) requestsFirst(namespaces [][]plan.Component) [][]plan.Component {
	namespaces = world.InTurns(namespaces, w.Turn, func(of []plan.Component) string { return of[0].Component.Namespace })
	waits := func(of []plan.Component) int {
		asker := component.NamespaceAsker(w.Namespaces[of[0].Component.Namespace])
		if _, standing := component.ParseMarker(asker, w.At); standing || component.AsksRotation(asker) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(namespaces, func(a, b []plan.Component) int { return cmp.Compare(waits(a), waits(b)) })
	return namespaces
}

// rotation decides whether new credentials are made, or what was begun goes on; nil: neither.
// One without a stamp is answered by the first robot, which this run makes.
func (s *shared) rotation(p *plan.Component, turns *int) *plan.Rotation {
	asked, err := component.RequestOf(s.of.Component)
	m, standing := component.ParseMarker(s.of.Component, s.At)
	p.WantedForAll = standing || asked.Rotate != ""
	r := &plan.Rotation{How: asked.Rotate}
	s.rank = requested
	switch {
	case standing:
		r, s.rank = &plan.Rotation{How: m.How, To: m.To, Resumed: true}, resumed
		if !s.role.Before(s.role.Held, s.role.At(m.To).Robot) {
			return r // what is left is to say so
		}
	case asked.Rotate != "" && len(s.role.All) == 0:
		return r
	case asked.Rotate != "" && s.waitsForPace(&s.of, asked.Rotate):
		s.waits(p, s.of.Deferred)
		return nil
	case asked.Rotate != "":
	case s.role.Held != "" && s.role.Held == s.role.Robot && s.tooOld(&s.of):
		r.How, s.rank = component.Graceful, byAge
	default:
		if err != nil || asked.Visibility != "" {
			s.waits(p, "annotation "+component.AnnotationGenerate+" of a namespace takes 'true' or '{\"rotate\":\"graceful\"}'")
		}
		return nil
	}
	if !s.complete {
		if s.rank != byAge {
			s.waits(p, "its robot works on repositories that this run has not read")
		}
		return nil
	}
	if *turns--; *turns < 0 {
		return nil
	}
	if !r.Resumed {
		r.To = component.NextStamp(s.At, [2]component.Account{s.role.Account, s.role.Account}, append(slices.Clone(s.role.All), s.role.Held))
	}
	return r
}

func (s *shared) waits(p *plan.Component, why string) {
	p.Platform = append(p.Platform, plan.Warning{Code: "namespace_secret", Text: "the namespace asks for new credentials for its pull Secret, and does not get them: " + why})
}

// take takes a request on, if this is how its rotation begins.
func (s *shared) take(r *plan.Rotation) {
	if r != nil && s.rank == requested && r.To != "" {
		s.actions = append(s.actions, plan.TakeRequest{
			Account: s.role.At(r.To), Namespace: s.of.Component.Namespace, Request: s.of.Component.Annotations[component.AnnotationGenerate], How: r.How, To: r.To,
		})
	}
}

// answer ends what was asked for; to is the generation that the Secret has by then.
func (s *shared) answer(r *plan.Rotation, to component.Account) {
	if s.rank == byAge {
		return
	}
	for _, robot := range s.role.All {
		if r.How == component.Revoke && s.role.Before(robot, to.Robot) {
			s.actions = append(s.actions, plan.DeleteRobot{Account: to.With(robot), Drain: true, Revokes: true, Reason: "revoked: older than its Secret's"})
		}
	}
	done := plan.AnswerRequest{Account: to, Namespace: s.of.Component.Namespace, How: r.How, To: r.To, Announcement: s.of.Announcement}
	if r.To == "" {
		done.Request = s.of.Component.Annotations[component.AnnotationGenerate]
	}
	s.actions = append(s.actions, done)
}
