package kube_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"berth/kube"
)

// TestSecretIsNotShown prints Secrets, and what is to become one, in every way
// there is.
func TestSecretIsNotShown(t *testing.T) {
	t.Parallel()
	c := client(t, func(*http.Request) *http.Response { return answer(200, "application/json", secret) })
	s, err := c.Secret(t.Context(), "ns", "s")
	if err != nil || !strings.Contains(string(s.DockerConfigJSON()), "canary") {
		t.Fatalf("the content did not come: %v", err)
	}
	type nested struct {
		Exported kube.Secret
		hidden   kube.Secret
		write    kube.SecretWrite
	}
	n := nested{s, s, write()}
	var out bytes.Buffer
	for _, value := range []any{s, &s, []kube.Secret{s}, map[string]kube.Secret{"s": s}, n, &n, write(), []any{n}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%T"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
	}
	for _, value := range []any{s, &s, []kube.Secret{s}} {
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(raw)
	}
	if !strings.Contains(out.String(), "kubernetes.io/dockerconfigjson") {
		t.Fatal("nothing was printed")
	}
	leaks(t, out.String())
}

func leaks(t *testing.T, out string) {
	t.Helper()
	const plain = `{"auths":{"canary":{}}}`
	for _, form := range []string{"canary", "eyJhdXRocyI6eyJjYW5hcnki", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary"), fmt.Sprint([]byte("canary"))[1:20], plain} {
		if i := strings.Index(out, form); i >= 0 {
			t.Errorf("the content is shown: %q", out[max(0, i-60):min(len(out), i+60)])
		}
	}
}

// TestLog: what is logged names methods, templates and statuses alone.
func TestLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	transport := roundTrip(func(req *http.Request) *http.Response {
		switch {
		case req.Method == http.MethodPost:
			return nil
		case strings.HasSuffix(req.URL.Path, "/s"):
			return answer(200, "application/json", secret)
		}
		return page(1, "", secret)
	})
	c, err := kube.New(kube.Options{
		Config: &rest.Config{Host: "http://cluster.test", Transport: transport, BearerToken: "canary"},
		Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Secret(t.Context(), "ns", "s"); err != nil {
		t.Error(err)
	}
	if _, err := secretsOf(t.Context(), c, "ns", "label=canary"); err != nil {
		t.Error(err)
	}
	if err := c.CreateSecret(t.Context(), write()); err == nil {
		t.Error("a create without an answer succeeded")
	}
	for _, want := range []string{
		`msg="answer from the cluster" method=GET path=/api/v1/namespaces/{namespace}/secrets/{name} status=200`,
		`msg="answer from the cluster" method=GET path=/api/v1/namespaces/{namespace}/secrets status=200`,
		`msg="no answer from the cluster" method=POST path=/api/v1/namespaces/{namespace}/secrets`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(out.String(), "ns/") || strings.Contains(out.String(), "cluster.test") {
		t.Errorf("the log names what was asked for:\n%s", out.String())
	}
	leaks(t, out.String())
}
