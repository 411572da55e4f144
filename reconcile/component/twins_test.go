package component

import (
	"testing"
	"time"

	"berth/kube"
	"berth/quay"
)

// both are two Components of one name, with these annotations.
func both(old, late map[string]string) kube.Component {
	return kube.Component{
		Namespace: "tenant", Name: "billing", UID: "uid-1", Annotations: old,
		Twin: &kube.Component{Namespace: "tenant", Name: "billing", UID: "uid-k", Group: kube.Konflux, Annotations: late},
	}
}

func TestWhoAsks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	generate := func(value string) map[string]string { return map[string]string{AnnotationGenerate: value} }
	marked := func(uid string) map[string]string {
		return map[string]string{AnnotationRotation: NewMarker(&kube.Component{UID: uid}, Stamp(now), Graceful, now).Encode()}
	}
	for _, row := range []struct {
		why       string
		old, late map[string]string
		want      string
	}{
		{"nobody", nil, nil, "uid-1"},
		{"the older", generate("true"), nil, "uid-1"},
		{"the younger", nil, generate("true"), "uid-k"},
		{"the one that asks to revoke", generate(`{"rotate":"graceful"}`), generate("true"), "uid-k"},
		{"the older, where both ask for the same", generate("true"), generate("true"), "uid-1"},
		{"the one whose request was taken on", generate("true"), marked("uid-k"), "uid-k"},
		{"a marker of the other one's uid is none", generate("false"), marked("uid-1"), "uid-1"},
		{"who states a visibility asks for no rotation", nil, generate(`{"visibility":"public"}`), "uid-1"},
	} {
		if got := Asker(new(both(row.old, row.late)), now); got.UID != row.want {
			t.Errorf("%s: %s, want %s", row.why, got.UID, row.want)
		}
	}
}

func TestStatementsOfTwo(t *testing.T) {
	t.Parallel()
	states := func(v string) map[string]string { return map[string]string{AnnotationVisibility: v} }
	for _, row := range []struct {
		why       string
		old, late map[string]string
		want      quay.Visibility
	}{
		{"neither", nil, nil, ""},
		{"the older alone", states("public"), nil, quay.Public},
		{"the younger alone", nil, states("public"), quay.Public},
		{"what closes counts", states("public"), states("private"), quay.Private},
		{"whoever says it", states("private"), states("public"), quay.Private},
	} {
		if got, err := StatementOf(new(both(row.old, row.late))); err != nil || got != row.want {
			t.Errorf("%s: %q, %v", row.why, got, err)
		}
	}
	if _, err := StatementOf(new(both(nil, states("open")))); err == nil {
		t.Error("a statement that cannot be read is passed over")
	}
}

func TestOwnersOfTwo(t *testing.T) {
	t.Parallel()
	c := both(nil, nil)
	owners := OwnersOf(&c)
	if len(owners) != 2 || owners[0].APIVersion != "appstudio.redhat.com/v1alpha1" || owners[1].APIVersion != "konflux-ci.dev/v1alpha1" || owners[1].UID != "uid-k" {
		t.Errorf("%+v", owners)
	}
	label := map[string]string{LabelManagedBy: Manager}
	for _, row := range []struct {
		why    string
		owners []kube.OwnerReference
		want   Ownership
		both   bool
	}{
		{"both", owners, Mine, true},
		{"the older", owners[:1], Mine, false},
		{"the younger", owners[1:], Mine, false},
		{"one that is gone", []kube.OwnerReference{{APIVersion: "konflux-ci.dev/v1alpha1", Kind: Kind, Name: "billing", UID: "gone"}}, Predecessor, false},
		{"one of a group of its own", []kube.OwnerReference{{APIVersion: "example.com/v1", Kind: Kind, Name: "billing", UID: "uid-k"}}, Foreign, true},
	} {
		if got, _ := Whose(label, row.owners, &c); got != row.want || row.want == Mine && OwnedByBoth(row.owners, &c) != row.both {
			t.Errorf("%s: %v, %v", row.why, got, OwnedByBoth(row.owners, &c))
		}
	}
}

func TestOlderGenerations(t *testing.T) {
	t.Parallel()
	a := Account{First: "berth_tenant_billing_aaaa_push"}
	const own, later, former = "berth_tenant_billing_aaaa_push", "berth_tenant_billing_aaaa_push_20260101000000", "berth_tenant_billing_zzzz_push_20270101000000"
	for _, row := range []struct {
		why    string
		a, b   string
		before bool
	}{
		{"the first is older than a stamped one", own, later, true},
		{"not the other way round", later, own, false},
		{"none is older than itself", own, own, false},
		{"of another uid, whatever its stamp", former, own, true},
		{"and never younger", own, former, false},
		{"none at all is older", "", own, true},
		{"two of another uid cannot be told", former, former + "0", false},
	} {
		if got := a.Before(row.a, row.b); got != row.before {
			t.Errorf("%s: %v", row.why, got)
		}
	}
}
