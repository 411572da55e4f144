package world

import (
	"slices"
	"testing"

	"berth/kube"
	"berth/reconcile/component"
)

func TestScope(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		scope Scope
		ask   []string
		whole bool
	}{
		{"nothing left out", Scope{}, []string{kube.AllNamespaces}, true},
		{"some namespaces", Scope{Namespaces: []string{"b", "a", "b"}}, []string{"a", "b"}, false},
		{"a selector hides Components in every namespace", Scope{Selector: "a=b"}, []string{kube.AllNamespaces}, false},
		{"Components by name", Scope{Only: []component.Key{{Namespace: "b", Name: "x"}, {Namespace: "a", Name: "y"}, {Namespace: "b", Name: "z"}}}, []string{"a", "b"}, false},
		{"an empty name is none of all", Scope{Namespaces: []string{""}}, []string{""}, false},
		{"namespaces count before names", Scope{Namespaces: []string{"c"}, Only: []component.Key{{Namespace: "b", Name: "x"}}}, []string{"c"}, false},
	} {
		if got := row.scope.Lists(); !slices.Equal(got, row.ask) {
			t.Errorf("%s: asks for %q, want %q", row.why, got, row.ask)
		}
		if got := row.scope.Whole(); got != row.whole {
			t.Errorf("%s: whole is %v", row.why, got)
		}
	}
}
