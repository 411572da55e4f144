package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

func TestSecretOfKeepsNoContentOfOthers(t *testing.T) {
	t.Parallel()
	c := scene.Component("tenant", "api")
	o := observer{World: world.World{Naming: scene.Naming(), Components: []kube.Component{c}}}
	o.NameComponents()
	called := o.Called(component.KeyOf(&c))
	s := kube.Secret{Type: component.SecretType, Immutable: true, Labels: component.Labels(&c), Owners: component.OwnersOf(&c)}
	want := &world.Secret{Owned: component.Mine, Type: component.SecretType, Fixed: true, Slim: true}
	if d := cmp.Diff(want, o.secretOf(s, called, false), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("our Secret (-want +got):\n%s", d)
	}
	delete(s.Labels, "appstudio.redhat.com/internal")
	if got := o.secretOf(s, called, false); got.Slim || len(got.Labels) != len(s.Labels) {
		t.Errorf("labels that were changed are not kept: %+v", got)
	}
	s.Owners = nil
	if got := o.secretOf(s, called, false); got.Owned != component.Foreign || got.Foreign == "" || got.Content != (component.Content{}) {
		t.Errorf("somebody's Secret: %+v", got)
	}
}

// A Secret of two Components that are one berth is theirs whichever of them owns it, and
// lacks the one that does not.
func TestSecretOfTwoThatAreOne(t *testing.T) {
	t.Parallel()
	c := scene.Component("tenant", "api")
	c.Twin = &kube.Component{Namespace: "tenant", Name: "api", UID: "uid-k", Group: kube.Konflux}
	o := observer{World: world.World{Naming: scene.Naming(), Components: []kube.Component{c}}}
	o.NameComponents()
	owners := component.OwnersOf(&c)
	for _, row := range []struct {
		why    string
		owners []kube.OwnerReference
		owned  component.Ownership
		lacks  bool
	}{
		{"both own it", owners, component.Mine, false},
		{"the older alone", owners[:1], component.Mine, true},
		{"the younger alone", owners[1:], component.Mine, true},
		{"an earlier one of the younger group", []kube.OwnerReference{{APIVersion: owners[1].APIVersion, Kind: component.Kind, Name: "api", UID: "gone"}}, component.Predecessor, true},
		{"the younger's uid in another group", []kube.OwnerReference{{APIVersion: "example.com/v1", Kind: component.Kind, Name: "api", UID: "uid-k"}}, component.Foreign, false},
	} {
		s := kube.Secret{Type: component.SecretType, Labels: component.Labels(&c), Owners: row.owners}
		if got := o.secretOf(s, o.Called(component.KeyOf(&c)), false); got.Owned != row.owned || got.Lacks != row.lacks {
			t.Errorf("%s: %v, lacks %v", row.why, got.Owned, got.Lacks)
		}
	}
}
