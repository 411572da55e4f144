package remotesecret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	storageFinalizer = "appstudio.redhat.com/secret-storage"
	linksFinalizer   = "appstudio.redhat.com/linked-objects"
)

func (o *Operator) reconcileAll(ctx context.Context) error {
	all, err := o.own.list(ctx, remoteSecrets, "", "")
	if err != nil {
		return err
	}
	var errs []error
	for _, raw := range all {
		k := key{raw.GetNamespace(), raw.GetName()}
		if err := o.reconcile(ctx, k); err != nil {
			errs = append(errs, fmt.Errorf("remote secret %s: %w", k, err))
		}
	}
	return errors.Join(errs...)
}

// maxAttempts is how often a RemoteSecret that changes meanwhile is begun again.
const maxAttempts = 5

func (o *Operator) reconcile(ctx context.Context, k key) error {
	for attempt := 1; ; attempt++ {
		err := o.try(ctx, k)
		if !apierrors.IsConflict(err) || attempt == maxAttempts {
			return err
		}
	}
}

func (o *Operator) try(ctx context.Context, k key) error {
	raw, err := o.own.get(ctx, remoteSecrets, k.namespace, k.name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := parse(raw)
	if err != nil {
		return err
	}
	if r.Metadata.DeletionTimestamp != "" {
		return o.finalize(ctx, r)
	}
	if err := o.addFinalizers(ctx, r); err != nil {
		return err
	}
	stored, data := o.load(r)
	o.tellData(r, stored)
	if data != nil {
		o.deploy(ctx, r, data)
	}
	return o.writeStatus(ctx, r)
}

func (o *Operator) addFinalizers(ctx context.Context, r *remoteSecret) error {
	finalizers := slices.Clone(r.Metadata.Finalizers)
	for _, name := range []string{storageFinalizer, linksFinalizer} {
		if !slices.Contains(finalizers, name) {
			finalizers = append(finalizers, name)
		}
	}
	if len(finalizers) == len(r.Metadata.Finalizers) {
		return nil
	}
	r.raw.SetFinalizers(finalizers)
	return o.own.update(ctx, remoteSecrets, r.raw, "")
}

// finalize takes along what was deployed to the targets that are said to be well; what
// cannot be deleted stays behind, and the real operator tells it in an Event.
func (o *Operator) finalize(ctx context.Context, r *remoteSecret) error {
	ours := func(name string) bool { return name == storageFinalizer || name == linksFinalizer }
	if !slices.ContainsFunc(r.Metadata.Finalizers, ours) {
		return nil
	}
	o.forget(r)
	for _, ts := range r.Status.Targets {
		if ts.Error != "" {
			continue
		}
		if c, err := o.connect(ctx, r, ts.target()); err == nil {
			_ = c.release(ctx, r, ts.Namespace, "")
		}
	}
	r.raw.SetFinalizers(slices.DeleteFunc(slices.Clone(r.Metadata.Finalizers), ours))
	return o.own.update(ctx, remoteSecrets, r.raw, "")
}

// tellData sets the condition about data. Keys that were there once stay.
func (o *Operator) tellData(r *remoteSecret, stored map[string][]byte) {
	c := condition{Type: "DataObtained", Status: "True", Reason: "DataFound"}
	if stored == nil {
		c.Status, c.Reason, c.Message = "False", "AwaitingData", "The data of the remote secret not found in storage. Please provide it."
	} else {
		r.Status.Secret.Keys = slices.Sorted(maps.Keys(stored))
	}
	r.Status.setCondition(c, o.options.Now())
}

// deploy writes to the targets of the spec, cleans up those that are no more, and sets
// the condition about it.
func (o *Operator) deploy(ctx context.Context, r *remoteSecret, data map[string][]byte) {
	var errs []error
	wanted := map[int]bool{}
	for _, t := range r.Spec.Targets {
		at := r.Status.of(t, r.desired(t))
		if at < 0 {
			at = len(r.Status.Targets)
			r.Status.Targets = append(r.Status.Targets, targetStatus{})
		}
		wanted[at] = true
		if err := o.deployTo(ctx, r, t, &r.Status.Targets[at], data); err != nil {
			errs = append(errs, fmt.Errorf("failed to deploy to the namespace %s: %w", t.Namespace, err))
		}
	}
	var kept []targetStatus
	for at, ts := range r.Status.Targets {
		if wanted[at] {
			kept = append(kept, ts)
			continue
		}
		c, err := o.connect(ctx, r, ts.target())
		if err == nil {
			err = c.release(ctx, r, ts.Namespace, "")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("failed to clean up dependent objects: %w", err))
		}
	}
	r.Status.Targets = kept
	r.Status.setCondition(r.deployed(errors.Join(errs...)), o.options.Now())
}

// deployed sums up what the targets say, and errs, which is beyond them.
func (r *remoteSecret) deployed(errs error) condition {
	well := 0
	for _, ts := range r.Status.Targets {
		if ts.Error == "" {
			well++
		}
	}
	c := condition{Type: "Deployed", Status: "False"}
	switch {
	case errs == nil && len(r.Status.Targets) == 0:
		c.Reason, c.Message = "NoTargets", "there are no targets to deploy to"
	case errs == nil && well == len(r.Status.Targets):
		c.Status, c.Reason = "True", "Injected"
	case well > 0:
		c.Reason, c.Message = "PartiallyInjected", "some targets were not successfully deployed"
	default:
		c.Reason, c.Message = "Error", "all targets were not successfully deployed"
	}
	if errs != nil {
		c.Message = errs.Error()
	}
	return c
}

func (o *Operator) writeStatus(ctx context.Context, r *remoteSecret) error {
	written, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&r.Status)
	if err != nil {
		return err
	}
	r.raw.Object["status"] = written
	return o.own.update(ctx, remoteSecrets, r.raw, "/status")
}
