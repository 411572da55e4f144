// Floor makes one call over TLS and does nothing else: what it takes from its start, every
// program in Go takes. Its arguments are a server and the file with its certificate.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
)

func main() {
	if err := call(os.Args[1], os.Args[2]); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}

func call(server, file string) error {
	certificate, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
