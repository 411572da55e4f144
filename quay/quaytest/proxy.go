package quaytest

import (
	"net/http"
	"strings"
	"sync/atomic"
)

// Proxy stands before a Server and limits the rate, as nginx does before Quay
// (conf/nginx/rate-limiting.conf.jnj): what it refuses Quay never sees. Its
// answer is 429, a page of HTML, and does not say when to come again. Of Quay's
// pages only the API and the registry's token endpoint are limited, each for itself.
type Proxy struct {
	Server http.Handler
	API    func() bool // says whether a request may pass now, concurrently; nil: always
	Tokens func() bool // of the token endpoint; nil: always

	refused atomic.Int64
}

// ServeHTTP answers one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var allow func() bool
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		allow = p.API
	case r.URL.Path == "/v2/auth":
		allow = p.Tokens
	}
	if allow != nil && !allow() {
		p.refused.Add(1)
		const status = http.StatusTooManyRequests
		response{status: status, contentType: "text/html", body: []byte(proxyPage(status))}.write(w)
		return
	}
	p.Server.ServeHTTP(w, r)
}

// Refused counts the requests that Quay did not see.
func (p *Proxy) Refused() int { return int(p.refused.Load()) }
