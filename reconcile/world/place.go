package world

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"berth/kube"
	"berth/reconcile/component"
)

// checkPlace accepts credentials that lead somewhere; what says whose they are. All
// of it may be a tenant's free text.
func checkPlace(c kube.Credentials, what string) (place kube.RemoteTarget, why string) {
	switch {
	case c.Namespace == "":
		return place, what + " names no namespace"
	case !component.ValidNamespace(c.Namespace):
		return place, what + " names a namespace that cannot exist"
	case c.APIURL == "":
		return kube.RemoteTarget{Namespace: c.Namespace}, ""
	case !validAPIURL(c.APIURL):
		return place, what + " names a cluster by something else than https://HOST"
	case c.Secret == "":
		return place, what + " names no Secret with credentials for its cluster"
	case !component.ValidName(c.Secret):
		return place, what + " names a Secret with credentials that cannot exist"
	}
	return kube.RemoteTarget{Namespace: c.Namespace, APIURL: strings.TrimRight(c.APIURL, "/"), Credentials: c.Secret}, ""
}

// maxURL bounds the address of a cluster, in bytes.
const maxURL = 2048

func validAPIURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && len(address) <= maxURL && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// Refused tells why a namespace of this cluster is not to be a target, and whether that is
// only because nobody can tell. The RemoteSecret operator writes there as the one
// ServiceAccount of the Component's namespace that bears its label, and so only where the
// tenant may; Berth does not ask it for what it would refuse.
func (e *Environments) Refused(namespace string, holder func(namespace string) Holder) (why string, unknown bool) {
	switch {
	case Platform(namespace):
		return "namespace " + namespace + " is the platform's", false
	case e != nil && e.Authorizing != 1:
		return fmt.Sprintf("namespace %s is not the Component's own, which takes exactly one ServiceAccount here with the label %s; there are %d",
			namespace, labelAuthorizing, e.Authorizing), false
	}
	switch holder(namespace) {
	case Another:
		return "a Component in namespace " + namespace + " has a Secret of the same name; rename one of the two, or let this Environment lead elsewhere", false
	case Unclear:
		return "nobody could tell whether a Component in namespace " + namespace + " has a Secret of the same name", true
	}
	return "", false
}

// Platform reports whether a namespace is one that no tenant has.
func Platform(namespace string) bool { return platform().MatchString(namespace) }

var platform = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(kube|openshift)(-|$)`) })

const labelAuthorizing = "appstudio.redhat.com/remotesecret-auth-sa"

// PlaceName is a target in the words of a plan; a target that stands may be anything.
func PlaceName(t kube.RemoteTarget) string {
	if t.APIURL == "" {
		return t.Namespace
	}
	u, err := url.Parse(t.APIURL)
	if err != nil || !validAPIURL(t.APIURL) {
		return t.Namespace + " on another cluster"
	}
	return t.Namespace + " on " + u.Host
}
