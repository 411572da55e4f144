//go:build race

package reconcile_test

func init() { raceDetector = true }
