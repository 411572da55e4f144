package world_test

import (
	"slices"
	"testing"

	"berth/kube"
	"berth/reconcile/world"
)

func TestTwoComponentsOfANameAreOneBerth(t *testing.T) {
	t.Parallel()
	const first, later = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"
	component := func(g kube.Group, uid, created string) kube.Component {
		return kube.Component{Namespace: "tenant", Name: "billing", UID: uid, Group: g, Created: created}
	}
	deleting := func(c kube.Component) kube.Component { c.Deleting = true; return c }
	for _, row := range []struct {
		why         string
		all         []kube.Component
		elder, twin string // uids
	}{
		{"one of the older group", []kube.Component{component(kube.AppStudio, "a", first)}, "a", ""},
		{"one of the younger group", []kube.Component{component(kube.Konflux, "k", first)}, "k", ""},
		{"the older one stands for both", []kube.Component{component(kube.AppStudio, "a", first), component(kube.Konflux, "k", later)}, "a", "k"},
		{"whichever group it is of", []kube.Component{component(kube.AppStudio, "a", later), component(kube.Konflux, "k", first)}, "k", "a"},
		{"of one second, it is that of the older group", []kube.Component{component(kube.AppStudio, "z", first), component(kube.Konflux, "a", first)}, "z", "a"},
		{"one that goes is there no more", []kube.Component{deleting(component(kube.AppStudio, "a", first)), component(kube.Konflux, "k", later)}, "k", ""},
		{"nor is its twin", []kube.Component{component(kube.AppStudio, "a", first), deleting(component(kube.Konflux, "k", later))}, "a", ""},
		{"both go", []kube.Component{deleting(component(kube.AppStudio, "a", first)), deleting(component(kube.Konflux, "k", later))}, "a", ""},
	} {
		backwards := slices.Clone(row.all)
		slices.Reverse(backwards)
		for _, all := range [][]kube.Component{row.all, backwards} {
			got := world.Berths(all)
			twin := ""
			if len(got) == 1 && got[0].Twin != nil {
				twin = got[0].Twin.UID
			}
			if len(got) != 1 || got[0].UID != row.elder || twin != row.twin {
				t.Errorf("%s: %+v, want %s with %q", row.why, got, row.elder, row.twin)
			}
		}
	}
	other := component(kube.Konflux, "o", first)
	other.Namespace = "other"
	if got := world.Berths([]kube.Component{component(kube.AppStudio, "a", first), other}); len(got) != 2 || got[0].Twin != nil || got[1].Twin != nil {
		t.Errorf("two of different namespaces: %+v", got)
	}
}

func TestATwinAnswersWhatTheOlderLeavesOpen(t *testing.T) {
	t.Parallel()
	late := kube.Component{Namespace: "tenant", Name: "billing", UID: "k", Group: kube.Konflux, Created: "2026-01-01T00:00:00Z", SourceURL: "https://git.example/b"}
	old := kube.Component{Namespace: "tenant", Name: "billing", UID: "a", Created: "2026-01-02T00:00:00Z", Application: "shop", ComponentName: "bill", SourceURL: "https://git.example/a"}
	got := world.Berths([]kube.Component{old, late})[0]
	if got.UID != "k" || got.Application != "shop" || got.ComponentName != "bill" || got.SourceURL != "https://git.example/b" {
		t.Errorf("%+v", got)
	}
}

func TestAnyOfTwoMayBeSelected(t *testing.T) {
	t.Parallel()
	all := []kube.Component{
		{Namespace: "tenant", Name: "a", UID: "1"}, {Namespace: "tenant", Name: "a", UID: "2", Group: kube.Konflux}, {Namespace: "tenant", Name: "b", UID: "3"},
	}
	for _, matched := range []kube.Component{all[0], all[1]} {
		if got := world.Selected(world.Berths(all), []kube.Component{matched}); len(got) != 1 || got[0].UID != "1" || got[0].Twin.UID != "2" {
			t.Errorf("%+v: %+v", matched, got)
		}
	}
}
