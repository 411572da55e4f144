package controlplane

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// AuditEvent is one finished request. Resource, Namespace and Name are empty where
// the request has none; Resource is the plural.
type AuditEvent struct {
	User        string
	Verb        string // get, list, watch, create, update, patch, delete, deletecollection
	Group       string
	Resource    string
	Subresource string
	Namespace   string
	Name        string
	Code        int // HTTP status
}

// AuditEvents returns every request since the start, in the order in which they
// ended, the API server's own among them. A request stands there before its
// caller has the end of the answer.
func (cp *ControlPlane) AuditEvents(t testing.TB) []AuditEvent {
	t.Helper()
	data, err := os.ReadFile(cp.file("audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	var events []AuditEvent
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // still being written
		}
		var logged struct {
			Verb      string
			User      struct{ Username string }
			ObjectRef struct {
				APIGroup, Resource, Subresource, Namespace, Name string
			}
			ResponseStatus struct{ Code int }
		}
		if err := json.Unmarshal(line, &logged); err != nil {
			t.Fatalf("read the audit log: %v", err)
		}
		ref := logged.ObjectRef
		events = append(events, AuditEvent{
			User: logged.User.Username, Verb: logged.Verb,
			Group: ref.APIGroup, Resource: ref.Resource, Subresource: ref.Subresource,
			Namespace: ref.Namespace, Name: ref.Name,
			Code: logged.ResponseStatus.Code,
		})
	}
	return events
}
