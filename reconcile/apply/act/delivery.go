package act

import (
	"context"
	"errors"
	"fmt"

	"berth/kube"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// remoteSecret reads the RemoteSecret and demands that it is this Component's.
func (w *Work) remoteSecret(ctx context.Context) (kube.RemoteSecret, error) {
	key := w.plan.PullSecret()
	r, err := w.Cluster.RemoteSecret(ctx, key.Namespace, key.Name)
	if err != nil {
		return r, err
	}
	switch whose, why := component.Whose(r.Labels, r.Owners, w.plan.Component); {
	case whose == component.Foreign:
		return r, &ends.Obstacle{Problem: plan.SecretNotOurs("RemoteSecret", key.Namespace, key.Name, why)}
	case r.Deleting:
		return r, fmt.Errorf("RemoteSecret %s is being deleted: %w", key, ends.ErrMoved)
	}
	return r, nil
}

// findRemoteSecret reads the RemoteSecret unless this run has just seen it.
func (w *Work) findRemoteSecret(ctx context.Context) error {
	if w.remote != nil {
		return nil
	}
	r, err := w.remoteSecret(ctx)
	if err == nil {
		w.remote = &r
	}
	return err
}

func (w *Work) remoteSecretWrite(a plan.WriteRemoteSecret) kube.RemoteSecretWrite {
	c := w.plan.Component
	return kube.RemoteSecretWrite{
		Namespace: c.Namespace, Name: a.Name, Labels: component.Labels(c), Owners: component.OwnersOf(c), PullAccounts: a.PullAccounts, Targets: a.Targets,
	}
}

// writeRemoteSecret makes the RemoteSecret as planned, if it is this Component's. Its
// operator writes to it, too, so that a conflict is nothing unusual.
func (w *Work) writeRemoteSecret(ctx context.Context, a plan.WriteRemoteSecret) error {
	write := w.remoteSecretWrite(a)
	exists := a.Exists
	for range attempts {
		var r kube.RemoteSecret
		var err error
		if exists {
			if r, err = w.remoteSecret(ctx); err == nil {
				write.Upload = w.waiting(r, len(a.Added) > 0)
				r, err = w.Cluster.UpdateRemoteSecret(ctx, write, r.ResourceVersion, false)
			}
		} else {
			begun := ""
			write.Upload = ""
			if token, fresh := w.fresh[w.plan.Names.Pull.Robot]; fresh {
				content := component.ContentOf(w.secretWrite(w.plan.Names.Pull, w.plan.Image, token).DockerConfigJSON())
				begun, write.Upload = content.Fingerprint, component.Beginning(content.Fingerprint, w.Now()).Encode()
			}
			if r, err = w.Cluster.CreateRemoteSecret(ctx, write); err == nil {
				w.begun = begun
			}
		}
		switch {
		case err == nil:
			w.remote = &r
			return nil
		case errors.Is(err, kube.ErrNotFound): // deleted meanwhile: make it anew
			exists = false
		case errors.Is(err, kube.ErrExists), errors.Is(err, kube.ErrConflict):
			exists = true
		default:
			return err
		}
	}
	return fmt.Errorf("write RemoteSecret %s: %w", w.plan.PullSecret(), ends.ErrMoved)
}

// waiting is the record of a RemoteSecret when it gets further targets: from now on they
// wait, too. It is "" where nothing changes.
func (w *Work) waiting(r kube.RemoteSecret, added bool) string {
	record := component.ParseUploadRecord(r.Upload)
	if !added || record.Fingerprint == "" {
		return ""
	}
	record.First = w.Now().UTC()
	return record.Encode()
}

// uploadToken hands the pull Secret's content, which this run or an earlier one has
// made equal to what Quay says, to the RemoteSecret's operator, and then records that
// on the RemoteSecret, unless that was made for it. A run that dies in between is followed
// by one that finds the upload, or makes it again. The RemoteSecret is looked at first: of an
// upload for one that is not there its operator makes a RemoteSecret of nobody's.
func (w *Work) uploadToken(ctx context.Context, a plan.UploadToken) error {
	if err := w.findRemoteSecret(ctx); err != nil {
		return err
	}
	content := w.pull
	if content == nil {
		secret, err := w.pullSecret(ctx)
		if err != nil {
			return err
		}
		content = secret.DockerConfigJSON
	}
	token := component.ContentOf(content())
	if err := w.createUpload(ctx, w.uploadWrite(token, a.RemoteSecret, content), token); err != nil || token.Fingerprint == w.begun {
		return err
	}
	return w.recordUpload(ctx, token.Fingerprint)
}

// pullSecret reads the pull Secret and demands that it is this Component's.
func (w *Work) pullSecret(ctx context.Context) (kube.Secret, error) {
	key := w.plan.PullSecret()
	secret, err := w.Cluster.Secret(ctx, key.Namespace, key.Name)
	if err != nil {
		return secret, err
	}
	if whose, why := component.Whose(secret.Labels, secret.Owners, w.plan.Component); whose != component.Mine {
		return secret, &ends.Obstacle{Problem: plan.SecretNotOurs("Secret", key.Namespace, key.Name, why)}
	}
	token := component.ContentOf(secret.DockerConfigJSON())
	known := w.Naming.Held(w.plan.Names.Pull, token) != "" || token.Login == w.Naming.Login(w.plan.Names.Pull.Robot)
	if !known || token.Image != w.plan.Image {
		return secret, fmt.Errorf("Secret %s: %w", key, ends.ErrMoved) //nolint:staticcheck // a kind's name
	}
	return secret, nil
}

// uploadWrite is the upload Secret of a token.
func (w *Work) uploadWrite(token component.Content, remoteSecret string, content func() []byte) kube.SecretWrite {
	c := w.plan.Component
	return kube.SecretWrite{
		Namespace: c.Namespace, Name: component.UploadName(c, token.Fingerprint), Labels: component.Labels(c), Owners: component.OwnersOf(c),
		Uploads: remoteSecret, DockerConfigJSON: content,
	}
}

// createUpload makes the upload Secret. One of its name that brings the same token is
// still being taken; any other of ours is an earlier one.
func (w *Work) createUpload(ctx context.Context, write kube.SecretWrite, token component.Content) error {
	for range attempts {
		err := w.Cluster.CreateSecret(ctx, write)
		if !errors.Is(err, kube.ErrExists) {
			return err
		}
		there, err := w.Cluster.Secret(ctx, write.Namespace, write.Name)
		if errors.Is(err, kube.ErrNotFound) {
			continue // taken meanwhile
		}
		if err != nil {
			return err
		}
		if whose, why := component.Whose(there.Labels, there.Owners, w.plan.Component); whose == component.Foreign || there.Uploads != write.Uploads || there.Type != component.SecretType {
			return &ends.Obstacle{Problem: plan.SecretNotOurs("Secret", write.Namespace, write.Name, why)}
		}
		if component.ContentOf(there.DockerConfigJSON()) == token {
			return nil
		}
		if err := w.deleteUpload(ctx, world.Upload{Name: there.Name, ResourceVersion: there.ResourceVersion}); err != nil {
			return err
		}
	}
	return fmt.Errorf("write Secret %s/%s: %w", write.Namespace, write.Name, ends.ErrMoved)
}

// deleteUpload removes an upload Secret unless the operator has been faster.
func (w *Work) deleteUpload(ctx context.Context, u world.Upload) error {
	err := w.Cluster.DeleteSecret(ctx, kube.Secret{Namespace: w.plan.Component.Namespace, Name: u.Name, ResourceVersion: u.ResourceVersion})
	if errors.Is(err, kube.ErrNotFound) {
		return nil
	}
	return err
}

// recordUpload notes on the RemoteSecret that a token was uploaded just now.
func (w *Work) recordUpload(ctx context.Context, fingerprint string) (err error) {
	for range attempts {
		if err := w.findRemoteSecret(ctx); err != nil {
			return err
		}
		record := component.ParseUploadRecord(w.remote.Upload).Made(fingerprint, w.Now())
		_, err = w.Cluster.RecordUpload(ctx, *w.remote, record.Encode())
		if !errors.Is(err, kube.ErrConflict) {
			return err
		}
		w.remote = nil // its operator was faster
	}
	return err
}
