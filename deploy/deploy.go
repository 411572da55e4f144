// Package deploy holds the manifests that bring Berth to a cluster, for whoever reads
// them without a checkout: the demo, the simulated cluster, the tests. What is read here
// is what kubectl applies, byte for byte; nothing is rendered. The tests beside it hold
// the manifests to a real API server, and their rights to what the program uses.
package deploy

import "embed"

// Manifests are the folders beside this file: base and job, the components that may be
// added to base, and the example of an overlay. Overlays of one's own stay out.
//
//go:embed base components job overlays/example
var Manifests embed.FS

// Roles are all rights of the program and who has them, as base grants them: the
// ServiceAccount berth of namespace berth, which is not among them.
func Roles() []byte {
	raw, err := Manifests.ReadFile("base/rbac.yaml")
	if err != nil {
		panic(err) // embedded
	}
	return raw
}
