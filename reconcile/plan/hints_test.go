package plan

import (
	"strings"
	"testing"
)

// No way out that the guard knows begins with taking something away.
func TestTheGuardsHints(t *testing.T) {
	t.Parallel()
	if strings.HasPrefix(wayOut, "Delete") || strings.HasPrefix(waiting("x").Tenant, "Delete") {
		t.Error("the guard says Delete")
	}
}
