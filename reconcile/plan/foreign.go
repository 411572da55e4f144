package plan

import (
	"fmt"
	"strings"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
)

// notOurs looks for things of our names that are somebody else's.
func (w *planner) notOurs(c kube.Component, n component.Names) *Problem {
	if r, exists := w.Repositories[n.Repository]; exists && r.Description != n.Mark && !w.adoptable(n, r) {
		return &Problem{
			Reason:  ReasonNotOurs,
			Summary: fmt.Sprintf("RepositoryNotOurs: repository %s is not marked as this Component's", n.Repository),
			Hint:    "Delete or rename it, or run once with --adopt if it is this Component's after all.",
			Tenant:  "An image repository of this name exists and belongs to something else. The platform's administrators must look into it.",
		}
	}
	for _, a := range n.Accounts() {
		if r, exists := w.Robots[a.Robot]; exists && r.Mark != a.Mark {
			return robotNotOurs(a.Robot)
		}
		s, exists := w.Secrets[component.Key{Namespace: c.Namespace, Name: a.Secret}]
		if exists && s.Owned == component.Foreign {
			return secretNotOurs("Secret", c.Namespace, a.Secret, s.Foreign)
		}
		if exists && s.Type != "" && s.Type != component.SecretType {
			return secretNotOurs("Secret", c.Namespace, a.Secret, "its type is not "+component.SecretType+", and a Secret's type cannot be changed")
		}
	}
	if r, exists := w.RemoteSecrets[component.Key{Namespace: c.Namespace, Name: n.Pull.Secret}]; exists && r.Owned == component.Foreign {
		return secretNotOurs("RemoteSecret", c.Namespace, n.Pull.Secret, r.Foreign)
	}
	return nil
}

func robotNotOurs(robot string) *Problem {
	return &Problem{
		Reason:  ReasonNotOurs,
		Summary: fmt.Sprintf("RobotNotOurs: robot %s is not marked as this Component's", robot),
		Hint:    "Nobody but Berth should make robots of this form; find out who did, and delete it.",
		Tenant:  "A robot account of this Component's name belongs to something else. The platform's administrators must look into it.",
	}
}

// secretNotOurs is about a Secret or, by its kind, a RemoteSecret.
func secretNotOurs(kind, namespace, name, why string) *Problem {
	return &Problem{
		Reason:  ReasonNotOurs,
		Summary: fmt.Sprintf("%[1]sNotOurs: %[1]s %[2]s/%[3]s: %[4]s", kind, namespace, name, why),
		Hint: fmt.Sprintf("Delete it, or, if Berth made it, give it back: kubectl label %s -n %s %s %s=%s",
			strings.ToLower(kind), namespace, name, component.LabelManagedBy, component.Manager),
		Tenant: fmt.Sprintf("%s %s is in the way: %s. Delete it, and the next run makes it anew.", kind, name, why),
	}
}

// adoptable reports whether --adopt may take over a repository: one without a
// mark, or one that a former namespace of the same name left behind. A mark
// with another key is alive somewhere else.
func (w *planner) adoptable(n component.Names, r quay.Repository) bool {
	m, marked := component.ParseMark(r.Description)
	own, _ := component.ParseMark(n.Mark)
	return w.Policy.Adopt && (!marked || m.Key == own.Key)
}
