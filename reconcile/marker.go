package reconcile

import (
	"encoding/json"
	"time"

	"berth/kube"
	"berth/quay"
)

// marker is the annotation image.redhat.com/rotation: a rotation that has begun.
type marker struct {
	Version int       `json:"v"`
	ID      string    `json:"id"`   // of the run that began it
	UID     string    `json:"uid"`  // the Component's: a copied manifest carries no rotation with it
	Push    string    `json:"push"` // fingerprints before the rotation
	Pull    string    `json:"pull"`
	State   string    `json:"state"`
	Since   time.Time `json:"since"`
}

const (
	markerVersion = 1
	stateRotating = "rotating"

	// staleAfter is the age at which a marker no longer counts and the rotation
	// starts over.
	staleAfter = 24 * time.Hour
)

// minPace is how long a Component's next request waits after a rotation: a tenant
// that sets the flag in a loop harms nobody else.
const minPace = 10 * time.Minute

// newMarker begins a rotation; the fingerprints are still to be told.
func newMarker(run string, c kube.Component, now time.Time) marker {
	return marker{Version: markerVersion, ID: run, UID: c.UID, State: stateRotating, Since: now.UTC()}
}

// parseMarker reads a Component's marker. A tenant can write one; what is not
// of the form, or of another Component, is no marker.
func parseMarker(c kube.Component) (marker, bool) {
	var m marker
	raw := c.Annotations[AnnotationRotation]
	if raw == "" || len(raw) > maxAnnotation || json.Unmarshal([]byte(raw), &m) != nil {
		return marker{}, false
	}
	ok := m.Version == markerVersion && m.UID == c.UID && m.State == stateRotating && m.ID != "" &&
		m.Push != "" && m.Pull != "" && !m.Since.IsZero()
	return m, ok
}

// stale reports whether a marker no longer counts, for its age or because it was
// made up.
func (m marker) stale(now time.Time) bool {
	age := now.Sub(m.Since)
	return age > staleAfter || age < -minPace
}

func (m marker) before(role quay.Role) string {
	if role == quay.Write {
		return m.Push
	}
	return m.Pull
}

func (m marker) encode() string {
	raw, _ := json.Marshal(m) // strings and a time always encode
	return string(raw)
}
