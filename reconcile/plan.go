package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/kube"
)

// Plan is everything a run would change, and everything it found that it
// will not. It is plain, sorted data; the same World gives the same Plan.
type Plan struct {
	Components []ComponentPlan // all of them, by namespace and name
	Missing    []Key           // asked for by name, not there
	Orphans    Orphans
	Mode       Mode
	Held       int // repositories that stay private although the setting says public
}

// Changes counts the actions of all Components.
func (p Plan) Changes() int {
	n := 0
	for _, c := range p.Components {
		n += len(c.Actions)
	}
	return n
}

// ComponentPlan is the plan for one Component.
type ComponentPlan struct {
	Component  kube.Component
	Names      Names
	Image      string
	Note       string // in a word or two, what is the matter
	Actions    []Action
	Warnings   []Warning
	Deliveries []Delivery // by environment
	Skipped    string     // why nothing is to be done
	Problem    *Problem   // why nothing can be done
	Deferred   string     // what waits for a later run, and why

	rotation []Action // to be appended when its turn comes; see pace
	resumed  bool     // it was begun by an earlier run
	waits    bool     // nothing can be decided in this run
	places   Resolution
}

// Warning is something that is not as it should be, and that keeps nothing else from
// being done. Its text is a sentence for the Component's owner, too.
type Warning struct{ Code, Text string }

func (p *ComponentPlan) warn(code, text string) {
	p.Warnings = append(p.Warnings, Warning{code, text})
}

// Key names the Component.
func (p ComponentPlan) Key() Key { return keyOf(p.Component) }

// Problem keeps a Component from being served.
type Problem struct {
	Reason  Reason
	Summary string // one sentence, for the platform's engineers
	Hint    string // what to do
	Tenant  string // the same for the Component's owner
}

// Orphans bear our mark and this cluster's name, but no Component claims them.
type Orphans struct {
	Robots, Repositories []string
}

// planner compares a World with what it should be.
type planner struct {
	World
	index
}

// MakePlan compares the world with what it should be.
func MakePlan(world World) Plan {
	w := &planner{world, indexOf(world)}
	p := Plan{Mode: w.Mode, Missing: slices.SortedFunc(slices.Values(w.Missing), Key.Compare)}
	for _, c := range slices.SortedFunc(slices.Values(w.Components), func(a, b kube.Component) int { return keyOf(a).Compare(keyOf(b)) }) {
		p.Components = append(p.Components, w.plan(c))
	}
	refuseCollisions(p.Components)
	pace(p.Components, w.Policy.MaxRotations)
	for i, c := range p.Components {
		w.planRemoteSecret(&p.Components[i])
		if w.held(c) {
			p.Held++
		}
	}
	if w.Whole && w.Policy.ReportOrphans {
		p.Orphans = w.orphans()
	}
	return p
}

// index finds in a World what its maps are not sorted by.
type index struct {
	incarnations map[string][]string // robots of ours by the key in their mark: all that were ever made for a Component of that name
	taken        map[Key]bool        // names that a Component has
}

func indexOf(w World) index {
	i := index{map[string][]string{}, make(map[Key]bool, len(w.Components)+len(w.Elsewhere))}
	for _, name := range slices.Sorted(maps.Keys(w.Robots)) {
		if m, ok := parseMark(w.Robots[name].Mark); ok {
			i.incarnations[m.key] = append(i.incarnations[m.key], name)
		}
	}
	for _, c := range w.Components {
		i.taken[keyOf(c)] = true
	}
	for _, k := range w.Elsewhere {
		i.taken[k] = true
	}
	return i
}

// drifted is the note about what nobody asked to change.
const drifted = "drifted"

// plan decides about one Component, in the order of the truth table in doc.go.
func (w *planner) plan(c kube.Component) ComponentPlan {
	p := ComponentPlan{Component: c}
	namespace := w.Namespaces[c.Namespace]
	switch {
	case c.Deleting:
		p.Skipped = "it is being deleted"
	case namespace.Terminating:
		p.Skipped = "its namespace is being deleted"
	case namespace.UID == "":
		p.Skipped = "its namespace appeared while the run was reading"
	}
	if p.Skipped != "" {
		return p
	}
	names, err := w.Names(c)
	if err != nil {
		return p.refuse(invalid(err.Error(), "Give the Component another name; nothing else is done for it."))
	}
	p.Names, p.Image = names, w.Naming.Image(names.Repository)
	asked, err := parseRequest(c.Annotations[AnnotationGenerate])
	if err != nil {
		return p.refuse(invalid(err.Error(), "Fix the annotation; nothing else is done for this Component."))
	}
	if problem := w.notOurs(c, names); problem != nil {
		return p.refuse(problem)
	}
	visibility, known := w.planRepository(&p, asked)
	if !known {
		p.waits, p.Deferred = true, "it waits: this run has asked for as many sources as it may"
		return p
	}
	w.planRobots(&p)
	if problem := w.planSecrets(&p); problem != nil {
		return p.refuse(problem)
	}
	w.planLinks(&p)
	w.planEnvironments(&p)
	own, _ := parseMark(names.Push.Mark)
	for _, robot := range w.incarnations[own.key] {
		if m, _ := parseMark(w.Robots[robot].Mark); m.incarnate != own.incarnate {
			p.Actions = append(p.Actions, DeleteRobot{robot})
			p.Note = "recreated"
		}
	}
	p.announce(announcement{
		Image: p.Image, Visibility: visibility, Secret: names.Push.Secret, PullSecret: names.Pull.Secret,
		Message: p.message(),
	}.encode(), false)
	w.planRotation(&p, asked)
	if len(p.Actions) > 0 && p.Note == "" {
		p.Note = drifted
	}
	return p
}

// refuse ends the plan of a Component; all that is left to do is to tell its owner.
func (p ComponentPlan) refuse(problem *Problem) ComponentPlan {
	p.Problem, p.Actions = problem, nil
	p.announce(withMessage(p.Component, p.Names, p.Image, problem.Tenant), true)
	return p
}

// message tells the Component's owner of the warnings.
func (p *ComponentPlan) message() string {
	var sentences []string
	for _, w := range p.Warnings {
		sentences = append(sentences, w.Text)
	}
	return strings.Join(sentences, " ")
}

func (p *ComponentPlan) announce(value string, problem bool) {
	if p.Component.Annotations[AnnotationImage] != value {
		p.Actions = append(p.Actions, Announce{p.Component.Name, value, problem})
	}
}

func invalid(sentence, hint string) *Problem {
	return &Problem{Reason: ReasonInvalidComponent, Summary: sentence, Hint: hint, Tenant: sentence + ". " + hint}
}

func (w *planner) planRobots(p *ComponentPlan) {
	own := p.Names.Repository
	for _, a := range p.Names.accounts() {
		if _, exists := w.Robots[a.Robot]; !exists {
			p.Actions = append(p.Actions, CreateRobot{a})
		}
	}
	roles, audited := w.Roles[own]
	for _, a := range p.Names.accounts() {
		granted := slices.Contains(w.Robots[a.Robot].Repositories, own)
		switch {
		case !granted:
			p.Actions = append(p.Actions, SetPermission{Repository: own, Robot: a.Robot, To: a.Role})
		case audited && roles[a.Robot] != a.Role:
			p.Actions = append(p.Actions, SetPermission{Repository: own, Robot: a.Robot, From: roles[a.Robot], To: a.Role})
		}
	}
	for _, a := range p.Names.accounts() {
		for _, other := range slices.Sorted(slices.Values(w.Robots[a.Robot].Repositories)) {
			// A name that no list of repositories knows is one that was deleted
			// and waits, under a random name, to be collected.
			if _, exists := w.Repositories[other]; exists && other != own {
				p.Actions = append(p.Actions, RemovePermission{other, a.Robot})
			}
		}
	}
}

// wanted is the content that Quay's word on a robot gives its Secret.
func (w *planner) wanted(p ComponentPlan, a Account) content {
	return content{p.Image, w.Naming.login(a.Robot), w.Robots[a.Robot].Fingerprint}
}

// planSecrets compares each Secret with its robot.
func (w *planner) planSecrets(p *ComponentPlan) *Problem {
	c := p.Component
	for _, a := range p.Names.accounts() {
		_, robotExists := w.Robots[a.Robot]
		secret, exists := w.Secrets[Key{c.Namespace, a.Secret}]
		want := w.wanted(*p, a)
		reason := ""
		switch {
		case !exists && robotExists:
			reason = "missing; same token, not rotated"
		case !exists:
		case secret.Owned == predecessor:
			reason = "it is of an earlier Component of this name"
		case secret.Content.Login == want.Login && secret.Content.Image == want.Image && secret.Content != want:
			reason = "its token is not the robot's"
		case secret.Content != want:
			reason = "its content is not Berth's"
		case !covers(secret.Labels, labels(c)):
			reason = "its labels changed"
		default:
			continue
		}
		if secret.Fixed {
			return immutable(c.Namespace, a.Secret)
		}
		p.Actions = append(p.Actions, WriteSecret{Account: a, Image: p.Image, Exists: exists, Reason: reason})
	}
	return nil
}

func immutable(namespace, name string) *Problem {
	const remedy = "Delete it, and the next run makes it anew."
	return &Problem{
		Reason:  ReasonKubeConflict,
		Summary: fmt.Sprintf("Secret %s/%s is immutable and would have to change", namespace, name),
		Hint:    remedy,
		Tenant:  fmt.Sprintf("Secret %s is immutable and would have to change. %s", name, remedy),
	}
}

// planLinks lets the builds' ServiceAccounts use the push Secret.
func (w *planner) planLinks(p *ComponentPlan) {
	for _, account := range w.Policy.PushAccounts(p.Component.Name) {
		links, exists := w.ServiceAccounts[Key{p.Component.Namespace, account}]
		switch {
		case !exists:
			p.warn("incomplete", fmt.Sprintf("ServiceAccount %s does not exist, so builds cannot use Secret %s yet.", account, p.Names.Push.Secret))
		case !links.Secrets[p.Names.Push.Secret]:
			p.Actions = append(p.Actions, LinkSecret{account, p.Names.Push.Secret})
		}
	}
}

// covers reports whether have holds everything in want.
func covers(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}
