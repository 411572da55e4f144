// Command kubernetes is etcd and kube-apiserver in one executable, so that the
// tests of Berth can talk to a real Kubernetes API server that comes, like every
// other dependency, from the Go module proxy. The first argument says which of
// them to be; the rest are that program's own.
//
// It ends when its standard input does. Whoever starts it keeps the other end of
// a pipe, and then no server outlives its test, not even a test that was killed.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // these three as in the original
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// programs maps a first argument to what it stands for. A further part of
// Kubernetes is its import and a line here.
var programs = map[string]func() int{
	"etcd":           etcd,
	"kube-apiserver": command(apiserver.NewAPIServerCommand),
}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: kubernetes etcd|kube-apiserver [flags]")
		os.Exit(64)
	}
	run := programs[os.Args[1]]
	os.Args = os.Args[1:] // where both programs look for their flags
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	os.Exit(run())
}

// etcd returns when the server has stopped; it reports failures by exiting.
func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}

func command(newCommand func() *cobra.Command) func() int {
	return func() int { return cli.Run(newCommand()) }
}
