// Package act does what a plan says of one Component, one action after the other: in goes
// the plan ([Run.On]) and each of its actions ([Work.Do]) in the order that the caller keeps;
// out comes the action as it was made, or an error: one of those in errors.go or the clients'.
//
// What was seen before a write is looked at again where somebody could have changed it, and a
// write holds only if nobody did. What is read again only makes a write safer, it never widens
// the plan. What an error means for other actions and other Components is the caller's matter.
package act

import (
	"context"
	"fmt"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/apply/ends"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Run is what the acts of one run have in common.
type Run struct {
	ends.Pair
	ends.Means
	*ends.Links
	Ask func(plan.Action, func() error) error // makes a call that Quay may refuse to all Components alike
}

// On begins with a Component.
func (r *Run) On(p plan.Component) *Work {
	return &Work{
		Run: r, plan: p, component: *p.Component, made: map[string]bool{}, gone: map[string]bool{}, proved: map[string]bool{},
		fresh: map[string]quay.Token{}, granted: map[string]quay.Role{}, at: map[quay.Role]string{}, kept: map[string]kube.ImageRepository{},
	}
}

// Work is one Component being served.
type Work struct {
	*Run
	plan      plan.Component
	component kube.Component        // as this run last saw it, and its twin
	made      map[string]bool       // robots that this run has made
	gone      map[string]bool       // and deleted
	proved    map[string]bool       // and whose login it has seen to be worth their role
	granted   map[string]quay.Role  // and those it has given
	fresh     map[string]quay.Token // tokens as this run was told them

	rotation *taken               // begun or resumed by this run
	sights   map[quay.Role]sight  // Secrets read before the last look at the roles and not used yet
	roles    map[string]quay.Role // of the last look, nil: there was none
	at       map[quay.Role]string // the generations that Secrets are known to hold, by role
	looked   bool                 // the cluster was looked at since the last call of Quay

	pull   func() []byte                   // what the pull Secret was given just now, nil: something else was done since
	remote *kube.RemoteSecret              // as this run last wrote it
	begun  string                          // the fingerprint of the upload that it was made for, "": it stood
	kept   map[string]kube.ImageRepository // as this run wrote them, by uid
}

// Do makes one change, and returns it as it was made.
func (w *Work) Do(ctx context.Context, action plan.Action) (plan.Action, error) {
	action = w.actual(action)
	return action, w.do(ctx, action)
}

func (w *Work) do(ctx context.Context, action plan.Action) error {
	_, uploads := action.(plan.UploadToken)
	if _, hands := action.(plan.WriteSecret); !hands {
		w.looked, w.sights = false, nil // what was seen before it is no base for a write after it
		if !uploads {
			w.pull = nil
		}
	}
	switch a := action.(type) {
	case plan.CreateRepository:
		return w.createRepository(ctx, a)
	case plan.DescribeRepository:
		return w.adopt(ctx, a)
	case plan.ChangeVisibility:
		return w.changeVisibility(ctx, a)
	case plan.RememberSource:
		return w.rememberSource(ctx, a)
	case plan.StateVisibility:
		return w.stateVisibility(ctx, a)
	case plan.KeepRepository, plan.KeepVisibility, plan.Unfinalize, plan.Retire, plan.ReturnSecret, plan.UnmarkRepository, plan.ReturnRepository:
		return w.takeOver(ctx, action)
	case plan.CreateRobot:
		return w.createRobot(ctx, a)
	case plan.SetPermission:
		return w.setPermission(ctx, a)
	case plan.RemovePermission:
		return w.Registry.DeletePermission(ctx, a.Repository, a.Robot)
	case plan.LeaveTeam:
		return w.Registry.RemoveFromTeam(ctx, a.Team, a.Robot)
	case plan.WriteSecret:
		if a.Secret == component.NamespaceSecret {
			return w.writeNamespaceSecret(ctx, a)
		}
		if w.rotation != nil {
			if err := w.proveAll(ctx); err != nil {
				return err
			}
		}
		return w.writeSecret(ctx, a)
	case plan.ShareObject:
		return w.share(ctx, a)
	case plan.LinkSecret:
		return w.Link(ctx, w.plan.Component.Namespace, a.ServiceAccount, false, a.Secret)
	case plan.LinkPullSecret:
		return w.Link(ctx, w.plan.Component.Namespace, a.ServiceAccount, true, a.Secret)
	case plan.UnlinkSecret:
		return w.unlinkSecret(ctx, a)
	case plan.WriteRemoteSecret:
		return w.writeRemoteSecret(ctx, a)
	case plan.UploadToken:
		return w.uploadToken(ctx, a)
	case plan.DeleteUpload:
		return w.deleteUpload(ctx, a.Upload)
	case plan.DeleteRobot:
		return w.deleteRobot(ctx, a)
	case plan.NoteRepository:
		return w.Note(ctx, a)
	case plan.Acknowledge:
		return w.acknowledge(ctx, a)
	case plan.TakeRequest:
		return w.takeRequest(ctx, a)
	case plan.AnswerRequest:
		return w.answerRequest(ctx, a)
	case plan.SetImage:
		return w.setImage(ctx, w.group(a.Of), a.Image)
	case plan.Announce:
		return w.announce(ctx, w.group(a.Of), a.Value)
	}
	return fmt.Errorf("%w: no way to apply %T", world.ErrPanic, action)
}
