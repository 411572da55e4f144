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

// ImageRepository is the definition of ImageRepository, with the fields that
// image-controller's own has (konflux-ci/image-controller
// config/crd/bases/appstudio.redhat.com_imagerepositories.yaml, August 2026).
//
//go:embed imagerepositories.yaml
var ImageRepository []byte
