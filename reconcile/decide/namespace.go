package decide

import (
	"fmt"
	"slices"
	"strings"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// planNamespaces plans what is each namespace's. The plans are sorted by it.
func (w *planner) planNamespaces(plans []plan.Component) {
	if !w.Policy.NamespaceSecrets() {
		return
	}
	var namespaces [][]plan.Component
	for from := 0; from < len(plans); {
		to := from + 1
		for to < len(plans) && plans[to].Component.Namespace == plans[from].Component.Namespace {
			to++
		}
		namespaces = append(namespaces, plans[from:to])
		from = to
	}
	rotations := w.Policy.MaxRotations // beside those of Components: no tenant can use these up
	for _, of := range w.requestsFirst(namespaces) {
		w.planNamespace(of, &rotations)
	}
}

// shared is a namespace while what is its own is planned.
type shared struct {
	*planner
	of       draft.Component // its namespace, without a name; its first role is the robot's
	role     draft.Role
	served   []string // repositories
	all      []string // those, and what its robots read besides that is the namespace's
	complete bool     // nothing else of theirs is unknown
	rank     rank     // of its rotation
	actions  []plan.Action
}

func (w *planner) planNamespace(plans []plan.Component, rotations *int) {
	var p *plan.Component
	c := plan.Common{Secret: component.NamespaceSecret}
	s := shared{planner: w, complete: true}
	for i := range plans {
		repository := plans[i].Names.Repository
		stands, makes := w.serves(&plans[i])
		if !stands && !makes {
			continue
		}
		if p == nil {
			p = &plans[i]
		}
		if s.served = append(s.served, repository); makes {
			c.New = append(c.New, repository)
		}
	}
	if p == nil {
		return
	}
	namespace := p.Component.Namespace
	c.Image = w.Naming.NamespaceImage(namespace)
	asker := component.NamespaceAsker(w.Namespaces[namespace])
	s.of = draft.Component{Planned: &plan.Component{Component: asker, Names: &unnamed, Namespace: p.Namespace, Image: c.Image}, Announcement: component.ToldForAll(asker)}
	s.role = w.Generations(&s.of, w.Naming.NamespaceAccount(namespace, p.Namespace))
	s.of.Roles[0] = s.role
	s.read(p)
	s.plan(p, rotations)
	s.supersede(p)
	c.Repositories = s.all
	if len(s.actions) == 0 {
		return
	}
	c.First = len(p.Actions)
	p.Common, p.Actions = &c, append(p.Actions, s.actions...)
	if p.Note == "" {
		p.Note = "its namespace's pull Secret"
	}
	mine := w.Secret(&s.of, s.role.Account).Owned == component.Mine
	for _, a := range s.actions {
		_, writes := a.(plan.WriteSecret)
		if kind, counts := w.unasked(p, a); counts && (mine || !writes) {
			p.Stake.Changes[kind] = true
		}
	}
}

// serves reports whether a Component's repository is its own, or will be after its plan.
func (w *planner) serves(p *plan.Component) (stands, makes bool) {
	if p.Problem != nil || p.Skipped != "" || p.Names.Repository == "" {
		return false, false
	}
	r, exists := w.Repositories[p.Names.Repository]
	return exists && p.Names.Marks(r.Description), slices.ContainsFunc(p.Actions, func(a plan.Action) bool {
		_, makes := plan.Makes(a)
		return makes
	})
}

// read sorts the repositories of the namespace's robots, and takes the robots off what
// another namespace has, or nobody.
func (s *shared) read(p *plan.Component) {
	s.all = slices.Clone(s.served)
	for _, robot := range s.role.All {
		s.actions = append(s.actions, s.leaveTeams(p, robot, s.RobotOf(&s.of, robot))...)
		for _, name := range world.At(s.Robots, robot).Repositories {
			r, known := s.Repositories[name]
			switch {
			case !known:
				s.complete = s.complete && component.DeletedRepository(name)
			case slices.Contains(s.served, name):
			case !s.Naming.OfNamespace(r.Description, s.of.Component.Namespace, s.of.Namespace):
				s.actions = append(s.actions, plan.RemovePermission{Repository: name, Robot: robot})
			case !slices.Contains(s.all, name):
				s.all = append(s.all, name)
			}
		}
	}
	slices.Sort(s.all)
}

// plan compares the robot and its Secret with what they should be.
func (s *shared) plan(p *plan.Component, rotations *int) {
	key := component.Key{Namespace: s.of.Component.Namespace, Name: s.role.Secret}
	secret := world.At(s.Secrets, key)
	_, stands := s.Secrets[key]
	if !stands && s.Policy.NamespaceSecret != "on" || stands && secret.Owned == component.Foreign && s.Policy.NamespaceSecret != "on" {
		if component.AsksRotation(s.of.Component) {
			s.waits(p, "it has none that is Berth's")
		}
		return
	}
	if why := s.obstacle(secret.Foreign, secret.Fixed); why != "" {
		p.Platform = append(p.Platform, plan.Warning{Code: "namespace_secret", Text: "the namespace's pull Secret is left as it is: " + why})
		return
	}
	p.Age = max(p.Age, s.Age(&s.of))
	to, moves := s.role.Account, s.role.Held != "" && s.role.Held != s.role.Robot
	r := s.rotation(p, rotations)
	switch {
	case r != nil && r.To != "" && s.role.Before(s.role.Held, s.role.At(r.To).Robot):
		to, moves = to.At(r.To), true
	case moves && !s.complete: // its successor would lack what is not known
		to, moves = to.With(s.role.Held), false
	}
	granted := !moves || s.role.Held == "" || s.grant(to.With(s.role.Held), s.served)
	links := s.allLinks(to)
	if moves && stands { // they wait for nothing that may fail
		s.actions, links = append(s.actions, links...), nil
	}
	s.take(r)
	if _, there := s.Robots[to.Robot]; !there {
		s.actions = append(s.actions, plan.CreateRobot{Account: to})
	}
	granted = s.grant(to, s.all) && granted
	want := s.Wanted(&s.of, to)
	switch reason := ""; {
	case secret.Content != want || !component.Covers(secret.Labels, component.NamespaceLabels()):
		switch {
		case !stands:
			reason = "missing"
		case secret.Owned == component.Inherited:
			reason = "taken over, it holds no login"
		case !moves:
			reason = "its content is not Berth's"
		}
		revokes := moves && r != nil && r.How == component.Revoke
		s.actions = append(s.actions, plan.WriteSecret{Account: to, Image: s.of.Image, Exists: stands, Reason: reason, Rotated: moves, Revokes: revokes})
	case granted && r == nil:
		s.drain()
	}
	if r != nil {
		s.answer(r, to)
	}
	s.actions = append(s.actions, links...)
}

// allLinks are those that the ServiceAccounts lack.
func (s *shared) allLinks(to component.Account) (actions []plan.Action) {
	for _, account := range s.There(&s.of, s.Policy.NamespaceAccounts()) {
		links := s.Links(&s.of, account)
		if !links.Pull[to.Secret] {
			actions = append(actions, plan.LinkPullSecret{ServiceAccount: account, Secret: to.Secret})
		}
		if account == component.IntegrationAccount && !links.Secrets[to.Secret] {
			actions = append(actions, plan.LinkSecret{ServiceAccount: account, Secret: to.Secret})
		}
	}
	return actions
}

// obstacle tells why nothing can be done about the robot or its Secret, "" when it can.
func (s *shared) obstacle(foreign string, fixed bool) string {
	switch first, there := s.Robots[s.role.First]; {
	case foreign != "":
		return foreign
	case fixed:
		return "it is immutable"
	case there && first.Mark != s.role.Mark:
		return "robot " + s.role.First + " bears another mark"
	}
	for _, robot := range s.role.All {
		if world.At(s.Robots, robot).Fingerprint == "" {
			return "Quay does not show the token of robot " + robot
		}
	}
	return ""
}

// grant gives a robot what it lacks, and reports whether that is nothing.
func (s *shared) grant(a component.Account, repositories []string) bool {
	before := len(s.actions)
	works := len(world.At(s.Robots, a.Robot).Repositories) > 0
	for _, name := range repositories {
		set := plan.SetPermission{Repository: name, Robot: a.Robot, To: a.Role, Again: !works && s.Again(&s.of, a), Settled: works}
		if slices.Contains(world.At(s.Robots, a.Robot).Repositories, name) {
			if set.From = s.Roles[name][a.Robot]; set.From == "" || set.From == a.Role {
				continue
			}
		}
		s.actions = append(s.actions, set)
	}
	return len(s.actions) == before
}

// drain deletes the generations older than the Secret's when their overlap is over.
func (s *shared) drain() {
	for i, robot := range s.role.All {
		if !s.role.Before(robot, s.role.Held) {
			return
		}
		if why := s.drains(&s.of, s.role, i); why != "" {
			s.actions = append(s.actions, plan.DeleteRobot{Account: s.role.With(robot), Drain: true, Reason: why})
		}
	}
}

// supersede deletes the robots of an earlier namespace of the name. What works elsewhere is
// not deleted by its mark alone: another cluster may have this --cluster-id.
func (s *shared) supersede(p *plan.Component) {
	own, _ := component.ParseMark(s.role.Mark)
	home := s.Naming.Home(p.Component.Namespace)
	for _, r := range s.Incarnations(own.Key) {
		if m, _ := component.ParseMark(r.Mark); m.Incarnate == own.Incarnate {
			continue
		}
		works := s.WorksOn(r.Name)
		elsewhere := slices.IndexFunc(works, func(name string) bool { return !strings.HasPrefix(name, home) })
		switch {
		case elsewhere >= 0:
			p.Platform = append(p.Platform, plan.Warning{Code: string(plan.ReasonNotOurs), Text: fmt.Sprintf(
				"robot %s bears this namespace's mark and works on repository %s, so it is left alone: does another cluster have this --cluster-id?", r.Name, works[elsewhere])})
		case len(works) == 0:
			s.idle = append(s.idle, r.Name)
		default:
			s.actions = append(s.actions, plan.DeleteRobot{
				Account: component.Account{Robot: r.Name, Mark: r.Mark, Role: quay.Read}, Reason: "superseded: its namespace was deleted and made again",
			})
		}
	}
}
