package observe

import (
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

func TestEachStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var asked []string
	list := func(namespace string) ([]string, error) {
		asked = append(asked, namespace)
		if namespace == "b" {
			return []string{"half"}, broken
		}
		return []string{namespace + "1", namespace + "2"}, nil
	}
	if got, err := each([]string{"a", "c"}, list); err != nil || !slices.Equal(got, []string{"a1", "a2", "c1", "c2"}) {
		t.Errorf("listed %q, %v", got, err)
	}
	asked = nil
	if got, err := each([]string{"a", "b", "c"}, list); !errors.Is(err, broken) || got != nil {
		t.Errorf("listed %q, %v; want nothing and the error", got, err)
	}
	if !slices.Equal(asked, []string{"a", "b"}) {
		t.Errorf("asked for %q", asked)
	}
}

func TestSecretOfKeepsNoContentOfOthers(t *testing.T) {
	t.Parallel()
	c := scene.Component("tenant", "api")
	s := kube.Secret{Type: component.SecretType, Immutable: true, Labels: component.Labels(c), Owners: []kube.OwnerReference{component.OwnerOf(c)}}
	want := world.Secret{Owned: component.Mine, Type: component.SecretType, Fixed: true, Labels: component.Labels(c)}
	if d := cmp.Diff(want, secretOf(s, c), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("our Secret (-want +got):\n%s", d)
	}
	s.Owners = nil
	if got := secretOf(s, c); got.Owned != component.Foreign || got.Foreign == "" || got.Content != (component.Content{}) {
		t.Errorf("somebody's Secret: %+v", got)
	}
}
