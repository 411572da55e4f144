package kube_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/kube"
)

func listOf(kind string, items ...string) *http.Response {
	return answer(200, "application/json", `{"kind":"`+kind+`List","metadata":{"resourceVersion":"1"},"items":[`+strings.Join(items, ",")+`]}`)
}

func object(name, rest string) string {
	return `{"metadata":{"namespace":"ns","name":"` + name + `","uid":"u-` + name + `","resourceVersion":"7","labels":{"app.kubernetes.io/managed-by":"berth"}}` + rest + `}`
}

// One object that is not of its kind's form, as one can be that was stored under an earlier
// definition, hides no other, and is not taken for missing.
func TestOddObjects(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		kind, odd string
		list      func(*kube.Client) ([]string, error) // those that are odd with a ! behind
	}{
		{"Component", `,"spec":{"application":{"name":"shop"}}`, func(c *kube.Client) ([]string, error) {
			return listed(t, inGroup(c.Components), func(o kube.Component) (string, bool) { return o.Name, o.Odd })
		}},
		{"SnapshotEnvironmentBinding", `,"spec":{"components":[{"name":7}]}`, func(c *kube.Client) ([]string, error) {
			return listed(t, unlabelled(c.EnvironmentBindings), func(o kube.EnvironmentBinding) (string, bool) { return o.Name, o.Odd })
		}},
		{"Environment", `,"spec":{"configuration":[]}`, func(c *kube.Client) ([]string, error) {
			return listed(t, unlabelled(c.Environments), func(o kube.Environment) (string, bool) { return o.Name, o.Odd })
		}},
		{"DeploymentTargetClaim", `,"spec":{"targetName":7}`, func(c *kube.Client) ([]string, error) {
			return listed(t, unlabelled(c.DeploymentTargetClaims), func(o kube.DeploymentTargetClaim) (string, bool) { return o.Name, o.Odd })
		}},
		{"DeploymentTarget", `,"spec":{"claimRef":{"name":"prod"}}`, func(c *kube.Client) ([]string, error) {
			return listed(t, unlabelled(c.DeploymentTargets), func(o kube.DeploymentTarget) (string, bool) { return o.Name, o.Odd })
		}},
		{"Secret", `,"data":{".dockerconfigjson":"no base64"}`, func(c *kube.Client) ([]string, error) {
			list := func(ctx context.Context, namespace, selector string) ([]kube.Secret, error) {
				return secretsOf(ctx, c, namespace, selector)
			}
			return listed(t, list, func(o kube.Secret) (string, bool) { return o.Name, o.Odd })
		}},
	} {
		t.Run(row.kind, func(t *testing.T) {
			t.Parallel()
			c := client(t, func(*http.Request) *http.Response {
				return listOf(row.kind, object("a", ""), object("odd", row.odd), object("z", ""))
			})
			if got, err := row.list(c); err != nil || strings.Join(got, " ") != "a odd! z" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	t.Run("RemoteSecret", func(t *testing.T) {
		t.Parallel()
		c := client(t, func(*http.Request) *http.Response {
			return listOf("RemoteSecret", object("a", ""), object("odd", `,"spec":{"targets":{}}`), object("z", ""))
		})
		got, err := remoteSecretsOf(t.Context(), c, "ns", func(_, name string) bool { return name != "z" })
		if err != nil || len(got) != 2 || got[0].Odd || !got[1].Odd || got[1].Name != "odd" || len(got[1].Labels) > 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("one that cannot be named ends the list", func(t *testing.T) {
		t.Parallel()
		c := client(t, func(*http.Request) *http.Response {
			return listOf("Component", object("a", ""), `{"metadata":{"namespace":"ns","name":7,"uid":"u","resourceVersion":"7"}}`)
		})
		if got, err := c.Components(t.Context(), kube.AppStudio, "ns", ""); err == nil {
			t.Errorf("%+v", got)
		}
	})
}

// inGroup is a list of one group.
func inGroup[T any](list func(context.Context, kube.Group, string, string) ([]T, error)) func(context.Context, string, string) ([]T, error) {
	return func(ctx context.Context, namespace, selector string) ([]T, error) {
		return list(ctx, kube.Konflux, namespace, selector)
	}
}

func unlabelled[T any](list func(context.Context, string) ([]T, error)) func(context.Context, string, string) ([]T, error) {
	return func(ctx context.Context, namespace, _ string) ([]T, error) { return list(ctx, namespace) }
}

func listed[T any](t *testing.T, list func(context.Context, string, string) ([]T, error), name func(T) (string, bool)) ([]string, error) {
	all, err := list(t.Context(), "ns", "")
	var names []string
	for _, o := range all {
		n, odd := name(o)
		if odd {
			n += "!"
		}
		names = append(names, n)
	}
	return names, err
}

// What is kept of an object does not grow with what its author wrote into it.
func TestObjectsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	var annotations, labels, owners []string
	for i := range 5000 {
		annotations = append(annotations, fmt.Sprintf(`"image.redhat.com/more-%d":%q`, i, long[:1000]))
		labels = append(labels, fmt.Sprintf(`"appstudio.redhat.com/more-%d":"y"`, i))
		owners = append(owners, `{"apiVersion":"v1","kind":"ConfigMap","name":"n","uid":"u"}`, `{"apiVersion":"v1","kind":"Component","name":"`+long[:300]+`","uid":"u"}`)
	}
	metadata := `"labels":{"app.kubernetes.io/managed-by":"berth",` + strings.Join(labels, ",") + `},` +
		`"annotations":{"image.redhat.com/generate":"` + long + `",` + strings.Join(annotations, ",") + `},` +
		`"ownerReferences":[` + strings.Join(owners, ",") + `]`
	whole := func(rest string) string {
		return strings.Replace(object("a", rest), `"labels":{"app.kubernetes.io/managed-by":"berth"}`, metadata, 1)
	}
	sizeOf := func(v any) int { return len(fmt.Sprintf("%+v", v)) }

	c := client(t, func(*http.Request) *http.Response {
		return listOf("Component", whole(`,"spec":{"application":"`+long+`","source":{"url":"`+long+`"}}`))
	})
	if got, err := c.Components(t.Context(), kube.AppStudio, "ns", ""); err != nil || sizeOf(got) > 10_000 || len(got[0].Annotations["image.redhat.com/generate"]) != 4097 {
		t.Errorf("of a Component %d bytes are kept, %v", sizeOf(got), err)
	}

	c = client(t, func(*http.Request) *http.Response {
		return listOf("Namespace", strings.Replace(whole(""), `"namespace":"ns",`, "", 1))
	})
	if got, err := c.Namespaces(t.Context()); err != nil || sizeOf(got) > 5_000 || len(got[0].Annotations["image.redhat.com/generate"]) != 4097 {
		t.Errorf("of a namespace %d bytes are kept, %v", sizeOf(got), err)
	}

	for _, size := range []int{16 << 10, 16<<10 + 1, 1 << 20} {
		c = client(t, func(*http.Request) *http.Response {
			return listOf("Secret", whole(`,"type":"`+long+`","data":{".dockerconfigjson":"`+base64.StdEncoding.EncodeToString(make([]byte, size))+`"}`))
		})
		got, err := secretsOf(t.Context(), c, "ns", "")
		if err != nil || sizeOf(got) > 20_000 {
			t.Fatalf("of a Secret %d bytes are kept besides its content, %v", sizeOf(got), err)
		}
		if kept := len(got[0].DockerConfigJSON()); kept != size && size <= 16<<10 || kept != 0 && size > 16<<10 {
			t.Errorf("%d bytes of content, of which %d are kept", size, kept)
		}
	}

	var components []string
	for i := range 1001 {
		components = append(components, fmt.Sprintf(`{"name":"c%d"}`, i))
	}
	for _, n := range []int{1000, 1001} {
		c = client(t, func(*http.Request) *http.Response {
			return listOf("SnapshotEnvironmentBinding", whole(`,"spec":{"components":[`+strings.Join(components[:n], ",")+`]}`))
		})
		if got, err := c.EnvironmentBindings(t.Context(), "ns"); err != nil || len(got[0].Components) != 1000 || got[0].Odd != (n > 1000) {
			t.Errorf("of %d Components of a binding %d are kept, odd: %v, %v", n, len(got[0].Components), got[0].Odd, err)
		}
	}
}

// Of a RemoteSecret's targets 200 are kept, and of its statuses those of these, however
// many there are and wherever they stand.
func TestTargetsAreBounded(t *testing.T) {
	t.Parallel()
	type place struct {
		Namespace string `json:"namespace"`
		APIURL    string `json:"apiUrl,omitempty"`
		Error     string `json:"error,omitempty"`
	}
	var targets, statuses []place
	for i := range 24_000 {
		targets = append(targets, place{Namespace: fmt.Sprint("n", i), APIURL: "https://api/"})
		statuses = append(statuses, place{Namespace: fmt.Sprint("n", i), APIURL: "https://api", Error: "no"})
	}
	slices.Reverse(statuses)
	statuses = append(statuses, statuses...)
	spec, _ := json.Marshal(map[string]any{"targets": targets})
	status, _ := json.Marshal(map[string]any{"targets": statuses})
	c := client(t, func(*http.Request) *http.Response {
		return listOf("RemoteSecret", object("a", `,"spec":`+string(spec)+`,"status":`+string(status)))
	})
	got, err := remoteSecretsOf(t.Context(), c, "ns", func(string, string) bool { return true })
	if err != nil || len(got[0].Targets) != kube.MaxTargets || got[0].Further != 24_000-kube.MaxTargets || len(got[0].TargetStatuses) != kube.MaxTargets {
		t.Fatalf("%d targets, %d further, %d statuses, %v", len(got[0].Targets), got[0].Further, len(got[0].TargetStatuses), err)
	}
	for _, s := range got[0].TargetStatuses {
		if !slices.ContainsFunc(got[0].Targets, func(t kube.RemoteTarget) bool { return t.Namespace == s.Namespace }) {
			t.Fatalf("the status of %s is kept, which is no target", s.Namespace)
		}
	}
}

func remoteSecretsOf(ctx context.Context, c *kube.Client, namespace string, keep func(namespace, name string) bool) (found []kube.RemoteSecret, err error) {
	err = c.EachRemoteSecret(ctx, namespace, keep, func() func(kube.RemoteSecret) {
		found = nil
		return func(r kube.RemoteSecret) { found = append(found, r) }
	})
	return found, err
}
