package observe

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth/kube"
	"berth/reconcile/component"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

// A namespace that was named and cannot be read is that namespace's matter, unless what is
// wrong is nobody's in particular, or nothing at all can be read.
func TestEachNamespaceFailsAlone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		broken map[string]error
		listed []string
		err    error
		shut   error
	}{
		{"all is well", nil, []string{"a", "b", "c"}, nil, nil},
		{"one is forbidden", map[string]error{"b": kube.ErrForbidden}, []string{"a", "c"}, nil, nil},
		{"all but one", map[string]error{"a": kube.ErrForbidden, "c": kube.ErrUnavailable}, []string{"b"}, nil, nil},
		{"all", map[string]error{"a": kube.ErrForbidden, "b": kube.ErrForbidden, "c": kube.ErrUnavailable}, nil, nil, kube.ErrForbidden},
		{"the cluster knows nothing of us", map[string]error{"b": kube.ErrUnauthorized}, nil, kube.ErrUnauthorized, nil},
		{"the kind is not there", map[string]error{"b": kube.ErrNotInstalled}, nil, kube.ErrNotInstalled, nil},
		{"a bug", map[string]error{"b": world.ErrPanic}, nil, world.ErrPanic, nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			territory := newTerritory(world.Scope{Namespaces: []string{"c", "a", "b", "a"}})
			got, err := each(t.Context(), territory, func(_ context.Context, namespace string) ([]string, error) {
				return []string{namespace}, row.broken[namespace]
			})
			if !slices.Equal(got, row.listed) || !errors.Is(err, row.err) || (err == nil) != (row.err == nil) {
				t.Errorf("listed %q, %v", got, err)
			}
			if shut := territory.shut(); !errors.Is(shut, row.shut) {
				t.Errorf("shut: %v, want %v", shut, row.shut)
			}
		})
	}
	territory := newTerritory(world.Scope{})
	if got, err := each(t.Context(), territory, func(context.Context, string) ([]string, error) { return nil, kube.ErrForbidden }); got != nil || !errors.Is(err, kube.ErrForbidden) {
		t.Errorf("of the whole cluster: %q, %v", got, err)
	}
}

func TestSecretOfKeepsNoContentOfOthers(t *testing.T) {
	t.Parallel()
	c := scene.Component("tenant", "api")
	o := observer{World: world.World{Naming: scene.Naming(), Components: []kube.Component{c}}}
	o.NameComponents()
	called := o.Called(component.KeyOf(c))
	s := kube.Secret{Type: component.SecretType, Immutable: true, Labels: component.Labels(c), Owners: component.OwnersOf(c)}
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
	owners := component.OwnersOf(c)
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
		s := kube.Secret{Type: component.SecretType, Labels: component.Labels(c), Owners: row.owners}
		if got := o.secretOf(s, o.Called(component.KeyOf(c)), false); got.Owned != row.owned || got.Lacks != row.lacks {
			t.Errorf("%s: %v, lacks %v", row.why, got.Owned, got.Lacks)
		}
	}
}
