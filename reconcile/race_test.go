//go:build race

package reconcile_test

import "flag"

func init() {
	raceDetector = true
	if err := flag.Set("rapid.checks", "20"); err != nil { // fewer random worlds, unless the command line says how many
		panic(err)
	}
}
