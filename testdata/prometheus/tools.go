//go:build tools

// Package prometheus pins promtool, with which the alerts are tested; it is no part of
// the program.
package prometheus

import _ "github.com/prometheus/prometheus/cmd/promtool"
