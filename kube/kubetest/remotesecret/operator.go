// Package remotesecret plays the remote-secret operator for tests and the demo: a
// client of a cluster, kubetest's or a real one, that takes upload Secrets in and
// deploys their data to the targets of RemoteSecrets.
//
// It promises to do what the real operator does, in its last published form
// (konflux-ci/remote-secret, July 2024), where a client of RemoteSecrets can tell, its
// flaws included: an upload Secret is always deleted, also when its data were not
// kept; one that names no RemoteSecret brings a bare one into being; conditions stay
// True from an earlier token; an unmarked Secret is adopted; a ServiceAccount that is
// missing keeps the Secret from being written, and the second failure in a row deletes
// what was there; a target dropped from the spec takes every Secret of its RemoteSecret
// in that namespace along, and what is still wanted comes back in the next pass.
//
// It acts only when told: one [Operator.Sync] is one pass over everything, where the
// real one reacts to events. Data in a RemoteSecret itself, partial updates, managed
// ServiceAccounts, and Events are left out. What its webhook does is kubetest's; a real
// API server has none and refuses data in a RemoteSecret by its definition.
package remotesecret

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// Options are the settings of an Operator.
type Options struct {
	// Config is how the operator connects; copied. It needs to read, write and delete
	// Secrets, to read and update ServiceAccounts, and to do everything with
	// RemoteSecrets and their status.
	Config *rest.Config
	// As is how a ServiceAccount connects, as which the operator writes to other
	// namespaces; nil: it does so as itself.
	As func(namespace, serviceAccount string) *rest.Config
	// Remote is how to connect to another cluster, nil where that cannot be reached.
	Remote func(apiURL string) *rest.Config
	Now    func() time.Time // for conditions; nil: time.Now
}

// Trouble is what goes wrong with an Operator; the zero value is nothing.
type Trouble struct {
	Down  bool              // Sync does nothing
	Drop  bool              // upload Secrets are deleted and nothing is kept
	Delay int               // how many more Syncs pass before data that arrive are deployed
	Fail  map[string]string // what writing to a namespace ends with; by namespace
}

// Operator is safe for concurrent use; passes go one after the other.
type Operator struct {
	options Options
	own     *client
	host    string

	pass sync.Mutex // held while one is made

	mu      sync.Mutex // guards everything below
	trouble Trouble
	passes  int
	vault   map[types.UID]*entry // by RemoteSecret
	uploads map[key]int
}

// key names an object in the cluster.
type key struct{ namespace, name string }

func (k key) String() string { return k.namespace + "/" + k.name }

// entry is what is kept for a RemoteSecret.
type entry struct {
	of       key
	stored   map[string][]byte // the last data that arrived
	deployed map[string][]byte // what targets get; nil: nothing yet
	due      int               // the pass from which on they get what is stored
}

// New returns an Operator with nothing in its vault. It sends nothing.
func New(o Options) (*Operator, error) {
	if o.Config == nil {
		return nil, errors.New("no configuration of the cluster given")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	own, err := newClient(o.Config)
	if err != nil {
		return nil, err
	}
	return &Operator{options: o, own: own, host: o.Config.Host, vault: map[types.UID]*entry{}, uploads: map[key]int{}}, nil
}

// Trouble sets what goes wrong from now on, in place of what did before.
func (o *Operator) Trouble(t Trouble) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t.Fail = maps.Clone(t.Fail)
	o.trouble = t
}

// Sync makes one pass: all upload Secrets, then all RemoteSecrets. What keeps a Secret
// from a target stands in the status of its RemoteSecret; an error is about a request
// that the real operator would log and repeat. The others are worked on all the same.
func (o *Operator) Sync(ctx context.Context) error {
	o.pass.Lock()
	defer o.pass.Unlock()
	o.mu.Lock()
	down := o.trouble.Down
	if !down {
		o.passes++
	}
	o.mu.Unlock()
	if down {
		return nil
	}
	return errors.Join(o.takeIn(ctx), o.reconcileAll(ctx))
}

// Uploads counts the upload Secrets for a RemoteSecret that were deleted, kept or not.
func (o *Operator) Uploads(namespace, name string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.uploads[key{namespace, name}]
}

// Stored returns the last data that arrived for a RemoteSecret, nil when there are none.
func (o *Operator) Stored(namespace, name string) map[string][]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.vault {
		if e.of == (key{namespace, name}) {
			return maps.Clone(e.stored)
		}
	}
	return nil
}

// store keeps data for a RemoteSecret.
func (o *Operator) store(r *remoteSecret, data map[string][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.vault[r.Metadata.UID]
	if e == nil {
		e = &entry{of: r.key()}
		o.vault[r.Metadata.UID] = e
	}
	e.stored, e.due = data, o.passes+o.trouble.Delay
}

// load returns what is stored for a RemoteSecret, and what of it is for its targets.
func (o *Operator) load(r *remoteSecret) (stored, deployed map[string][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.vault[r.Metadata.UID]
	if e == nil {
		return nil, nil
	}
	if o.passes >= e.due {
		e.deployed = e.stored
	}
	return e.stored, e.deployed
}

func (o *Operator) forget(r *remoteSecret) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.vault, r.Metadata.UID)
}

// failure is what writing to a namespace ends with, nil when it does not.
func (o *Operator) failure(namespace string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if message, fails := o.trouble.Fail[namespace]; fails {
		return errors.New(message)
	}
	return nil
}

// taken counts an upload that was deleted.
func (o *Operator) taken(remoteSecret key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.uploads[remoteSecret]++
}

func (o *Operator) drops() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.trouble.Drop
}
