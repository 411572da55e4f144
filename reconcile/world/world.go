// Package world is what one run knows: a [World], the [Scope] and [Shard] that it is of,
// the [Policy] it is judged by, and where environments lead.
//
// A World is a value that package observe returns and package plan reads. It holds no
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
	Adopt               bool            // take over repositories that carry no live mark
	ReportOrphans       bool
	PushServiceAccounts []string // {component} stands for the Component's name
	PullServiceAccount  string   // pulls images, in each environment
	RemoteSecrets       RemoteSecrets
	MaxRotations        int // in one run
}

// componentVariable in the name of a push ServiceAccount is replaced by the Component's.
const componentVariable = "{component}"

// PushAccounts are the ServiceAccounts of a Component's builds.
func (p Policy) PushAccounts(component string) []string {
	accounts := make([]string, len(p.PushServiceAccounts))
	for i, pattern := range p.PushServiceAccounts {
		accounts[i] = strings.ReplaceAll(pattern, componentVariable, component)
	}
	return accounts
}

// Links reports whether a ServiceAccount of this name may be linked to a Secret of ours.
func (p Policy) Links(account string) bool {
	return account == p.PullServiceAccount || slices.ContainsFunc(p.PushServiceAccounts, func(pattern string) bool {
		before, after, varies := strings.Cut(pattern, componentVariable)
		return account == pattern || varies && strings.HasPrefix(account, before) && strings.HasSuffix(account, after)
	})
}

// Scope is the part of the cluster that a run looks at.
type Scope struct {
	Namespaces []string        // none: all
	Selector   string          // of the Components' labels
	Only       []component.Key // none: all
	Rotate     []component.Key // rotate as if flagged
	Shard      Shard           // of the namespaces that are left
}

// Whole reports whether it is everything.
func (s Scope) Whole() bool {
	return len(s.Namespaces) == 0 && s.Selector == "" && len(s.Only) == 0
}

// World is all that a plan rests on. It holds no credential.
type World struct {
	Naming          component.Naming
	Policy          Policy
	Whole           bool      // nothing was left out, so what no Component claims is an orphan
	At              time.Time // when Quay was looked at, by its own clock
	Namespaces      map[string]kube.Namespace
	Components      []kube.Component
	Elsewhere       []kube.Component         // other shards', which are looked at and left alone
	Missing         []component.Key          // asked for by name, not there
	Rotate          map[component.Key]bool   // asked for by the operator
	Young           map[component.Key]bool   // rotated so lately that another request waits
	Stale           map[component.Key]bool   // with a rotation begun so long ago that it starts over
	Secrets         map[component.Key]Secret // those with a name of ours
	Strays          int                      // further Secrets with our label
	Unclaimed       map[string]bool          // where there is no Component: the robots whose tokens stand in Secrets of one
	ServiceAccounts map[component.Key]Links
	Repositories    map[string]quay.Repository
	Robots          map[string]Robot
	Roles           map[string]map[string]quay.Role     // of the audited repositories: repository to robot to role
	Sources         map[component.Key]gitsource.Verdict // of the Components whose source was looked at
	named           map[component.Key]named             // see NameComponents

	Mode          Mode
	Environments  map[string]*Environments       // by namespace
	RemoteSecrets map[component.Key]RemoteSecret // those with a name of ours
	Uploads       map[component.Key][]Upload     // by the RemoteSecret they are for
	Arrived       map[component.Key]Arrived      // what RemoteSecrets brought to namespaces of this cluster
}

// Links are the Secrets that a ServiceAccount uses.
type Links struct {
	Secrets map[string]bool
	Pull    map[string]bool // to pull images
}

// Robot is what a run knows of a robot account.
type Robot struct {
	Mark         string
	Repositories []string
	Fingerprint  string    // of its token
	Created      time.Time // zero: Quay does not say
}

// Lists are the namespaces to list; the one empty name means all.
func (s Scope) Lists() []string {
	names := slices.Clone(s.Namespaces)
	if len(names) == 0 {
		for _, k := range s.Only {
			names = append(names, k.Namespace)
		}
	}
	if len(names) == 0 {
		return []string{""}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// named is what the things of a Component are called, or why they cannot be.
type named struct {
	names component.Names
	err   error
}

// NameComponents works the names of all Components out, once for a run: every part of
// it asks for them.
func (w *World) NameComponents() {
	w.named = make(map[component.Key]named, len(w.Components)+len(w.Elsewhere))
	for _, c := range slices.Concat(w.Components, w.Elsewhere) {
		n, err := w.Names(c)
		w.named[component.KeyOf(c)] = named{n, err}
	}
}

// Names are what the things of a Component are called; the error is for its owner.
func (w *World) Names(c kube.Component) (component.Names, error) {
	if n, known := w.named[component.KeyOf(c)]; known {
		return n.names, n.err
	}
	return w.Naming.Names(c, w.Namespaces[c.Namespace].UID)
}
