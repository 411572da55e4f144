// Package world is what one run knows: a [World], the [Scope] and [Shard] that it is of,
// the [Policy] it is judged by, and where environments lead.
//
// A World is a value that package observe returns and package decide reads. It holds no
// credential: tokens are known by their fingerprints. Nothing here reads, decides or
// writes anything.
package world

import (
	"slices"
	"strings"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
)

// Policy is what the operator wants of every Component.
type Policy struct {
	Visibility          quay.Visibility // of a repository without a statement on its Component; "": as its source
	AllowPublish        bool            // private to public by Visibility alone
	Adopt               bool            // take over repositories that carry no live mark, and what image-controller made for them
	Release             bool            // give back what was taken over
	AdoptGrace          time.Duration   // for which what image-controller made must not have been used before it goes
	ReportOrphans       bool
	PruneRobots         bool          // orphans that nobody uses are deleted, a week after a quarantine
	PruneAfter          time.Duration // for which they are not used by then
	PushServiceAccounts []string      // builds run as one of them; {component} stands for the Component's name
	PullServiceAccounts []string      // pull images, in each environment; the same
	SetImages           bool          // write spec.containerImage where it is empty
	RemoteSecrets       RemoteSecrets
	NamespaceSecret     NamespaceSecret
	MaxRotations        int           // in one run
	Overlap             time.Duration // for which a graceful rotation leaves the older generation alive
	MaxTokenAge         time.Duration // from which on a token is rotated unasked; zero: never
}

// componentVariable in the name of a ServiceAccount is replaced by the Component's.
const componentVariable = "{component}"

// PushAccounts are the ServiceAccounts of a Component's builds.
func (p Policy) PushAccounts(component string) []string {
	return accounts(p.PushServiceAccounts, component)
}

// PullAccounts are the ServiceAccounts whose pods pull a Component's images.
func (p Policy) PullAccounts(component string) []string {
	return accounts(p.PullServiceAccounts, component)
}

func accounts(patterns []string, component string) []string {
	if !slices.ContainsFunc(patterns, func(p string) bool { return strings.Contains(p, componentVariable) }) {
		return slices.Clip(patterns)
	}
	names := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		if name := ComponentName(pattern, component); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// ComponentName fills the Component's name into the name of a ServiceAccount.
func ComponentName(pattern, component string) string {
	return strings.ReplaceAll(pattern, componentVariable, component)
}

// Links reports whether a ServiceAccount of this name may be linked to a Secret of ours.
func (p Policy) Links(account string) bool {
	if account == component.IntegrationAccount && p.NamespaceSecrets() {
		return true
	}
	return slices.ContainsFunc(slices.Concat(p.PushServiceAccounts, p.PullServiceAccounts), func(pattern string) bool {
		before, after, varies := strings.Cut(pattern, componentVariable)
		return account == pattern || varies && strings.HasPrefix(account, before) && strings.HasSuffix(account, after)
	})
}

// Scope is the part of the cluster that a run looks at.
type Scope struct {
	Namespaces []string        // none: all
	Selector   string          // of the Components' labels
	Only       []component.Key // none: all
	Rotate     []component.Key // rotate as if flagged, and revoke
	Gracefully []component.Key // rotate as if flagged so
	Shard      Shard           // of the namespaces that are left
}

// Whole reports whether it is everything.
func (s Scope) Whole() bool {
	return len(s.Namespaces) == 0 && s.Selector == "" && len(s.Only) == 0
}

// SecondLook is how long after a source refused a reader it must refuse again for its
// repository to be closed: hosts have bad days, and what anybody could pull is not a secret
// of yesterday.
const SecondLook = 24 * time.Hour

// Quarter of an hour is what is taken for the time since the last run where nobody remembers
// it, and the most for which a run may do what is to be done slowly: after a pause it does not do more at once.
const Quarter = 15 * time.Minute

// World is all that a plan rests on. It holds no credential.
type World struct {
	Naming            component.Naming
	Policy            Policy
	Whole             bool          // nothing was left out, so what no Component claims is an orphan
	At                time.Time     // when Quay listed the robots, by its own clock
	Ahead             time.Duration // how far that clock is ahead of this machine's
	Namespaces        map[string]kube.Namespace
	Groups            []kube.Group // in which the cluster serves Components
	Components        []kube.Component
	Elsewhere         []kube.Component                // other shards', which are looked at and left alone
	Missing           []component.Key                 // asked for by name, not there
	Absent            []string                        // namespaces named to the run, not there
	Closed            map[string]error                // namespaces named to the run that cannot be read
	Hidden            []component.Key                 // Components of these
	Odd               []string                        // objects whose form cannot be read, as KIND NAMESPACE/NAME
	Unread            map[component.Key]error         // Components of which something could not be read
	Turn              int                             // where turns begin in this run, see InTurns
	Rotate            map[component.Key]component.How // asked for by the operator
	Secrets           map[component.Key]*Secret       // those with a name of ours
	Strays            int                             // further Secrets with our label
	Unclaimed         map[string]bool                 // where there is no Component: the robots whose tokens stand in Secrets of one
	ServiceAccounts   map[component.Key]Links
	Dead              map[string][]DeadLink // by namespace
	Repositories      map[string]*quay.Repository
	Robots            map[string]*Robot
	Further           Further
	ImageRepositories map[component.Key][]ImageRepository // by Component; read where there is something to take over, or left to clear away
	Unshown           bool                                // these may not be read, and there is something to clear away
	Roles             map[string]map[string]quay.Role     // of the audited repositories: repository to robot to role
	Since             time.Time                           // up to which moment they were audited before; zero: it is not known
	Audited           time.Time                           // and are now; zero: it was not all of them that had their turn
	Defaults          []quay.DefaultPermission            // of robots of ours, on each repository made from now on
	DefaultsUnread    error                               // nil: they were read, or there was no need to
	Sources           map[component.Key]gitsource.Verdict // of the Components whose source was looked at
	called            map[component.Key]*Called           // see NameComponents
	named             []Called                            // those, in the order of All
	gathered          bool                                // what is there of each, see Gather
	marks             map[string]bool                     // of robots, and the keys in them; see made

	Mode          Mode
	Environments  map[string]*Environments        // by namespace
	RemoteSecrets map[component.Key]*RemoteSecret // those with a name of ours
	Uploads       map[component.Key][]Upload      // by the RemoteSecret they are for
	Arrived       map[component.Key]Arrived       // what RemoteSecrets brought to namespaces of this cluster
	Holders       map[Claim]Holder                // where the lists do not tell
}

// Elapsed is the time since the last run, a Quarter at most, and where that is not known.
func (w *World) Elapsed() time.Duration {
	if w.Since.IsZero() {
		return Quarter
	}
	return min(max(0, w.At.Add(-w.Ahead).Sub(w.Since)), Quarter)
}

// Links are the Secrets that a ServiceAccount uses.
type Links struct {
	Version string // of the ServiceAccount, when it was listed
	Secrets map[string]bool
	Pull    map[string]bool // to pull images
}

// DeadLink is a name in a ServiceAccount's list of a Secret that is not there, which is
// called as ours are, and that no Component has.
type DeadLink struct {
	ServiceAccount, Secret string
	Pull                   bool          // it is in the list to pull images with
	Component              component.Key // whose it was, as a robot of ours at Quay bears witness; empty: nobody can tell
}

// Robot is what a run knows of a robot account.
type Robot struct {
	Mark         string
	Repositories []string
	Teams        []string  // whose rights it has besides
	Fingerprint  string    // of its token; "": Quay does not show it
	Created      time.Time // zero: Quay does not say
	LastAccessed time.Time // its last login at the registry; zero: Quay does not say, or there was none
}

// Lists are the namespaces to list, or [kube.AllNamespaces] alone.
func (s Scope) Lists() []string {
	names := slices.Clone(s.Namespaces)
	if len(names) == 0 {
		for _, k := range s.Only {
			names = append(names, k.Namespace)
		}
	}
	if len(names) == 0 {
		return []string{kube.AllNamespaces}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
