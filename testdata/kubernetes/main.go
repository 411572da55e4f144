// Command kubernetes is etcd, kube-apiserver, kube-controller-manager and kubectl
// in one executable, so that the tests of Berth can talk to a real Kubernetes
// control plane that comes, like every other dependency, from the Go module proxy.
// The first argument says which of them to be; the rest are that program's own.
//
// A server ends when its standard input does. Whoever starts it keeps the other end
// of a pipe, and then no server outlives its test, not even a test that was killed.
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
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// program is one of the parts of Kubernetes.
type program struct {
	run    func() int
	server bool // ends with its standard input
}

// programs maps a first argument to what it stands for. A further part of
// Kubernetes is its import and a line here.
var programs = map[string]program{
	"etcd":                    {etcd, true},
	"kube-apiserver":          {command(apiserver.NewAPIServerCommand), true},
	"kube-controller-manager": {command(controllers.NewControllerManagerCommand), true},
	"kubectl":                 {command(kubectl.NewDefaultKubectlCommand), false},
}

func main() {
	if len(os.Args) < 2 || programs[os.Args[1]].run == nil {
		fmt.Fprintln(os.Stderr, "usage: kubernetes etcd|kube-apiserver|kube-controller-manager|kubectl [flags]")
		os.Exit(64)
	}
	p := programs[os.Args[1]]
	os.Args = os.Args[1:] // where the programs look for their flags
	if p.server {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	os.Exit(p.run())
}

// etcd returns when the server has stopped; it reports failures by exiting.
func etcd() int {
	etcdmain.Main(os.Args)
	return 0
}

func command(newCommand func() *cobra.Command) func() int {
	return func() int { return cli.Run(newCommand()) }
}
