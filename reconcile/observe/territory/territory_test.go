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

// gates are the namespaces that there are, and whether they can be listed.
type gates struct {
	there  []string
	listed bool
}

func (g gates) Namespaces(context.Context) (all []kube.Namespace, err error) {
	if !g.listed {
		return nil, kube.ErrForbidden
	}
	for _, name := range g.there {
		all = append(all, kube.Namespace{Name: name, UID: "uid-" + name})
	}
	return all, nil
}

func (g gates) Namespace(_ context.Context, name string) (kube.Namespace, error) {
	if !slices.Contains(g.there, name) {
		return kube.Namespace{}, kube.ErrNotFound
	}
	return kube.Namespace{Name: name, UID: "uid-" + name}, nil
}

// Where rights are granted by namespace there are none in one that is not there. That it is not
// there is what is told of it, though it was tried before anybody knew.
func TestANamespaceThatIsNotThereIsNotClosed(t *testing.T) {
	t.Parallel()
	many := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}
	for _, row := range []struct {
		why   string
		named []string
		there gates
	}{
		{"a few", []string{"a", "b", "gone"}, gates{[]string{"a", "b"}, false}},
		{"a few that could be listed", []string{"a", "b", "gone"}, gates{[]string{"a", "b"}, true}},
		{"many", append([]string{"gone"}, many...), gates{many, true}},
		{"many that cannot be listed", append([]string{"gone"}, many...), gates{many, false}},
	} {
		named, calls := Of(world.Scope{Namespaces: row.named}), 0
		list := func(_ context.Context, namespace string) ([]string, error) {
			if namespace == kube.AllNamespaces {
				calls++
			}
			if !slices.Contains(row.there.there, namespace) || namespace == "b" {
				return nil, kube.ErrForbidden
			}
			return []string{namespace}, nil
		}
		first, err := Each(t.Context(), named, list)
		found, absent, errNamespaces := named.Namespaces(t.Context(), row.there, false)
		tries := calls
		again, errAgain := Each(t.Context(), named, list)
		if err := errors.Join(err, errNamespaces, errAgain); err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
		open := slices.DeleteFunc(slices.Clone(row.there.there), func(name string) bool { return name == "b" })
		if !slices.Equal(first, open) || !slices.Equal(again, open) || len(found) != len(row.there.there) || !slices.Equal(absent, []string{"gone"}) {
			t.Errorf("%s: listed %q, then %q; found %v, absent %q", row.why, first, again, found, absent)
		}
		if closed := named.Closed(); len(closed) != 1 || !errors.Is(closed["b"], kube.ErrForbidden) {
			t.Errorf("%s: closed %v", row.why, closed)
		}
		if wide := len(row.named) > 10; tries > 1 || (tries == 1) != wide || calls > tries && !row.there.listed {
			t.Errorf("%s: the whole cluster was listed %d times before and %d after", row.why, tries, calls-tries)
		}
	}
}
