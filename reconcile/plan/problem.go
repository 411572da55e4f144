package plan

import (
	"fmt"
	"strings"

	"berth/reconcile/component"
)

// Whose a problem is: who can mend it, and so whose exit code it is.
type Whose string

// The owners. What lies in the tenant's namespace and only the tenant can mend is the
// tenant's: it is counted, listed and told to the tenant, and leaves the exit code alone,
// else any tenant could turn the platform's CronJob red for good. Everything else is the
// platform's, and so is what says nothing of it.
const (
	ThePlatforms Whose = "platform"
	TheTenants   Whose = "tenant"
)

// Problem keeps a Component from being served.
type Problem struct {
	Reason  Reason
	Whose   Whose
	Summary string // one sentence, for the platform's engineers
	Hint    string // what to do
	Tenant  string // the same for the Component's owner
}

// SecretNotOurs is about a Secret or, by its kind, a RemoteSecret of our name that is in
// the way in the tenant's namespace.
func SecretNotOurs(kind, namespace, name, why string) *Problem {
	return &Problem{
		Reason:  ReasonNotOurs,
		Whose:   TheTenants,
		Summary: fmt.Sprintf("%[1]sNotOurs: %[1]s %[2]s/%[3]s: %[4]s", kind, namespace, name, why),
		Hint: fmt.Sprintf("Its owner must move it away or, if Berth made it, give it back: kubectl label %s -n %s %s %s=%s",
			strings.ToLower(kind), namespace, name, component.LabelManagedBy, component.Manager),
		Tenant: fmt.Sprintf("%s %s is in the way: %s. Delete it, and the next run makes it anew.", kind, name, why),
	}
}

// Immutable is about a Secret of ours that somebody has closed to changes.
func Immutable(namespace, name string) *Problem {
	const remedy = "Delete it, and the next run makes it anew."
	return &Problem{
		Reason:  ReasonKubeConflict,
		Whose:   TheTenants,
		Summary: fmt.Sprintf("Secret %s/%s is immutable and would have to change", namespace, name),
		Hint:    remedy,
		Tenant:  fmt.Sprintf("Secret %s is immutable and would have to change. %s", name, remedy),
	}
}
