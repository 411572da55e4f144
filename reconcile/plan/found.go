package plan

import (
	"time"

	"berth/reconcile/component"
)

// DeliveryState is how far a pull Secret has come.
type DeliveryState string

// The states.
const (
	Delivered  DeliveryState = "delivered"  // its content was compared
	Unverified DeliveryState = "unverified" // handed over; what arrived cannot be read from here
	Pending    DeliveryState = "pending"    // on its way
	Failed     DeliveryState = "failed"     // the operator says why
	Unresolved DeliveryState = "unresolved" // it leads nowhere, or the cluster has nothing that could bring it there
)

// Delivery is the state of a Component's pull Secret in one environment.
type Delivery struct {
	Environment string
	Place       string // where it leads, "" when that is unresolved
	State       DeliveryState
	Why         string        // when it is failed or unresolved; "" where that is the whole run's matter
	Late        bool          // it is pending for longer than it should
	Waits       time.Duration // for so long it has been pending or unverified
}

// PullSecret names the pull Secret, and the RemoteSecret that is called alike.
func (p Component) PullSecret() component.Key {
	return component.Key{Namespace: p.Component.Namespace, Name: p.Names.Pull.Secret}
}

// Orphans bear our mark and this cluster's name, but no Component claims them.
type Orphans struct {
	Robots, Repositories []Orphan // by Component and name
}

// Orphan is a robot or a repository that was left from a Component that is gone.
type Orphan struct {
	Name        string
	Component   component.Key // it was made for
	Made        time.Time     // by Quay's clock, as are the others; zero: not known. Of robots alone
	Used        time.Time     // its last login; zero: none, or Quay does not keep it. Of robots alone
	Quarantined time.Time     // the day; zero: it is not. Of robots alone
	Since       time.Time     // the day from which on it is noted; zero: it is not. Of repositories alone
	Fate        string        // what becomes of it, "": nothing is to
}

// Quarantines counts the robots that wait to be deleted.
func (o Orphans) Quarantines() int {
	n := 0
	for _, r := range o.Robots {
		if !r.Quarantined.IsZero() {
			n++
		}
	}
	return n
}
