package delivery

import (
	"slices"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// planUpload hands the token to the operator when it has not been, or has been to no
// avail, and takes away what an earlier token left.
func (w Courier) planUpload(p *draft.Component, r *world.RemoteSecret) {
	token := w.Token(p, p.Names.Pull.Robot)
	changes := token == "" || slices.ContainsFunc(p.Actions, func(a plan.Action) bool {
		s, ok := a.(plan.WriteSecret)
		return ok && s.Role == p.Names.Pull.Role && s.Robot != p.Names.Pull.Robot
	})
	for _, u := range w.Uploads[p.PullSecret()] {
		if gone := plan.Action(plan.DeleteUpload{Upload: u}); (changes || u.Fingerprint != token) && !slices.ContainsFunc(p.Actions, func(a plan.Action) bool {
			d, ok := a.(plan.DeleteUpload)
			return ok && d.Name == u.Name
		}) {
			p.Actions = append(p.Actions, gone)
		}
	}
	a := plan.UploadToken{RemoteSecret: p.Names.Pull.Secret, Targets: len(p.Places.Targets)}
	switch {
	case changes, r.Record.Fingerprint != token:
	case w.uploading(p.PullSecret(), token):
		return
	case !r.HasData && (r.Due || r.Record.Begun()): // nobody knows whether what was begun was made
		a.Reason = "the last one was not taken"
	case !r.Due:
		return
	case slices.ContainsFunc(r.Targets, func(t kube.RemoteTarget) bool { return w.lost(p, r, t) }):
		a.Reason = "the last one did not arrive"
	default:
		return
	}
	p.Actions = append(p.Actions, a)
}

// uploading reports whether a token is on its way to a RemoteSecret.
func (w Courier) uploading(k component.Key, token string) bool {
	return slices.ContainsFunc(w.Uploads[k], func(u world.Upload) bool { return u.Fingerprint == token })
}

// lost reports whether the operator says that all is well with a target of this
// cluster where another token is, or none.
func (w Courier) lost(p *draft.Component, r *world.RemoteSecret, t kube.RemoteTarget) bool {
	status := r.Status(t)
	state, _, _ := w.arrival(p, t)
	return status != nil && status.Error == "" && t.APIURL == "" && state == plan.Pending
}
