package reconcile

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth/kube"
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
	c := component("tenant", "api")
	s := kube.Secret{Type: secretType, Immutable: true, Labels: labels(c), Owners: []kube.OwnerReference{ownerOf(c)}}
	want := Secret{Owned: mine, Type: secretType, Fixed: true, Labels: labels(c)}
	if d := cmp.Diff(want, secretOf(s, c), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("our Secret (-want +got):\n%s", d)
	}
	s.Owners = nil
	if got := secretOf(s, c); got.Owned != foreign || got.Foreign == "" || got.Content != (content{}) {
		t.Errorf("somebody's Secret: %+v", got)
	}
}
