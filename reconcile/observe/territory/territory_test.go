package territory

import (
	"context"
	"errors"
	"slices"
	"testing"

	"berth/kube"
	"berth/reconcile/world"
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
			named := Of(world.Scope{Namespaces: []string{"c", "a", "b", "a"}})
			got, err := Each(t.Context(), named, func(_ context.Context, namespace string) ([]string, error) {
				return []string{namespace}, row.broken[namespace]
			})
			if !slices.Equal(got, row.listed) || !errors.Is(err, row.err) || (err == nil) != (row.err == nil) {
				t.Errorf("listed %q, %v", got, err)
			}
			if shut := named.Shut(); !errors.Is(shut, row.shut) {
				t.Errorf("shut: %v, want %v", shut, row.shut)
			}
		})
	}
	whole := Of(world.Scope{})
	if got, err := Each(t.Context(), whole, func(context.Context, string) ([]string, error) { return nil, kube.ErrForbidden }); got != nil || !errors.Is(err, kube.ErrForbidden) {
		t.Errorf("of the whole cluster: %q, %v", got, err)
	}
}
