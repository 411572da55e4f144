// Package crds holds the custom resource definitions that no Go module publishes.
// The real API server installs them, and the one in memory reads what it prunes,
// fills in and refuses from the same bytes.
package crds

import _ "embed"

// RemoteSecret is the definition of RemoteSecret, with the fields that the
// remote-secret operator's own has (konflux-ci/remote-secret
// config/crd/bases/appstudio.redhat.com_remotesecrets.yaml, July 2024).
//
//go:embed remotesecrets.yaml
var RemoteSecret []byte
