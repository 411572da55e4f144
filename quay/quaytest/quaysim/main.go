// Command quaysim serves the simulated Quay of package quaytest on a loopback
// address, so that a transcript of the real one can be replayed against it:
//
//	go run ./quay/quaytest/quaysim --listen 127.0.0.1:8080 --transcript FILE.jsonl
//
// It holds what the transcript's first line names, prints the tokens as JSON and
// serves until interrupted. PUT /__config with JSON in the keys of Quay's
// config.yaml switches the configuration. It is a test tool without any
// protection: do not let others reach it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"berth/quay/quaytest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quaysim:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := pflag.NewFlagSet("quaysim", pflag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "loopback address to serve on")
	transcript := flags.String("transcript", "", "file whose first line says what to hold")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	setup, err := readSetup(*transcript)
	if err != nil {
		return err
	}
	address, err := net.ResolveTCPAddr("tcp", *listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if !address.IP.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", *listen)
	}
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	quay := quaytest.New(quaytest.Options{PageSize: setup.PageSize})
	tokens := quay.Prepare(setup)
	if err := json.NewEncoder(stdout).Encode(tokens); err != nil {
		return errors.Join(err, listener.Close())
	}
	return serve(ctx, listener, newHandler(quay))
}

func readSetup(path string) (quaytest.Setup, error) {
	file, err := os.Open(path)
	if err != nil {
		return quaytest.Setup{}, err
	}
	defer func() { _ = file.Close() }()
	return quaytest.ReadSetup(file)
}

func newHandler(quay *quaytest.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /__config", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
		if err != nil {
			http.Error(w, "the body cannot be read", http.StatusBadRequest)
			return
		}
		config, err := quaytest.ParseConfig(text)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		quay.Configure(config)
		w.WriteHeader(http.StatusNoContent)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/__config" {
			mux.ServeHTTP(w, r)
			return
		}
		quay.ServeHTTP(w, r) // not through the mux, which would clean the path
	})
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
