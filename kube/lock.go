package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"berth/kube/api"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// LockOptions say which Lease to hold, and as whom.
type LockOptions struct {
	Namespace string
	Name      string        // "": berth
	Holder    string        // names this process and no other
	Wait      time.Duration // for another holder; zero: give up at once
	Duration  time.Duration // without renewal it is anybody's, whole seconds; zero: a minute
	Note      func() string // is left on the Lease when it is released, for the next holder; nil: what is there stays
}

// HeldError says that another holds the lock.
type HeldError struct {
	Holder string
	Since  time.Time
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("another run holds the lock: %s, since %s", e.Holder, e.Since.UTC().Format(time.RFC3339))
}

// Lock is a Lease that is held and renewed until it is released or lost. It keeps
// two from doing the same work, but it does not fence: one that was paused believes
// for a moment that it holds what another has taken over. No write may rest on it.
//
// The protocol is that of client-go's tools/leaderelection, which would bring every
// type of the Kubernetes API into the program and more than double its size.
type Lock struct {
	client  *Client
	options LockOptions
	lease   lease     // as last read or written
	seen    time.Time // when its version was first read
	note    string    // of an earlier holder
	noting  bool      // it is being released
	lost    chan struct{}
	stop    context.CancelFunc
	renewal sync.WaitGroup
}

// lease is a Lease, as read.
type lease struct {
	api.Object
	Spec leaseSpec `json:"spec"`
}

// leaseBody is a new Lease, or a merge patch of one: null takes a field out.
type leaseBody struct {
	APIVersion string    `json:"apiVersion,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	Metadata   metaBody  `json:"metadata"`
	Spec       leaseSpec `json:"spec"`
}

type leaseSpec struct {
	Holder   *string           `json:"holderIdentity"`
	Seconds  int64             `json:"leaseDurationSeconds"`
	Acquired *metav1.MicroTime `json:"acquireTime"`
	Renewed  *metav1.MicroTime `json:"renewTime"`
}

func (l lease) holder() string {
	if l.Spec.Holder == nil {
		return ""
	}
	return *l.Spec.Holder
}

// expired reports whether the holder has not renewed for as long as it said it
// would: by its clock and ours, or by ours alone when it was watched for so long.
func (l lease) expired(seen time.Time) bool {
	lasts := time.Duration(l.Spec.Seconds) * time.Second
	return l.Spec.Renewed == nil || time.Since(l.Spec.Renewed.Time) > lasts || time.Since(seen) > lasts
}

// Lock takes the Lease, makes it when there is none, and renews it from then on. It
// is a [HeldError] when another holds it and goes on to for as long as is waited.
func (c *Client) Lock(ctx context.Context, o LockOptions) (*Lock, error) {
	o.Name, o.Duration = cmp.Or(o.Name, "berth"), cmp.Or(o.Duration, time.Minute)
	l := &Lock{client: c, options: o, lost: make(chan struct{})}
	deadline := time.Now().Add(o.Wait)
	for {
		err := l.take(ctx)
		left := time.Until(deadline)
		if _, held := errors.AsType[*HeldError](err); err != nil && (!held || left <= 0) {
			return nil, err
		}
		if err == nil {
			l.note = cut(l.lease.Metadata.Annotations[noteAnnotation], maxNote)
			break
		}
		select {
		case <-time.After(min(o.Duration/6, left)):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.renewal.Go(func() { l.renew(ctx, time.Now()) })
	return l, nil
}

// Note is what an earlier holder has left on the Lease, "" for nothing.
func (l *Lock) Note() string { return l.note }

// noteAnnotation is where it stands.
const noteAnnotation = "image.redhat.com/next-run"

// ErrLockLost is what ends the work of a run whose lock was lost.
var ErrLockLost = errors.New("the lock was lost: another run took it over, or it could not be renewed")

// Lost is closed when another has taken the Lease over, or when it could not be
// renewed for two thirds of its duration.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// take makes the Lease this holder's if it is free, or renews it. One that is
// overtaken between its read and its write looks again, to know by whom.
func (l *Lock) take(ctx context.Context) (err error) {
	for range 3 {
		err = l.try(ctx)
		if !errors.Is(err, ErrExists) && !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return err
}

func (l *Lock) try(ctx context.Context) error {
	o := l.options
	now := metav1.NowMicro()
	ours := leaseBody{Spec: leaseSpec{Holder: &o.Holder, Seconds: int64(o.Duration / time.Second), Acquired: &now, Renewed: &now}}
	found, err := api.Get[lease](ctx, l.client.Client, leases, o.Namespace, o.Name)
	if errors.Is(err, ErrNotFound) {
		ours.APIVersion, ours.Kind, ours.Metadata.Name = "coordination.k8s.io/v1", "Lease", o.Name
		l.lease, err = api.Create[lease](ctx, l.client.Client, leases, o.Namespace, o.Name, ours, false)
		return err
	}
	if err != nil {
		return err
	}
	if found.Metadata.ResourceVersion != l.lease.Metadata.ResourceVersion {
		l.seen = time.Now()
	}
	l.lease = found
	switch holder := found.holder(); {
	case holder == o.Holder:
		ours.Spec.Acquired = found.Spec.Acquired
	case holder != "" && !found.expired(l.seen):
		held := &HeldError{Holder: api.Clean(holder)}
		if found.Spec.Acquired != nil {
			held.Since = found.Spec.Acquired.Time
		}
		return held
	}
	return l.write(ctx, ours.Spec)
}

// write changes the Lease if it is still as it was last seen.
func (l *Lock) write(ctx context.Context, spec leaseSpec) error {
	body := leaseBody{Metadata: metaBody{ResourceVersion: l.lease.Metadata.ResourceVersion}, Spec: spec}
	if l.noting && l.options.Note != nil {
		body.Metadata.Annotations = map[string]any{noteAnnotation: l.options.Note()}
	}
	written, err := api.Patch[lease](ctx, l.client.Client, leases, l.options.Namespace, l.options.Name, types.MergePatchType, body, false)
	if err == nil {
		l.lease = written
	}
	return err
}

// renew renews the Lease until the context ends, or the Lease is lost.
func (l *Lock) renew(ctx context.Context, renewed time.Time) {
	tick := time.NewTicker(l.options.Duration / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		deadline := renewed.Add(l.options.Duration * 2 / 3)
		start := time.Now()
		attempt, cancel := context.WithDeadline(ctx, deadline)
		err := l.take(attempt)
		cancel()
		_, held := errors.AsType[*HeldError](err)
		switch {
		case err == nil:
			renewed = start
		case ctx.Err() != nil:
			return
		case held, !time.Now().Before(deadline):
			close(l.lost)
			return
		}
	}
}

// releaseTimeout bounds how long the end of a run may take because of its lock.
const releaseTimeout = 5 * time.Second

// Release ends the renewal and frees the Lease, if it is still this holder's, so that
// the next holder need not wait for it to expire.
func (l *Lock) Release(ctx context.Context) error {
	l.stop()
	l.renewal.Wait()
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	found, err := api.Get[lease](ctx, l.client.Client, leases, l.options.Namespace, l.options.Name)
	if err != nil || found.holder() != l.options.Holder {
		return err
	}
	l.lease = found
	l.noting = true
	return l.write(ctx, leaseSpec{Seconds: 1, Acquired: found.Spec.Acquired, Renewed: found.Spec.Renewed})
}
