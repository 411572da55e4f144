package kubetest_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/kube"
)

func testNamespaces(f *fixture) {
	one, err := f.Namespace(f.Context(), f.ns)
	f.no(err)
	if one.Name != f.ns || one.UID == "" || one.Terminating {
		f.Errorf("the namespace is %+v", one)
	}
	all, err := f.Namespaces(f.Context())
	f.no(err)
	if !slices.ContainsFunc(all, func(n kube.Namespace) bool { return cmp.Equal(n, one) }) {
		f.Errorf("%+v is not among %+v", one, all)
	}
	if !slices.ContainsFunc(all, func(n kube.Namespace) bool { return n.Name == "kube-system" && n.UID != "" }) {
		f.Errorf("kube-system is not among %+v", all)
	}
	_, err = f.Namespace(f.Context(), f.ns+"-missing")
	f.is(err, kube.ErrNotFound)
}

// testAnnotateNamespace has a request taken on and answered: on what was read alone, and
// nothing but annotations.
func testAnnotateNamespace(f *fixture) {
	const generate, rotation, image = "image.redhat.com/generate", "image.redhat.com/rotation", "image.redhat.com/image"
	f.given(`{apiVersion: v1, kind: Namespace, metadata: {name: NS, labels: {team: sea}, annotations: {` + generate + `: 'true', other/one: x}}}`)
	asking, err := f.Namespace(f.Context(), f.ns)
	f.no(err)
	if diff := cmp.Diff(map[string]string{generate: "true"}, asking.Annotations); diff != "" || !asking.Annotated || asking.ResourceVersion == "" {
		f.Errorf("%+v: %s", asking, diff)
	}
	take := kube.AnnotationChange{Test: map[string]string{generate: "true"}, Set: map[string]string{rotation: "{}"}, Remove: []string{generate}}
	taken, err := f.AnnotateNamespace(f.Context(), asking, take)
	f.no(err)
	read, err := f.Namespace(f.Context(), f.ns)
	f.no(err)
	if diff := cmp.Diff(read, taken); diff != "" || !cmp.Equal(read.Annotations, map[string]string{rotation: "{}"}) {
		f.Errorf("%+v: %s", read, diff)
	}
	unversioned, missing := taken, taken
	unversioned.ResourceVersion, missing.Name = "", f.ns+"-missing"
	set := kube.AnnotationChange{Set: map[string]string{image: "i"}}
	for _, row := range []struct {
		reason string
		on     kube.Namespace
		change kube.AnnotationChange
		want   error
	}{
		{"it changed meanwhile", asking, set, kube.ErrConflict},
		{"it changed meanwhile, and what was there is gone", asking, take, kube.ErrInvalid},
		{"a test fails", taken, kube.AnnotationChange{Test: map[string]string{rotation: "x"}, Remove: []string{rotation}}, kube.ErrInvalid},
		{"it is not there", missing, set, kube.ErrNotFound},
		{"no version", unversioned, set, kube.ErrInvalid},
		{"more than all annotations may be", taken, kube.AnnotationChange{Set: map[string]string{image: strings.Repeat("x", 256<<10)}}, kube.ErrFull},
	} {
		_, err := f.AnnotateNamespace(f.Context(), row.on, row.change)
		f.Log(row.reason)
		f.is(err, row.want)
	}
	same, err := f.AnnotateNamespace(f.Context(), taken, kube.AnnotationChange{Set: map[string]string{rotation: "{}"}})
	f.no(err)
	f.same(taken.ResourceVersion, same.ResourceVersion)
	f.given("{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody, namespace: NS}}")
	_, err = f.client(kube.Options{Config: f.config(f.T, "system:serviceaccount:"+f.ns+":nobody")}).AnnotateNamespace(f.Context(), taken, set)
	f.is(err, kube.ErrForbidden)
	f.delete(f.T, "namespaces", "", f.ns)
	going, err := f.Namespace(f.Context(), f.ns)
	f.no(err)
	going, err = f.AnnotateNamespace(f.Context(), going, kube.AnnotationChange{Remove: []string{rotation}}) // what is there may still change
	f.no(err)
	if !going.Terminating || len(going.Annotations) > 0 || !going.Annotated {
		f.Errorf("%+v", going)
	}
}

func testTerminating(f *fixture) {
	secret := f.secret("there")
	f.delete(f.T, "namespaces", "", f.ns)
	namespace, err := f.Namespace(f.Context(), f.ns)
	f.no(err)
	if !namespace.Terminating {
		f.Errorf("the namespace is %+v, want it terminating", namespace)
	}
	err = f.CreateSecret(f.Context(), f.write("new"))
	f.is(err, kube.ErrTerminating)
	if want := `secrets "new" is forbidden: unable to create new content in namespace ` + f.ns + ` because it is being terminated`; message(err) != want {
		f.Errorf("the message is %q, want %q", message(err), want)
	}
	f.no(f.UpdateSecret(f.Context(), f.write("there"), secret.ResourceVersion, false)) // what is there may still change
}

func testComponents(f *fixture) {
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: full, namespace: NS,
		annotations: {image.redhat.com/generate: 'true', other/one: x}},
		spec: {componentName: whole, application: shop, source: {git: {url: "https://git.example.com/a.git"}}}}`)
	got, err := f.Component(f.Context(), kube.AppStudio, f.ns, "full")
	f.no(err)
	if _, err := time.Parse(time.RFC3339, got.Created); got.UID == "" || got.ResourceVersion == "" || err != nil {
		f.Errorf("no uid or resourceVersion, or %v: %+v", err, got)
	}
	want := kube.Component{
		Namespace: f.ns, Name: "full", UID: got.UID, ResourceVersion: got.ResourceVersion, Created: got.Created,
		Application: "shop", ComponentName: "whole", Specified: true, SourceURL: "https://git.example.com/a.git",
		Annotations: map[string]string{"image.redhat.com/generate": "true"}, Annotated: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Error(diff)
	}

	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: leaving, namespace: NS,
		finalizers: [example.com/wait]}, spec: {componentName: leaving, application: shop}}`)
	f.delete(f.T, "components", f.ns, "leaving")
	leaving, err := f.Component(f.Context(), kube.AppStudio, f.ns, "leaving")
	f.no(err)
	if !leaving.Deleting || got.Deleting || leaving.Annotated || leaving.SourceURL != "" {
		f.Errorf("the deleted Component is %+v", leaving)
	}
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: leaving, namespace: NS,
		finalizers: []}, spec: {componentName: leaving, application: shop}}`)
	_, err = f.Component(f.Context(), kube.AppStudio, f.ns, "leaving")
	f.is(err, kube.ErrNotFound)

	_, err = f.Component(f.Context(), kube.AppStudio, f.ns, "missing")
	f.is(err, kube.ErrNotFound)
	_, err = f.Component(f.Context(), kube.AppStudio, f.ns+"-missing", "missing")
	f.is(err, kube.ErrNotFound)
}

// testComponentGroups has a Component of each group with one name: they know nothing of
// each other.
func testComponentGroups(f *fixture) {
	old := f.component("c")
	f.given(`{apiVersion: konflux-ci.dev/v1alpha1, kind: Component, metadata: {name: c, namespace: NS, annotations: {image.redhat.com/generate: 'true'}}, spec: {source: {url: "https://git.example.com/a"}}}`)
	late, err := f.Component(f.Context(), kube.Konflux, f.ns, "c")
	f.no(err)
	want := kube.Component{
		Namespace: f.ns, Name: "c", UID: late.UID, ResourceVersion: late.ResourceVersion, Group: kube.Konflux, Created: late.Created,
		Specified: true, SourceURL: "https://git.example.com/a", Annotations: map[string]string{"image.redhat.com/generate": "true"}, Annotated: true,
	}
	if diff := cmp.Diff(want, late); diff != "" || late.UID == old.UID {
		f.Errorf("%s: %s and %s", diff, old.UID, late.UID)
	}
	changed, err := f.Annotate(f.Context(), late, kube.AnnotationChange{Set: map[string]string{"image.redhat.com/image": "{}"}})
	f.no(err)
	named, err := f.Annotate(f.Context(), changed, kube.AnnotationChange{ContainerImage: "quay.example/acme/c"})
	f.no(err)
	for group, want := range map[kube.Group]kube.Component{kube.AppStudio: old, kube.Konflux: named} {
		got, err := f.Components(f.Context(), group, f.ns, "")
		f.no(err)
		if diff := cmp.Diff([]kube.Component{want}, got); diff != "" {
			f.Errorf("%s: %s", group, diff)
		}
	}
	f.delete(f.T, "components", f.ns, "c")
	if _, err := f.Component(f.Context(), kube.Konflux, f.ns, "c"); err != nil {
		f.Errorf("after its namesake was deleted: %v", err)
	}
	_, err = f.Component(f.Context(), kube.AppStudio, f.ns, "c")
	f.is(err, kube.ErrNotFound)
}

func testComponentLists(f *fixture) {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		f.component(name)
	}
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: d, namespace: NS,
		labels: {team: sea}}, spec: {componentName: d, application: shop}}`)
	for _, row := range []struct{ namespace, selector, want, reason string }{
		{f.ns, "", "a b c d e", "three pages of two"},
		{f.ns, "team=sea", "d", "by label"},
		{f.ns, "team!=sea", "a b c e", "by the lack of a label's value"},
		{f.ns, "team in (sea, air)", "d", "by a set"},
		{f.ns, "!team", "a b c e", "by the lack of a label"},
		{f.ns + "-missing", "", "", "a namespace that is not there has none"},
	} {
		before := f.Requests()
		got, err := f.Components(f.Context(), kube.AppStudio, row.namespace, row.selector)
		f.no(err)
		if names(got) != row.want {
			f.Errorf("%s: %q, want %q", row.reason, names(got), row.want)
		}
		if pages := f.Requests() - before; pages != max(1, (len(got)+1)/2) {
			f.Errorf("%s: %d requests for %d Components", row.reason, pages, len(got))
		}
	}
	before := f.Requests()
	_, err := f.Components(f.Context(), kube.AppStudio, "", "")
	f.is(err, kube.ErrInvalid)
	if f.Requests() != before {
		f.Error("a list of no namespace was asked for")
	}
	everywhere, err := f.Components(f.Context(), kube.AppStudio, kube.AllNamespaces, "")
	f.no(err)
	here := slices.DeleteFunc(everywhere, func(c kube.Component) bool { return c.Namespace != f.ns })
	if names(here) != "a b c d e" {
		f.Errorf("in all namespaces: %q", names(here))
	}
	_, err = f.Components(f.Context(), kube.AppStudio, f.ns, "no selector!")
	f.is(err, kube.ErrInvalid)
}

func names(components []kube.Component) string {
	var all []string
	for _, c := range components {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

func testAnnotate(f *fixture) {
	const generate, image = "image.redhat.com/generate", "image.redhat.com/image"
	c := f.component("c")
	if c.Annotated {
		f.Fatalf("the Component has annotations already: %+v", c)
	}
	steps := []struct {
		reason  string
		change  kube.AnnotationChange
		want    map[string]string
		nothing bool
	}{
		{
			"the first annotation",
			kube.AnnotationChange{Set: map[string]string{generate: "true"}},
			map[string]string{generate: "true"},
			false,
		},
		{
			"the same again",
			kube.AnnotationChange{Set: map[string]string{generate: "true"}},
			map[string]string{generate: "true"},
			true,
		},
		{
			"a second one, after a test",
			kube.AnnotationChange{Test: map[string]string{generate: "true"}, Set: map[string]string{image: "h"}},
			map[string]string{generate: "true", image: "h"},
			false,
		},
		{
			"one changed, one removed",
			kube.AnnotationChange{Test: map[string]string{image: "h"}, Set: map[string]string{image: "i"}, Remove: []string{generate}},
			map[string]string{image: "i"},
			false,
		},
		{
			"removed what is not there",
			kube.AnnotationChange{Remove: []string{generate}},
			map[string]string{image: "i"},
			true,
		},
		{
			"the last one removed",
			kube.AnnotationChange{Remove: []string{image}},
			map[string]string{},
			false,
		},
		{
			"the first annotation again",
			kube.AnnotationChange{Set: map[string]string{image: "j"}},
			map[string]string{image: "j"},
			false,
		},
	}
	for _, step := range steps {
		answered, err := f.Annotate(f.Context(), c, step.change)
		f.no(err)
		read, err := f.Component(f.Context(), kube.AppStudio, f.ns, "c")
		f.no(err)
		if diff := cmp.Diff(read, answered); diff != "" {
			f.Errorf("%s: the answer is not what is there: %s", step.reason, diff)
		}
		said := map[string]string{}
		if maps.Copy(said, read.Annotations); read.Announced != "" {
			said[image] = read.Announced
		}
		if diff := cmp.Diff(step.want, said); diff != "" {
			f.Errorf("%s: %s", step.reason, diff)
		}
		if (read.ResourceVersion == c.ResourceVersion) != step.nothing {
			f.Errorf("%s: resourceVersion was %s and is %s", step.reason, c.ResourceVersion, read.ResourceVersion)
		}
		c = answered
	}
}

func testAnnotateOdd(f *fixture) {
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: c, namespace: NS,
		annotations: {other/one: stays}}, spec: {componentName: c, application: shop}}`)
	c, err := f.Component(f.Context(), kube.AppStudio, f.ns, "c")
	f.no(err)
	const odd = "ä \"quoted\" \\ </script> \u2028 {\"v\":1}\n~1/~0"
	const long, short = "image.redhat.com/image", "image.redhat.com/rotation"
	got, err := f.Annotate(f.Context(), c, kube.AnnotationChange{Set: map[string]string{
		short: odd, long: strings.Repeat("l", 5000), "image.redhat.com/x.y_z-1": odd,
	}})
	f.no(err)
	if got.Annotations[short] != odd {
		f.Errorf("an odd value came back as %q", got.Annotations[short])
	}
	if n := len(got.Announced); n != 4097 {
		f.Errorf("of a long value %d bytes came back, want 4097", n)
	}
	metadata, _ := f.object(f.T, "components", f.ns, "c")["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations["other/one"] != "stays" || annotations["image.redhat.com/x.y_z-1"] != odd || len(annotations[long].(string)) != 5000 {
		f.Errorf("the annotations are %.200v", annotations)
	}
	if len(got.Annotations) != 1 {
		f.Errorf("an annotation that nobody asks for is kept: %.200v", got.Annotations)
	}
}

func testAnnotateRefused(f *fixture) {
	const generate, rotation = "image.redhat.com/generate", "image.redhat.com/rotation"
	first := f.component("c")
	set := func(key, value string) kube.AnnotationChange {
		return kube.AnnotationChange{Set: map[string]string{key: value}}
	}
	current, err := f.Annotate(f.Context(), first, set(generate, "true"))
	f.no(err)
	bare := current
	bare.Annotated = false
	missing := current
	missing.Name = "missing"
	unversioned := current
	unversioned.ResourceVersion = ""
	for _, row := range []struct {
		reason string
		on     kube.Component
		change kube.AnnotationChange
		want   error
	}{
		{"it changed meanwhile", first, set(rotation, "x"), kube.ErrConflict},
		{"it changed to the very same meanwhile", first, set(generate, "true"), kube.ErrConflict},
		{"a test fails", current, kube.AnnotationChange{Test: map[string]string{generate: "false"}, Set: map[string]string{rotation: "x"}}, kube.ErrInvalid},
		{"a test of what is not there", current, kube.AnnotationChange{Test: map[string]string{rotation: "x"}, Remove: []string{generate}}, kube.ErrInvalid},
		{"a test of an empty value that is not there", current, kube.AnnotationChange{Test: map[string]string{rotation: ""}}, kube.ErrInvalid},
		{"it changed meanwhile and a test fails", first, kube.AnnotationChange{Test: map[string]string{generate: "false"}}, kube.ErrInvalid},
		{"it is not there", missing, set(rotation, "x"), kube.ErrNotFound},
		{"no version", unversioned, set(rotation, "x"), kube.ErrInvalid},
		{"a key with two slashes", current, set("image.redhat.com/a/b", "x"), kube.ErrInvalid},
		{"a key with a tilde", current, set("image.redhat.com/a~b", "x"), kube.ErrInvalid},
		{"more than all annotations may be", current, set(rotation, strings.Repeat("x", 256<<10)), kube.ErrFull},
	} {
		_, err := f.Annotate(f.Context(), row.on, row.change)
		f.Log(row.reason)
		f.is(err, row.want)
	}
	after, err := f.Component(f.Context(), kube.AppStudio, f.ns, "c")
	f.no(err)
	f.same(current.ResourceVersion, after.ResourceVersion)
}

// testContainerImage sets one where there is none, on what was read alone.
func testContainerImage(f *fixture) {
	f.given(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: a, namespace: NS},
		spec: {componentName: a, application: shop, source: {git: {url: "https://git.example.com/a.git"}}}}`)
	read, err := f.Component(f.Context(), kube.AppStudio, f.ns, "a")
	f.no(err)
	f.rows("admin", rawRow{"somebody else writes", "PATCH", "/apis/appstudio.redhat.com/v1alpha1/namespaces/NS/components/a", mergeForm, `{"metadata":{"labels":{"a":"b"}}}`, 200, ""})
	_, err = f.Annotate(f.Context(), read, kube.AnnotationChange{ContainerImage: "quay.example/acme/a"})
	f.is(err, kube.ErrConflict)
	now, err := f.Component(f.Context(), kube.AppStudio, f.ns, "a")
	f.no(err)
	if now.ContainerImage != "" {
		f.Errorf("a conflict set %s", now.ContainerImage)
	}
	both := kube.AnnotationChange{Test: map[string]string{"image.redhat.com/image": "not this"}, Set: map[string]string{"image.redhat.com/image": "{}"}, ContainerImage: "quay.example/acme/a"}
	_, err = f.Annotate(f.Context(), now, both)
	f.is(err, kube.ErrInvalid)
	unchanged, err := f.Component(f.Context(), kube.AppStudio, f.ns, "a")
	f.no(err)
	f.same(now.ResourceVersion, unchanged.ResourceVersion)
	both.Test = nil
	got, err := f.Annotate(f.Context(), now, both)
	f.no(err)
	want := now
	want.ResourceVersion, want.ContainerImage = got.ResourceVersion, "quay.example/acme/a"
	want.Announced, want.Annotated = "{}", true
	if diff := cmp.Diff(want, got); diff != "" {
		f.Error(diff)
	}
	_, err = f.Annotate(f.Context(), got, kube.AnnotationChange{ContainerImage: "quay.example/acme/b"})
	f.is(err, kube.ErrInvalid)
	now.ResourceVersion = ""
	_, err = f.Annotate(f.Context(), now, kube.AnnotationChange{ContainerImage: "quay.example/acme/b"})
	f.is(err, kube.ErrInvalid)
}
