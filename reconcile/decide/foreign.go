package decide

import (
	"fmt"
	"strings"

	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
)

// notOurs looks for things of our names that are somebody else's.
func (w *planner) notOurs(p *draft.Component) *plan.Problem {
	c, n, r := p.Component, p.Names, p.Repository
	if p.Exists && !n.Marks(r.Description) && !n.Moved(r.Description) && !(w.Policy.Adopt && n.Adoptable(r.Description)) {
		return &plan.Problem{
			Reason:  plan.ReasonNotOurs,
			Whose:   plan.ThePlatforms,
			Summary: fmt.Sprintf("RepositoryNotOurs: repository %s is not marked as this Component's", n.Repository),
			Hint:    "If it is this Component's after all, run once with --adopt, or with --take-over-from ID when it was another cluster's; else rename it, or delete it.",
			Tenant:  "An image repository of this name exists and belongs to something else. The platform's administrators must look into it.",
		}
	}
	if problem := w.imagesElsewhere(p); problem != nil {
		return problem
	}
	for _, a := range n.Accounts() {
		if r := w.Robot(p, a.Robot); r != nil && r.Mark != a.Mark {
			return robotNotOurs(a.Robot)
		}
		s, exists := w.Secret(p, a), w.HasSecret(p, a)
		if exists && s.Owned == component.Foreign && s.By != "" {
			return secretBrought(c.Namespace, a.Secret, s.By)
		}
		if exists && s.Owned == component.Foreign {
			return plan.SecretNotOurs("Secret", c.Namespace, a.Secret, s.Foreign)
		}
		if exists && s.Type != "" && s.Type != component.SecretType {
			return plan.SecretNotOurs("Secret", c.Namespace, a.Secret, component.OtherType)
		}
	}
	if r := p.Remote; r != nil && r.Owned == component.Foreign {
		return plan.SecretNotOurs("RemoteSecret", c.Namespace, n.Pull.Secret, r.Foreign)
	}
	return nil
}

// secretBrought is about a Secret that somebody's RemoteSecret brought here before there
// was this Component: deleted, it would come again.
func secretBrought(namespace, name, by string) *plan.Problem {
	remote := "a RemoteSecret"
	if from, of, ok := strings.Cut(by, "/"); ok && component.ValidNamespace(from) && component.ValidName(of) { // else a tenant wrote it
		remote = "RemoteSecret " + by
	}
	const remedy = "Give the Component another name, or let the Environment that leads here lead elsewhere."
	return &plan.Problem{
		Reason:  plan.ReasonNotOurs,
		Whose:   plan.TheTenants,
		Summary: fmt.Sprintf("SecretNotOurs: Secret %s/%s: %s brings it here", namespace, name, remote),
		Hint:    remedy,
		Tenant:  fmt.Sprintf("Secret %s is in the way: %s brings it here. %s", name, remote, remedy),
	}
}

func robotNotOurs(robot string) *plan.Problem {
	return &plan.Problem{
		Reason:  plan.ReasonNotOurs,
		Whose:   plan.ThePlatforms,
		Summary: fmt.Sprintf("RobotNotOurs: robot %s is not marked as this Component's", robot),
		Hint:    "Nobody but Berth should make robots of this form; find out who did, and delete it.",
		Tenant:  "A robot account of this Component's name belongs to something else. The platform's administrators must look into it.",
	}
}
