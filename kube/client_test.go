package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"berth/kube"
)

// roundTrip answers in place of a server, so that time can be a test's own.
type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := f(req)
	if resp == nil {
		return nil, errors.New("connection refused")
	}
	resp.Request = req
	return resp, nil
}

func answer(status int, contentType, body string, header ...string) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return w.Result()
}

func status(code int, reason, message string, header ...string) *http.Response {
	body, err := json.Marshal(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
	if err != nil {
		panic(err)
	}
	return answer(code, "application/json", string(body), header...)
}

func client(t *testing.T, f roundTrip) *kube.Client {
	t.Helper()
	return waiting(t, f, func(int) time.Duration { return 0 })
}

// waiting is a client that waits before it tries a page of a list again; nil: as it does.
func waiting(t *testing.T, f roundTrip, backoff func(int) time.Duration) *kube.Client {
	t.Helper()
	c, err := kube.New(kube.Options{Config: &rest.Config{Host: "http://cluster.test", Transport: f, BearerToken: "bearer-word"}, QPS: -1, Backoff: backoff})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const secret = `{"kind":"Secret","apiVersion":"v1","metadata":{"namespace":"ns","name":"s","uid":"u","resourceVersion":"7"},` +
	`"type":"kubernetes.io/dockerconfigjson","data":{".dockerconfigjson":"eyJhdXRocyI6eyJjYW5hcnkiOnt9fX0="}}`

func write() kube.SecretWrite {
	return kube.SecretWrite{Namespace: "ns", Name: "s", DockerConfigJSON: func() []byte { return []byte(`{"auths":{"canary":{}}}`) }}
}

// TestAnswers has what no right-minded API server says, but what stands in front of
// one does: none of it may read as success, or as absence.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const page = "<html><body>Not Found: canary</body></html>"
	const html, text, object = "text/html", "text/plain; charset=utf-8", "application/json"
	for _, row := range []struct {
		reason string
		answer func() *http.Response
		want   error
	}{
		{"nothing at all", func() *http.Response { return nil }, kube.ErrUnavailable},
		{"a page as success", func() *http.Response { return answer(200, html, page) }, kube.ErrUnavailable},
		{"an empty object", func() *http.Response { return answer(200, object, "{}") }, kube.ErrUnavailable},
		{"null", func() *http.Response { return answer(200, object, "null") }, kube.ErrUnavailable},
		{"nothing in a success", func() *http.Response { return answer(200, object, "") }, kube.ErrUnavailable},
		{"half an object", func() *http.Response { return answer(200, object, secret[:len(secret)/2]) }, kube.ErrUnavailable},
		{"another object", func() *http.Response { return answer(200, object, strings.Replace(secret, `"s"`, `"t"`, 1)) }, kube.ErrUnavailable},
		{"another namespace", func() *http.Response { return answer(200, object, strings.Replace(secret, `"ns"`, `"other"`, 1)) }, kube.ErrUnavailable},
		{"no uid", func() *http.Response { return answer(200, object, strings.Replace(secret, `"u"`, `""`, 1)) }, kube.ErrUnavailable},
		{"content that is no base64", func() *http.Response { return answer(200, object, strings.Replace(secret, "eyJh", "!!!!", 1)) }, kube.ErrUnavailable},
		{"a redirect", func() *http.Response { return answer(302, html, page, "Location", "http://elsewhere.test/") }, kube.ErrUnavailable},
		{"a proxy's 404", func() *http.Response { return answer(404, html, page) }, kube.ErrUnavailable},
		{"a proxy's 403", func() *http.Response { return answer(403, html, page) }, kube.ErrUnavailable},
		{"a right that is missing", func() *http.Response {
			return status(403, "Forbidden", `secrets is forbidden: User "x" cannot create resource "secrets"`)
		}, kube.ErrForbidden},
		{"a quota", func() *http.Response {
			return status(403, "Forbidden", `secrets "s" is forbidden: exceeded quota: q, requested: count/secrets=1, used: count/secrets=5, limited: count/secrets=5`)
		}, kube.ErrQuota},
		{"a proxy's words about a quota", func() *http.Response { return answer(403, text, "s is forbidden: exceeded quota: canary") }, kube.ErrUnavailable},
		{"a proxy's 409", func() *http.Response { return answer(409, text, "canary") }, kube.ErrUnavailable},
		{"a path that leads nowhere", func() *http.Response { return answer(404, text, "404 page not found\n") }, kube.ErrNotInstalled},
		{"absence", func() *http.Response { return status(404, "NotFound", "not found") }, kube.ErrNotFound},
		{"401 as text", func() *http.Response { return answer(401, text, "Unauthorized") }, kube.ErrUnauthorized},
		{"401", func() *http.Response { return status(401, "Unauthorized", "Unauthorized") }, kube.ErrUnauthorized},
		{"too big", func() *http.Response { return status(413, "RequestEntityTooLarge", "too large") }, kube.ErrInvalid},
		{"gone", func() *http.Response { return status(410, "Expired", "too old") }, kube.ErrUnavailable},
		{"500", func() *http.Response { return status(500, "InternalError", "etcdserver: request timed out") }, kube.ErrUnavailable},
		{"504", func() *http.Response { return status(504, "Timeout", "timed out") }, kube.ErrUnavailable},
		{"an unknown status", func() *http.Response { return status(599, "", "") }, kube.ErrUnavailable},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			sent := 0
			c := client(t, func(req *http.Request) *http.Response {
				if req.URL.Host != "cluster.test" {
					t.Errorf("a request went to %s", req.URL.Host)
				}
				sent++
				return row.answer()
			})
			_, get := c.Secret(t.Context(), "ns", "s")
			_, list := secretsOf(t.Context(), c, "ns", "")
			for op, err := range map[string]error{
				"get": get, "list": list,
				"create": c.CreateSecret(t.Context(), write()), "patch": c.UpdateSecret(t.Context(), write(), "7", false),
			} {
				if row.reason == "content that is no base64" && (op == "create" || op == "patch") {
					continue // the content of an answer to a write is not looked at
				}
				if !errors.Is(err, row.want) {
					t.Errorf("%s: %v, want %v", op, err, row.want)
				}
				if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "http:") || strings.Contains(err.Error(), "eyJh")) {
					t.Errorf("%s: the error quotes the answer or the address: %v", op, err)
				}
			}
			if !errors.Is(row.want, kube.ErrUnavailable) && sent != 4 {
				t.Errorf("%d requests for 4 calls", sent)
			}
		})
	}
}

// TestRetries: a write is repeated after a 429 alone, and no wait is as long as a
// server likes.
func TestRetries(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		reason        string
		code          int
		after         string
		reads, writes int           // requests for a call that never succeeds
		pages         int           // attempts at a page of a list, each of as many requests as a read
		wait          time.Duration // at most, for a read
	}{
		{"429 that says when", 429, "1", 5, 5, 10, 4 * time.Second},
		{"429 that asks for a day", 429, "86400", 5, 5, 10, 40 * time.Second},
		{"429 with no wait", 429, "0", 5, 5, 10, 4 * time.Second},
		{"429 with a negative wait", 429, "-5", 5, 5, 10, 4 * time.Second},
		{"429 that does not say", 429, "", 1, 1, 10, 0},
		{"429 with a date", 429, "Fri, 01 Jan 2027 00:00:00 GMT", 1, 1, 10, 0},
		{"500 that says when: a write may have taken effect", 500, "1", 5, 1, 5, 4 * time.Second},
		{"503 that asks for a day", 503, "86400", 5, 1, 10, 40 * time.Second},
		{"503 that does not say", 503, "", 1, 1, 10, 0},
		{"409 that says when", 409, "1", 1, 1, 1, 0},
	} {
		t.Run(row.reason, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := waiting(t, func(*http.Request) *http.Response { return status(row.code, "", "no", "Retry-After", row.after) }, nil)
				start := time.Now()
				_, err := c.Secret(t.Context(), "ns", "s")
				if err == nil || c.Requests() != row.reads || time.Since(start) > row.wait {
					t.Errorf("get: %d requests in %v, want %d in %v: %v", c.Requests(), time.Since(start), row.reads, row.wait, err)
				}
				before := c.Requests()
				if _, err := secretsOf(t.Context(), c, "ns", ""); err == nil || c.Requests()-before != row.reads*row.pages {
					t.Errorf("list: %d requests, want %d: %v", c.Requests()-before, row.reads*row.pages, err)
				}
				before = c.Requests()
				if err := c.CreateSecret(t.Context(), write()); err == nil || c.Requests()-before != row.writes {
					t.Errorf("create: %d requests, want %d: %v", c.Requests()-before, row.writes, err)
				}
				before = c.Requests()
				if err := c.UpdateSecret(t.Context(), write(), "7", false); err == nil || c.Requests()-before != row.writes {
					t.Errorf("patch: %d requests, want %d: %v", c.Requests()-before, row.writes, err)
				}
			})
		})
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := client(t, func(*http.Request) *http.Response {
		cancel()
		return status(429, "TooManyRequests", "wait", "Retry-After", "5")
	})
	_, err := c.Secret(ctx, "ns", "s")
	if !errors.Is(err, context.Canceled) || !errors.Is(err, kube.ErrUnavailable) {
		t.Errorf("a cancelled call gives %v", err)
	}
	_, err = secretsOf(ctx, c, "ns", "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled list gives %v", err)
	}
	_, err = c.LinkSecrets(ctx, "ns", "sa", "s")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled link gives %v", err)
	}
	if c.Requests() != 1 {
		t.Errorf("%d requests, want one", c.Requests())
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	robot := strings.Repeat("ROBOTTOKEN", 6)
	for _, row := range []struct{ reason, message, want string }{
		{"plain", "it is so", "it is so"},
		{"lines and control characters", "one\n\ttwo\x1b[31m\x00 three", "one two[31m three"},
		{"invisible characters", "a\u202eb\u200bc", "abc"},
		{"a token", "token " + robot + " is bad", "token [redacted] is bad"},
		{"base64", "auth: YSticm90OnRva2VuLXRoYXQtaXMtc2VjcmV0LWFuZC1sb25n==.", "auth: [redacted]."},
		{"a JWT", "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMzQ1Njc4OTAifQ.eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50In0.x", "[redacted].[redacted].x"},
		{
			"the object that a patch would have made", `"" is invalid: patch: Invalid value: "{\"data\":{\".dockerconfigjson\":\"YSticm90OnRva2VuLXRoYXQtaXMtc2VjcmV0\"}}": no`,
			`"" is invalid: patch: Invalid value: "{\"data\":{\".dockerconfigjson\":\"[redacted]\"}}": no`,
		},
		{"long", strings.Repeat("word ", 100), strings.Repeat("word ", 50) + "wor…"},
		{"long, with wide characters", strings.Repeat("ä ", 200), strings.Repeat("ä ", 84) + "…"},
	} {
		c := client(t, func(*http.Request) *http.Response { return status(422, "Invalid", row.message) })
		_, err := c.Secret(t.Context(), "ns", "s")
		want := "get Secret ns/s: refused as invalid (HTTP 422): " + row.want
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", row.reason, err, want)
		}
		var e *kube.Error
		if !errors.As(err, &e) || len(e.Message) > 256 || e.Status != 422 || e.Reason != "Invalid" {
			t.Errorf("%s: %+v", row.reason, e)
		}
	}
	c := client(t, func(*http.Request) *http.Response { return status(422, robot+"\n", "") })
	_, err := c.Namespaces(t.Context())
	var e *kube.Error
	if !errors.As(err, &e) || e.Reason != "" || err.Error() != "list Namespaces: refused as invalid (HTTP 422)" {
		t.Errorf("a reason that is no word: %+v", err)
	}
}

// TestTraversal: a name is one segment of a path or nothing.
func TestTraversal(t *testing.T) {
	t.Parallel()
	c := client(t, func(req *http.Request) *http.Response {
		t.Errorf("%s was asked for", req.URL)
		return nil
	})
	for _, name := range []string{"", ".", "..", "a/b", "../../other/secrets/x", "a%2fb"} {
		if _, err := c.Secret(t.Context(), "ns", name); !errors.Is(err, kube.ErrInvalid) {
			t.Errorf("name %q: %v", name, err)
		}
		if _, err := c.Secret(t.Context(), name, "s"); !errors.Is(err, kube.ErrInvalid) {
			t.Errorf("namespace %q: %v", name, err)
		}
		if err := c.UpdateSecret(t.Context(), kube.SecretWrite{Namespace: "ns", Name: name, DockerConfigJSON: write().DockerConfigJSON}, "7", false); !errors.Is(err, kube.ErrInvalid) {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	if _, err := kube.New(kube.Options{}); err == nil {
		t.Error("no configuration is accepted")
	}
	if _, err := kube.New(kube.Options{Config: &rest.Config{Host: "https://cluster.test", TLSClientConfig: rest.TLSClientConfig{CAData: []byte("x")}}}); err == nil {
		t.Error("a certificate that is none is accepted")
	}
	config := &rest.Config{Host: "http://cluster.test"}
	before := config.String()
	if _, err := kube.New(kube.Options{Config: config}); err != nil || config.String() != before || config.WrapTransport != nil {
		t.Errorf("the configuration given is changed: %v", err)
	}
}

func page(version int, next string, items ...string) *http.Response {
	return answer(200, "application/json", `{"metadata":{"continue":`+strconv.Quote(next)+`,"resourceVersion":"`+strconv.Itoa(version)+`"},`+
		`"items":[`+strings.Join(items, ",")+`],"kind":"SecretList","apiVersion":"v1"}`)
}

func secretsOf(ctx context.Context, c *kube.Client, namespace, selector string) (found []kube.Secret, err error) {
	err = c.EachSecret(ctx, namespace, selector, func() func(kube.Secret) {
		found = nil
		return func(s kube.Secret) { found = append(found, s) }
	})
	return found, err
}
