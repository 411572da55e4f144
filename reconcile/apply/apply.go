// Package apply does what a plan says: in go the two ends and the plans of Components,
// out comes an [Outcome] for each.
//
// A Component fails alone, and its first error ends it, but for side steps, which fail by
// themselves; a fact about the whole run ends all writing. What is read again only makes a write safer, it never widens the plan.
// Whatever a run is cut off from, the next one mends.
package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/world"
)

// Registry is Quay as applying a plan needs it.
type Registry interface {
	repositories
	robots
}

type repositories interface {
	GetRepository(ctx context.Context, name string) (quay.Repository, error)
	CreateRepository(ctx context.Context, r quay.Repository) error
	DescribeRepository(ctx context.Context, name, description string) error
	ChangeVisibility(ctx context.Context, name string, v quay.Visibility) error
	SetPermission(ctx context.Context, repository, robot string, role quay.Role) error
	DeletePermission(ctx context.Context, repository, robot string) error
	ListRobotPermissions(ctx context.Context, repository string) (map[string]quay.Role, error)
}

type robots interface {
	GetRobot(ctx context.Context, name string) (quay.Robot, error)
	CreateRobot(ctx context.Context, name, description string) (quay.Robot, error)
	DeleteRobot(ctx context.Context, name string) error
	RemoveFromTeam(ctx context.Context, team, robot string) error
	DeleteFederation(ctx context.Context, robot string) error
	Granted(ctx context.Context, robot string, token quay.Token, repository string) (quay.Grant, error)
}

// Cluster is Kubernetes as applying a plan needs it.
type Cluster interface {
	Namespace(ctx context.Context, name string) (kube.Namespace, error)
	Component(ctx context.Context, g kube.Group, namespace, name string) (kube.Component, error)
	Annotate(ctx context.Context, c kube.Component, change kube.AnnotationChange) (kube.Component, error)
	Secret(ctx context.Context, namespace, name string) (kube.Secret, error)
	CreateSecret(ctx context.Context, w kube.SecretWrite) error
	TryCreateSecret(ctx context.Context, w kube.SecretWrite) error
	UpdateSecret(ctx context.Context, w kube.SecretWrite, resourceVersion string, dryRun bool) error
	OwnSecret(ctx context.Context, s kube.Secret, owners []kube.OwnerReference) error
	linker
	deliverer
	heir
}

// ErrDeferred is what a run that ended first leaves of a Component.
var ErrDeferred = errors.New("left to the next run")

var (
	errNotOurs = errors.New("not ours")
	errMoved   = errors.New("it changed while it was being worked on; the next run looks again")
	errRaced   = errors.New("somebody else was at it at Quay; the next run looks again")
)

// Ends are what is written to, and looked at once more before.
type Ends struct {
	Registry Registry
	Cluster  Cluster
}

// Options say how a plan is applied.
type Options struct {
	Naming      component.Naming
	Turn        int // where turns begin in this run, see [world.InTurns]
	Now         func() time.Time
	Ahead       time.Duration                              // how far Quay's clock is ahead of that
	Pause       func(context.Context, time.Duration) error // waits; the error is the context's
	Groups      []kube.Group                               // in which the cluster serves Components
	Delivers    bool                                       // it has RemoteSecrets
	Policy      world.Policy                               // names the ServiceAccounts that pull, in each environment
	Concurrency int                                        // Components in flight
	Applied     func(plan.Component, plan.Action)          // is told of each change made, by several Components at once
	Told        func(plan.Component, string)               // is told what is worth knowing and stops nothing
}

// Clock is the time by Quay's clock.
func (o Options) Clock() time.Time { return o.Now().Add(o.Ahead) }

// applier makes the changes of one run.
type applier struct {
	Ends
	Options
	stop     atomic.Pointer[error] // a fact about the whole run that ends it
	refusals                       // of what Quay makes for nobody
	links    turnstile
	made     map[string]bool // repositories, when all Components are done
}

// Plan works off the plan, some Components at a time, and returns an outcome
// for each in the plan's order. Components fail alone; when the context ends
// or a global fact turns up no further one is begun, and those in flight are
// finished within the grace. Namespaces take turns, and where to start varies from
// run to run, so that no tenant's work keeps another's from being reached.
func Plan(ctx context.Context, e Ends, plans []plan.Component, o Options) []Outcome {
	a := &applier{Ends: e, Options: o, refusals: refusals{inRow: map[error]int{}}}
	detached, release := outlive(ctx, grace)
	defer release()

	outcomes := make([]Outcome, len(plans))
	a.each(plan.InTurns(plans, o.Turn, func(p plan.Component) bool { return len(p.Alone().Actions) > 0 }), func(i int) {
		outcomes[i] = a.component(ctx, detached, plans[i].Alone())
	})
	a.passOn(ctx, detached, plans, outcomes)
	a.forNamespaces(ctx, detached, plans, outcomes)
	return outcomes
}

// component applies one Component's plan under the detached context, unless
// the run is over before it begins.
func (a *applier) component(ctx, detached context.Context, p plan.Component) (o Outcome) {
	start := time.Now()
	defer func() {
		if o.Elapsed = time.Since(start); o.Err != nil {
			o.end(o.Err)
		}
	}()
	defer world.Recovered(&o.Err)
	if why := a.stop.Load(); why != nil {
		return Outcome{Err: fmt.Errorf("%w: %w", ErrDeferred, *why)}
	}
	if ctx.Err() != nil {
		return Outcome{Err: fmt.Errorf("the run ended first: %w", ErrDeferred)}
	}
	w := work{
		applier: a, plan: p, component: p.Component, made: map[string]bool{}, gone: map[string]bool{}, proved: map[string]bool{},
		fresh: map[string]quay.Token{}, granted: map[string]quay.Role{}, at: map[quay.Role]string{}, kept: map[string]kube.ImageRepository{},
	}
	switch {
	case p.Gone:
		w.leftovers(detached, &o)
	case p.Common != nil:
		w.forAll(detached, &o)
	default:
		w.all(detached, &o)
	}
	return o
}

// all takes the plan's actions in order. The first that fails ends it, but for side steps,
// which hold nothing back and are held back by little.
func (w *work) all(ctx context.Context, o *Outcome) {
	var failures []failure
	for i, action := range w.plan.Actions {
		if slices.ContainsFunc(failures, func(f failure) bool { return holdsBack(f.action, action, f.err) }) {
			continue
		}
		err := w.reach(ctx, i)
		if err == nil {
			action = w.actual(action)
			err = w.do(ctx, action)
		} else {
			o.unused = true
		}
		if err != nil {
			err = w.failed(ctx, err)
			failed := action
			if w.plan.Rotation.Covers(i) {
				failed = plan.Acknowledge{} // which rests on all of a rotation
			}
			failures = append(failures, failure{failed, err})
			o.fails(action, err)
			continue
		}
		w.did(o, action)
	}
}

// did notes an action that was made.
func (w *work) did(o *Outcome, action plan.Action) {
	o.Applied = append(o.Applied, action)
	w.Applied(w.plan, action)
}

type failure struct {
	action plan.Action
	err    error
}

// work is one Component being served.
type work struct {
	*applier
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
	toProve  []string             // a namespace's repositories that are there
	looked   bool                 // the cluster was looked at since the last call of Quay

	remote *kube.RemoteSecret              // as this run last wrote it
	kept   map[string]kube.ImageRepository // as this run wrote them, by uid
}

func (w *work) do(ctx context.Context, action plan.Action) error {
	if _, hands := action.(plan.WriteSecret); !hands {
		w.looked, w.sights = false, nil // what was seen before it is no base for a write after it
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
		return w.Cluster.LinkSecrets(ctx, w.plan.Component.Namespace, a.ServiceAccount, a.Secret)
	case plan.LinkPullSecret:
		return w.linkPullSecret(ctx, a)
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
	case plan.NoteRepository, plan.QuarantineRobot, plan.ReleaseRobot, plan.PruneRobot:
		return w.prune(ctx, a)
	case plan.Acknowledge:
		return w.acknowledge(ctx, a)
	case plan.SetImage:
		return w.setImage(ctx, w.group(a.Of), a.Image)
	case plan.Announce:
		return w.announce(ctx, w.group(a.Of), a.Value)
	}
	return fmt.Errorf("%w: no way to apply %T", world.ErrPanic, action)
}
