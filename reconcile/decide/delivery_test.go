package decide

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/decide/draft"
	"berth/reconcile/plan"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// delivering is a scene that delivers.
func delivering(t *testing.T) (*scene.Scene, component.Names) {
	t.Helper()
	s := scene.New(t)
	return s, s.Deliver()
}

// deliveries are the Actions of a plan that are about delivery, and the states.
func deliveries(p plan.Component) (actions []plan.Action, states map[string]plan.DeliveryState) {
	for _, a := range p.Actions {
		switch a.(type) {
		case plan.LinkPullSecret, plan.WriteRemoteSecret, plan.UploadToken, plan.DeleteUpload:
			actions = append(actions, a)
		}
	}
	states = map[string]plan.DeliveryState{}
	for _, d := range p.Deliveries {
		states[d.Environment] = d.State
	}
	return actions, states
}

var (
	stageTarget = scene.Here("tenant-stage").RemoteTarget
	prodTarget  = scene.Remote(scene.Api, "prod-ns", "creds").RemoteTarget
)

func TestPlanDelivery(t *testing.T) {
	t.Parallel()
	delivered := map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Delivered, "prod": plan.Unverified}
	with := func(environment string, state plan.DeliveryState) map[string]plan.DeliveryState {
		states := map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Delivered, "prod": plan.Unverified}
		states[environment] = state
		return states
	}
	link := plan.LinkPullSecret{ServiceAccount: scene.PullAccount, Secret: scene.Pull}
	write := func(reason string, targets ...kube.RemoteTarget) plan.WriteRemoteSecret {
		return plan.WriteRemoteSecret{Name: scene.Pull, Exists: true, PullAccounts: []string{scene.PullAccount}, Targets: targets, Reason: reason}
	}
	both := []kube.RemoteTarget{stageTarget, prodTarget}
	for _, row := range []struct {
		why    string
		edit   func(*scene.Scene, component.Names)
		want   []plan.Action
		states map[string]plan.DeliveryState
	}{
		{why: "all is well", edit: func(*scene.Scene, component.Names) {}, states: delivered},
		{
			why:    "the operator wants no delivery",
			edit:   func(s *scene.Scene, _ component.Names) { s.Mode, s.RemoteSecrets = world.Mode{}, nil },
			states: map[string]plan.DeliveryState{},
		},
		{
			why:    "the cluster has no RemoteSecrets: what is here is served all the same",
			edit:   func(s *scene.Scene, _ component.Names) { s.Mode.RemoteSecrets, s.RemoteSecrets = false, nil },
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Unresolved, "prod": plan.Unresolved},
		},
		{
			why:    "the cluster has no Environments: the targets that stand stay",
			edit:   func(s *scene.Scene, _ component.Names) { s.Mode.Environments, s.Environments = false, nil },
			states: map[string]plan.DeliveryState{},
		},
		{
			why: "the ServiceAccount here does not pull with the Secret; two environments link it once",
			edit: func(s *scene.Scene, n component.Names) {
				s.Run(scene.Bind("dev", "test", "prod", "stage"), scene.Plainly("test"))
				delete(s.ServiceAccounts[component.Key{Namespace: "tenant", Name: scene.PullAccount}].Pull, n.Pull.Secret)
			},
			want:   []plan.Action{link},
			states: map[string]plan.DeliveryState{"dev": plan.Pending, "test": plan.Pending, "stage": plan.Delivered, "prod": plan.Unverified},
		},
		{
			why: "it runs nowhere that is bound: pods here may pull",
			edit: func(s *scene.Scene, n component.Names) {
				s.Run(nil)
				s.Remote(func(r *world.RemoteSecret) { r.Targets = nil })
				delete(s.ServiceAccounts[component.Key{Namespace: "tenant", Name: scene.PullAccount}].Pull, n.Pull.Secret)
			},
			want: []plan.Action{link}, states: map[string]plan.DeliveryState{},
		},
		{
			why: "it runs elsewhere: nothing here pulls it, as far as Berth knows",
			edit: func(s *scene.Scene, n component.Names) {
				s.Run(scene.Bind("prod", "stage"))
				delete(s.ServiceAccounts[component.Key{Namespace: "tenant", Name: scene.PullAccount}].Pull, n.Pull.Secret)
			},
			states: map[string]plan.DeliveryState{"stage": plan.Delivered, "prod": plan.Unverified},
		},
		{
			why: "it is bound to what cannot be found",
			edit: func(s *scene.Scene, n component.Names) {
				s.Run(scene.Bind("gone"))
				delete(s.ServiceAccounts[component.Key{Namespace: "tenant", Name: scene.PullAccount}].Pull, n.Pull.Secret)
			},
			states: map[string]plan.DeliveryState{"gone": plan.Unresolved},
		},
		{
			why: "the operator wants no delivery: pods here may pull",
			edit: func(s *scene.Scene, n component.Names) {
				s.Mode, s.RemoteSecrets, s.Environments = world.Mode{}, nil, nil
				delete(s.ServiceAccounts[component.Key{Namespace: "tenant", Name: scene.PullAccount}].Pull, n.Pull.Secret)
			},
			want: []plan.Action{link}, states: map[string]plan.DeliveryState{},
		},
		{
			why: "the cluster has no Environments: pods here may pull",
			edit: func(s *scene.Scene, n component.Names) {
				s.Mode.Environments, s.Environments = false, nil
				delete(s.ServiceAccounts[component.Key{Namespace: "tenant", Name: scene.PullAccount}].Pull, n.Pull.Secret)
			},
			want: []plan.Action{link}, states: map[string]plan.DeliveryState{},
		},
		{
			why: "two ServiceAccounts pull, one of which is not here: the other is linked, and both in the environments",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Policy.PullServiceAccounts = []string{"runner-of-{component}", scene.PullAccount, "absent"}
				s.ServiceAccounts[component.Key{Namespace: "tenant", Name: "runner-of-billing"}] = world.Links{}
			},
			want: []plan.Action{
				plan.WriteRemoteSecret{
					Name: scene.Pull, Exists: true, PullAccounts: []string{"runner-of-billing", scene.PullAccount, "absent"}, Targets: both, Reason: "its form changed",
				},
				plan.LinkPullSecret{ServiceAccount: "runner-of-billing", Secret: scene.Pull},
			},
			states: with("dev", plan.Pending),
		},
		{
			why: "there is no such ServiceAccount here",
			edit: func(s *scene.Scene, _ component.Names) {
				delete(s.ServiceAccounts, component.Key{Namespace: "tenant", Name: scene.PullAccount})
			},
			states: with("dev", plan.Pending),
		},
		{
			why:  "no RemoteSecret yet",
			edit: func(s *scene.Scene, _ component.Names) { clear(s.RemoteSecrets); clear(s.Arrived) },
			want: []plan.Action{
				plan.WriteRemoteSecret{Name: scene.Pull, PullAccounts: []string{scene.PullAccount}, Targets: both, Added: both}, plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2},
			},
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why:  "a Component that runs nowhere has a RemoteSecret, too, and its token",
			edit: func(s *scene.Scene, _ component.Names) { clear(s.RemoteSecrets); s.Run(nil) },
			want: []plan.Action{plan.WriteRemoteSecret{Name: scene.Pull, PullAccounts: []string{scene.PullAccount}}, plan.UploadToken{RemoteSecret: scene.Pull}}, states: map[string]plan.DeliveryState{},
		},
		{
			why: "a binding was added: the operator has the token already",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Run(scene.Bind("dev", "prod", "stage", "extra"), scene.Stating("extra", "tenant-extra", "", ""))
			},
			want: []plan.Action{plan.WriteRemoteSecret{
				Name: scene.Pull, Exists: true, PullAccounts: []string{scene.PullAccount}, Added: []kube.RemoteTarget{scene.Here("tenant-extra").RemoteTarget},
				Targets: []kube.RemoteTarget{scene.Here("tenant-extra").RemoteTarget, stageTarget, prodTarget},
			}},
			states: with("extra", plan.Pending),
		},
		{
			why:  "a binding was removed",
			edit: func(s *scene.Scene, _ component.Names) { s.Run(scene.Bind("dev", "stage")) },
			want: []plan.Action{plan.WriteRemoteSecret{
				Name: scene.Pull, Exists: true, PullAccounts: []string{scene.PullAccount}, Targets: []kube.RemoteTarget{stageTarget}, Removed: []kube.RemoteTarget{prodTarget},
			}},
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Delivered},
		},
		{
			why:    "a binding was removed while another environment is unresolved: whose is the target?",
			edit:   func(s *scene.Scene, _ component.Names) { s.Run(scene.Bind("dev", "stage", "gone")) },
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Delivered, "gone": plan.Unresolved},
		},
		{
			why: "what is unresolved holds up nothing that is added",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Run(scene.Bind("dev", "extra", "gone"), scene.Stating("extra", "tenant-extra", "", ""))
			},
			want: []plan.Action{plan.WriteRemoteSecret{
				Name: scene.Pull, Exists: true, PullAccounts: []string{scene.PullAccount}, Added: []kube.RemoteTarget{scene.Here("tenant-extra").RemoteTarget},
				Targets: []kube.RemoteTarget{scene.Here("tenant-extra").RemoteTarget, stageTarget, prodTarget},
			}},
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "extra": plan.Pending, "gone": plan.Unresolved},
		},
		{
			why: "its own namespace as a target is taken away at once: the operator would delete the pull Secret",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Run(scene.Bind("dev", "prod", "stage", "gone"))
				s.Remote(func(r *world.RemoteSecret) { r.Targets = append(r.Targets, kube.RemoteTarget{Namespace: "tenant"}) })
			},
			want: []plan.Action{plan.WriteRemoteSecret{
				Name: scene.Pull, Exists: true, PullAccounts: []string{scene.PullAccount}, Targets: both, Removed: []kube.RemoteTarget{{Namespace: "tenant"}},
			}},
			states: with("gone", plan.Unresolved),
		},
		{
			why: "other credentials for a place replace those that stand",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.Targets[1].Credentials = "old" })
			},
			want: []plan.Action{plan.WriteRemoteSecret{
				Name: scene.Pull, Exists: true, PullAccounts: []string{scene.PullAccount}, Targets: both, Added: []kube.RemoteTarget{prodTarget},
				Removed: []kube.RemoteTarget{scene.Remote(scene.Api, "prod-ns", "old").RemoteTarget},
			}},
			states: with("prod", plan.Pending),
		},
		{
			why: "the ServiceAccount that pulls is another one now",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.PullAccounts = []string{"old"} })
			},
			want: []plan.Action{write("its form changed", both...)}, states: delivered,
		},
		{
			why:  "somebody gave a target a Secret of another name",
			edit: func(s *scene.Scene, _ component.Names) { s.Remote(func(r *world.RemoteSecret) { r.Customized = true }) },
			want: []plan.Action{write("its form changed", both...)}, states: delivered,
		},
		{
			why: "the Secrets it brings lost a label",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.SecretLabels = nil })
			},
			want: []plan.Action{write("its form changed", both...)}, states: delivered,
		},
		{
			why: "it is of an earlier Component of the name: the garbage collector comes for it",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.Owned = component.Predecessor })
			},
			want: nil, states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why: "it is being deleted: there is nothing to write to",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.Deleting, r.Targets = true, nil })
			},
			want: nil, states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why: "the token was never uploaded: a run died before it could",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.Record = component.UploadRecord{} })
			},
			want: []plan.Action{plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2}}, states: with("prod", plan.Pending),
		},
		{
			why: "the token was replaced by hand at Quay: what is uploaded is an earlier one",
			edit: func(s *scene.Scene, n component.Names) {
				scene.Alter(s.Robots, n.Pull.Robot, func(r *world.Robot) { r.Fingerprint = "another" })
			},
			want: []plan.Action{plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2}}, states: map[string]plan.DeliveryState{"dev": plan.Pending, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why: "the upload Secret stands: it is on its way",
			edit: func(s *scene.Scene, n component.Names) {
				s.Uploads[component.Key{Namespace: "tenant", Name: scene.Pull}] = []world.Upload{{Name: "u", ResourceVersion: "1", Fingerprint: world.At(s.Robots, n.Pull.Robot).Fingerprint}}
				clear(s.Arrived)
			},
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why: "an upload Secret with an earlier token is left over",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Uploads[component.Key{Namespace: "tenant", Name: scene.Pull}] = []world.Upload{{Name: "u", ResourceVersion: "1", Fingerprint: "earlier"}}
			},
			want: []plan.Action{plan.DeleteUpload{Upload: world.Upload{Name: "u", ResourceVersion: "1", Fingerprint: "earlier"}}}, states: delivered,
		},
		{
			why: "the operator dropped the upload, and never had another",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.HasData, r.TargetStatuses = false, nil })
				clear(s.Arrived)
			},
			want:   []plan.Action{plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2, Reason: "the last one was not taken"}},
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why: "the same, so lately that it may still be taken",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.HasData, r.TargetStatuses, r.Due = false, nil, false })
				clear(s.Arrived)
			},
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why: "the same, when nobody knows whether the upload was made at all",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) {
					r.HasData, r.TargetStatuses, r.Due, r.Record.Last = false, nil, false, time.Time{}
				})
				clear(s.Arrived)
			},
			want:   []plan.Action{plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2, Reason: "the last one was not taken"}},
			states: map[string]plan.DeliveryState{"dev": plan.Delivered, "stage": plan.Pending, "prod": plan.Pending},
		},
		{
			why: "what was begun has been taken, so lately that it may not have arrived",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.Due, r.Record.Last = false, time.Time{} })
				clear(s.Arrived)
			},
			states: with("stage", plan.Pending),
		},
		{
			why: "the operator dropped the upload and has an earlier token: only the content shows it",
			edit: func(s *scene.Scene, _ component.Names) {
				scene.Change(s.Arrived, component.Key{Namespace: "tenant-stage", Name: scene.Pull}, func(a *world.Arrived) { a.Content.Fingerprint = "earlier" })
			},
			want: []plan.Action{plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2, Reason: "the last one did not arrive"}}, states: with("stage", plan.Pending),
		},
		{
			why: "the operator has not dealt with a target: it is slow or down, and has the token",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.TargetStatuses = r.TargetStatuses[1:] })
				clear(s.Arrived)
			},
			states: with("stage", plan.Pending),
		},
		{
			why: "the operator says what is wrong: another upload would not help",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Remote(func(r *world.RemoteSecret) { r.TargetStatuses[0].Error = "forbidden" })
				clear(s.Arrived)
			},
			states: with("stage", plan.Failed),
		},
		{
			why: "the right content, brought by somebody else",
			edit: func(s *scene.Scene, _ component.Names) {
				scene.Change(s.Arrived, component.Key{Namespace: "tenant-stage", Name: scene.Pull}, func(a *world.Arrived) { a.By = "other/billing-image-pull" })
			},
			want: []plan.Action{plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2, Reason: "the last one did not arrive"}}, states: with("stage", plan.Pending),
		},
		{
			why: "nobody may read what arrived",
			edit: func(s *scene.Scene, _ component.Names) {
				s.Arrived[component.Key{Namespace: "tenant-stage", Name: scene.Pull}] = world.Arrived{Unreadable: true}
			},
			states: with("stage", plan.Unverified),
		},
	} {
		s, n := delivering(t)
		row.edit(s, n)
		actions, states := deliveries(only(s))
		options := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(world.Upload{})}
		if diff := cmp.Diff(row.want, actions, options); diff != "" {
			t.Errorf("%s: actions (-want +got):\n%s", row.why, diff)
		}
		if diff := cmp.Diff(row.states, states); diff != "" {
			t.Errorf("%s: states (-want +got):\n%s", row.why, diff)
		}
	}
}

// A rotation replaces what stands of earlier uploads, and uploads what comes of it.
func TestARotationIsDelivered(t *testing.T) {
	t.Parallel()
	s, n := delivering(t)
	s.Policy.MaxRotations = 1
	s.Components[0].Annotations[component.AnnotationGenerate] = component.RotateRequest
	u := world.Upload{Name: "u", ResourceVersion: "1", Fingerprint: world.At(s.Robots, n.Pull.Robot).Fingerprint}
	s.Uploads[component.Key{Namespace: "tenant", Name: scene.Pull}] = []world.Upload{u}
	p := only(s)
	got, _ := deliveries(p)
	want := []plan.Action{plan.DeleteUpload{Upload: u}, plan.UploadToken{RemoteSecret: scene.Pull, Targets: 2}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(world.Upload{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if last := p.Actions[len(p.Actions)-2]; last != plan.Action(p.Rotation.Actions[len(p.Rotation.Actions)-1]) {
		t.Errorf("delivery does not come after the acknowledgement, but after %T", last)
	}
	if _, first := p.Actions[p.Rotation.First+4].(plan.WriteSecret); !first || p.Actions[p.Rotation.First+6] != nil && p.Actions[p.Rotation.First+6].(plan.DeleteUpload).Name != "u" {
		t.Errorf("what was uploaded of the old token is not deleted right after the Secrets moved: %+v", p.Rotation.Actions)
	}
}

func TestAForeignRemoteSecretIsNotTouched(t *testing.T) {
	t.Parallel()
	s, _ := delivering(t)
	s.Remote(func(r *world.RemoteSecret) { r.Owned, r.Foreign = component.Foreign, "it was not made by Berth" })
	p := only(s)
	if p.Problem == nil || p.Problem.Reason != plan.ReasonNotOurs || !strings.HasPrefix(p.Problem.Summary, "RemoteSecretNotOurs: RemoteSecret tenant/billing-image-pull: ") {
		t.Fatalf("%+v", p.Problem)
	}
	if got, _ := deliveries(p); got != nil {
		t.Errorf("planned: %v", got)
	}
}

// Environments that are not reached are told to the tenant, in words that stay the
// same, and not without bound.
func TestUnreachedEnvironmentsAreTold(t *testing.T) {
	t.Parallel()
	s, _ := delivering(t)
	s.Run(scene.Bind("dev", "stage", "prod", "g1", "g2", "g3", "g4", "g5", "g6"))
	s.Remote(func(r *world.RemoteSecret) { r.Late, r.TargetStatuses[1].Error = true, "no route to host." })
	clear(s.Arrived)
	p := only(s)
	var texts []string
	for _, w := range p.Warnings {
		texts = append(texts, w.Code+": "+w.Text)
	}
	want := []string{
		"unresolved_environment: Environment g1 cannot be reached: there is no such Environment.",
		"unresolved_environment: Environment g2 cannot be reached: there is no such Environment.",
		"unresolved_environment: Environment g3 cannot be reached: there is no such Environment.",
		"unresolved_environment: Environment g4 cannot be reached: there is no such Environment.",
		"unresolved_environment: Environment g5 cannot be reached: there is no such Environment.",
		"not_delivered: 3 more environments cannot be reached.",
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	s.Run(scene.Bind("dev", "stage", "prod"))
	p = only(s)
	const told = "Environment prod (prod-ns on api.prod.example:6443) has not got the pull Secret: its cluster cannot be reached; the status of RemoteSecret billing-image-pull says more. " +
		"Environment stage (tenant-stage) has not got the pull Secret for half an hour."
	if got := (&draft.Component{Planned: &p}).Message(); got != told {
		t.Errorf("told: %s", got)
	}
	if text := p.Warnings[0].Text; !strings.HasSuffix(text, "has not got the pull Secret: no route to host.") {
		t.Errorf("the output has %s", text)
	}
	for _, a := range p.Actions {
		if a, ok := a.(plan.Announce); ok && strings.Contains(a.Value, "Environment stage") {
			return
		}
	}
	t.Error("the annotation does not tell it")
}

// Who waits for an environment waits since its token was handed over, by the machine's
// own clock, and for a token that was not, not at all.
func TestHowLongAnEnvironmentWaits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why    string
		change func(*scene.Scene)
		want   map[string]time.Duration
	}{
		{"the other cluster's is unverified", func(*scene.Scene) {}, map[string]time.Duration{"prod": 7 * time.Minute}},
		{"it did not arrive", func(s *scene.Scene) { clear(s.Arrived) }, map[string]time.Duration{"prod": 7 * time.Minute, "stage": 7 * time.Minute}},
		{"Quay's clock is ahead", func(s *scene.Scene) { s.Ahead = time.Minute }, map[string]time.Duration{"prod": 6 * time.Minute}},
		{"another token was handed over", func(s *scene.Scene) {
			s.Remote(func(r *world.RemoteSecret) { r.Record.Fingerprint = "earlier" })
		}, map[string]time.Duration{}},
	} {
		s := scene.New(t)
		s.Deliver()
		s.Remote(func(r *world.RemoteSecret) { r.Record.First, r.Record.Last = scene.Noon, scene.Noon })
		test.change(s)
		got := map[string]time.Duration{}
		for _, d := range Plan(s.World).Components[0].Deliveries {
			if d.Waits != 0 {
				got[d.Environment] = d.Waits
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.why, diff)
		}
	}
}
