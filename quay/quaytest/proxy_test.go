package quaytest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"berth/quay/quaytest"
)

// What the proxy refuses it refuses as nginx does, and Quay does not see it.
func TestTheProxyLimitsTheRate(t *testing.T) {
	t.Parallel()
	const api, tokens, web = "/api/v1/organization/acme", "/v2/auth?service=quay.test", "/config"
	never := func() bool { return false }
	for _, row := range []struct {
		why     string
		proxy   *quaytest.Proxy
		refused []string
	}{
		{"no limit", &quaytest.Proxy{}, nil},
		{"the API's", &quaytest.Proxy{API: never}, []string{api}},
		{"the token endpoint's", &quaytest.Proxy{Tokens: never}, []string{tokens}},
		{"both", &quaytest.Proxy{API: never, Tokens: never}, []string{api, tokens}},
	} {
		s := quaytest.New(quaytest.Options{})
		row.proxy.Server = s
		for _, path := range []string{api, tokens, web} {
			answer := httptest.NewRecorder()
			row.proxy.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			refused := strings.Contains(strings.Join(row.refused, " "), path)
			if refused != (answer.Code == http.StatusTooManyRequests) {
				t.Errorf("%s: %s is answered with %d", row.why, path, answer.Code)
			}
			page := answer.Header().Get("Content-Type") == "text/html" && strings.Contains(string(body), "429 Too Many Requests")
			if refused && (!page || answer.Header().Get("Retry-After") != "") {
				t.Errorf("%s: %s is refused with %q and %v", row.why, path, body, answer.Header())
			}
		}
		if seen := 3 - len(row.refused); s.Total() != seen || row.proxy.Refused() != len(row.refused) {
			t.Errorf("%s: Quay saw %d requests and %d were refused, want %d and %d", row.why, s.Total(), row.proxy.Refused(), seen, len(row.refused))
		}
	}
}
