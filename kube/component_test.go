package kube_test

import (
	"net/http"
	"testing"

	"berth/kube"
)

// TestSourceURL: the definition of 2023 has spec.source.git.url, that of 2026
// spec.source.url as well.
func TestSourceURL(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ reason, spec, want string }{
		{"2023", `{"source":{"git":{"url":"https://git.example.com/old"}}}`, "https://git.example.com/old"},
		{"2026", `{"source":{"url":"https://git.example.com/new","versions":[{"name":"v1"}]}}`, "https://git.example.com/new"},
		{"both", `{"source":{"git":{"url":"https://git.example.com/old"},"url":"https://git.example.com/new"}}`, "https://git.example.com/old"},
		{"an empty one", `{"source":{"git":{"url":""},"url":"https://git.example.com/new"}}`, "https://git.example.com/new"},
		{"an image", `{"containerImage":"quay.example.com/a/b"}`, ""},
		{"nothing", `null`, ""},
	} {
		c := client(t, func(*http.Request) *http.Response {
			return answer(200, "application/json", `{"metadata":{"namespace":"ns","name":"c","uid":"u","resourceVersion":"1"},"spec":`+row.spec+`}`)
		})
		got, err := c.Component(t.Context(), kube.AppStudio, "ns", "c")
		if err != nil || got.SourceURL != row.want {
			t.Errorf("%s: %q, want %q: %v", row.reason, got.SourceURL, row.want, err)
		}
	}
}
