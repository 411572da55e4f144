//go:build crds

// No build sets this tag. The imports hold the modules whose
// config/crd/bases the test API server installs, so that go.mod pins their
// versions and go.sum their content.

package main

import (
	_ "github.com/konflux-ci/application-api/api/v1alpha1"
	_ "github.com/redhat-appstudio/application-api/api/v1alpha1"
)
