package reconcile

import (
	"encoding/json"
	"slices"
	"time"

	"berth/kube"
)

// Upload is an upload Secret of ours that the operator has not taken yet.
type Upload struct {
	Name, ResourceVersion, Fingerprint string
	owners                             []kube.OwnerReference
}

// of reports whether it was made for a Component.
func (u Upload) of(c kube.Component) bool {
	return slices.ContainsFunc(u.owners, func(o kube.OwnerReference) bool { return o.UID == c.UID })
}

func (w World) uploading(k Key, token string) bool {
	return slices.ContainsFunc(w.Uploads[k], func(u Upload) bool { return u.Fingerprint == token })
}

// planUpload hands the token to the operator when it has not been, or has been to no
// avail, and takes away what an earlier token left.
func (w World) planUpload(p *ComponentPlan, r RemoteSecret) {
	token := w.Robots[p.Names.Pull.Robot].Fingerprint
	changes := token == "" || slices.ContainsFunc(p.Actions, func(a Action) bool {
		t, ok := a.(RotateToken)
		return ok && t.Robot == p.Names.Pull.Robot
	})
	for _, u := range w.Uploads[p.secretKey()] {
		if changes || u.Fingerprint != token {
			p.Actions = append(p.Actions, DeleteUpload{u})
		}
	}
	a := UploadToken{RemoteSecret: p.Names.Pull.Secret, Targets: len(p.places.Targets)}
	switch {
	case changes, r.Record.Fingerprint != token:
	case w.uploading(p.secretKey(), token) || !r.Due:
		return
	case !r.HasData:
		a.Reason = "the last one was not taken"
	case slices.ContainsFunc(r.Targets, func(t kube.RemoteTarget) bool { return w.lost(*p, r, t) }):
		a.Reason = "the last one did not arrive"
	default:
		return
	}
	p.Actions = append(p.Actions, a)
}

// lost reports whether the operator says that all is well with a target of this
// cluster where another token is, or none.
func (w World) lost(p ComponentPlan, r RemoteSecret, t kube.RemoteTarget) bool {
	status := r.status(t)
	state, _, _ := w.arrival(p, t)
	return status != nil && status.Error == "" && t.APIURL == "" && state == Pending
}

// upload is the annotation image.redhat.com/upload of a RemoteSecret: which token was
// uploaded to it, and when. A tenant can write it, and by that only have its own token
// uploaded once more or less.
type upload struct {
	Version     int       `json:"v"`
	Fingerprint string    `json:"fp"`
	First       time.Time `json:"first"` // since when the targets as they are wait for this token
	Last        time.Time `json:"last"`
}

const (
	uploadVersion = 1

	// soonest is how long an upload is given before it is made again.
	soonest = 10 * time.Minute
	// lateAfter is how long a token may be on its way before anybody is told.
	lateAfter = 30 * time.Minute
)

// due reports whether it is time to upload again: each wait is as long as all before
// it together, so that an operator that is broken for a week is asked a dozen times.
func (u upload) due(now time.Time) bool {
	since := now.Sub(u.Last)
	return since < 0 || since >= max(soonest, u.Last.Sub(u.First))
}

func (u upload) late(now time.Time) bool {
	return u.Fingerprint != "" && now.Sub(u.First) >= lateAfter
}

func parseUpload(raw string) upload {
	var u upload
	if raw == "" || len(raw) > maxAnnotation || json.Unmarshal([]byte(raw), &u) != nil || u.Version != uploadVersion {
		return upload{} // not of our writing
	}
	return u
}

func (u upload) encode() string {
	raw, _ := json.Marshal(u) // strings and times always encode
	return string(raw)
}
