// Command build builds the control plane for the tests, unless it is built
// already. It is a step of its own because the first time takes minutes,
// which a test's time limit would not allow.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"berth/kube/kubetest/controlplane/assets"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	_, err := assets.Make(ctx, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}
