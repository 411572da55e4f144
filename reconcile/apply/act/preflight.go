package act

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
)

// preflight asks the cluster, without writing, whether it would take all that a rotation
// writes: both Secrets and, where a RemoteSecret has targets, it and the upload Secret.
// It returns the generations that the Secrets hold.
func (w *Work) preflight(ctx context.Context) (held []string, err error) {
	for _, a := range w.plan.Names.Accounts() {
		s, err := w.Cluster.Secret(ctx, w.plan.Component.Namespace, a.Secret)
		if err != nil {
			return nil, err
		}
		if err := w.inTheWay(s, a.Secret, ""); err != nil {
			return nil, err
		}
		if s.Immutable {
			return nil, &ends.Obstacle{Problem: plan.Immutable(s.Namespace, s.Name)}
		}
		held = append(held, w.Naming.Held(a, component.ContentOf(s.DockerConfigJSON())))
		err = w.Cluster.UpdateSecret(ctx, w.dummy(a), s.ResourceVersion, true)
		if err := w.wouldDo(err, "the Secret would not take a new login, so nothing was made"); err != nil {
			return nil, err
		}
	}
	if w.Delivers {
		return held, w.reachable(ctx)
	}
	return held, nil
}

// dummy is a Secret as a rotation writes it, but for the token.
func (w *Work) dummy(a component.Account) kube.SecretWrite {
	write := w.secretWrite(a, w.plan.Image, quay.Token{})
	write.RotatedAt = w.rotatedAt()
	return write
}

// wouldDo sorts the answer to a dry run. Where an admission webhook cannot be asked
// without doing it, that is told and nothing more.
func (w *Work) wouldDo(err error, problem string) error {
	if errors.Is(err, kube.ErrNoDryRun) {
		w.Told(w.plan, "whether a rotation could be written cannot be asked before it is: "+err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", problem, err)
	}
	return nil
}

// reachable makes sure that a RemoteSecret with targets could be written, and an upload
// made: while its operator's webhook is down, or a quota used up, the old token is the
// only one that the environments can have. The dry run carries no data.
func (w *Work) reachable(ctx context.Context) error {
	r, err := w.remoteSecret(ctx)
	if errors.Is(err, kube.ErrNotFound) || err == nil && len(r.Targets) == 0 {
		return nil // nothing was ever brought anywhere
	}
	const problem = "its environments could not be given a new login, so nothing was made"
	if err != nil {
		return fmt.Errorf("%s: %w", problem, err)
	}
	upload := w.dummy(w.plan.Names.Pull)
	token := component.ContentOf(upload.DockerConfigJSON())
	write := w.remoteSecretWrite(plan.WriteRemoteSecret{Name: r.Name, PullAccounts: w.Policy.PullAccounts(w.plan.Component.Name), Targets: r.Targets})
	write.Upload = component.ParseUploadRecord(r.Upload).Made(token.Fingerprint, w.Now()).Encode()
	_, err = w.Cluster.UpdateRemoteSecret(ctx, write, r.ResourceVersion, true)
	if errors.Is(err, kube.ErrConflict) {
		err = nil // somebody has just written it
	}
	if err := w.wouldDo(err, problem); err != nil {
		return err
	}
	err = w.Cluster.TryCreateSecret(ctx, w.uploadWrite(token, r.Name, upload.DockerConfigJSON))
	if errors.Is(err, kube.ErrExists) {
		err = nil
	}
	return w.wouldDo(err, problem)
}
