package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"berth/testdata/demo"
)

// gitHost is a git host that takes its time; of the sources, every other one is private.
type gitHost struct{ latency time.Duration }

func (h *gitHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	<-time.After(h.latency)
	repository, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/info/refs")
	demo.AnswerGit(w, repository != "" && repository[len(repository)-1]%2 == 0)
}

// leadsTo is a proxy that connects whoever asks with one address: a git host is asked at
// port 443 of a public one, which no process here is.
func leadsTo(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var dialer net.Dialer
		to, err := dialer.DialContext(r.Context(), "tcp", address)
		if err != nil {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		defer func() { _ = to.Close() }()
		from, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = from.Close() }()
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, from) }()
		_, _ = io.Copy(from, to)
	}
}

// sourced makes rows of new Components whose sources a git host shows or refuses.
func (b *bench) sourced(ctx context.Context, n int) error {
	for _, latency := range b.git {
		err := b.on(ctx, n, false, func(p place) error {
			p.slow = latency
			asks := append(b.arguments(), "--source-hosts", "example.com", "--source-proxy", p.Git, "--source-ca-file", p.Certificate)
			return b.measure(ctx, p, row{what: fmt.Sprintf("new, sources after %v", latency), size: n}, b.berth, asks)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
