package component

import (
	"encoding/json"
	"time"

	"berth/kube"
	"berth/quay"
)

// Marker is the annotation image.redhat.com/rotation: a rotation that has begun.
type Marker struct {
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

// MinPace is how long a Component's next request waits after a rotation: a tenant
// that sets the flag in a loop harms nobody else.
const MinPace = 10 * time.Minute

// NewMarker begins a rotation; the fingerprints are still to be told.
func NewMarker(run string, c kube.Component, now time.Time) Marker {
	return Marker{Version: markerVersion, ID: run, UID: c.UID, State: stateRotating, Since: now.UTC()}
}

// ParseMarker reads a Component's marker. A tenant can write one; what is not
// of the form, or of another Component, is no marker.
func ParseMarker(c kube.Component) (Marker, bool) {
	var m Marker
	raw := c.Annotations[AnnotationRotation]
	if raw == "" || len(raw) > maxAnnotation || json.Unmarshal([]byte(raw), &m) != nil {
		return Marker{}, false
	}
	ok := m.Version == markerVersion && m.UID == c.UID && m.State == stateRotating && m.ID != "" &&
		m.Push != "" && m.Pull != "" && !m.Since.IsZero()
	return m, ok
}

// Stale reports whether a marker no longer counts, for its age or because it was
// made up.
func (m Marker) Stale(now time.Time) bool {
	age := now.Sub(m.Since)
	return age > staleAfter || age < -MinPace
}

// Before is the fingerprint of the token before the rotation.
func (m Marker) Before(role quay.Role) string {
	if role == quay.Write {
		return m.Push
	}
	return m.Pull
}

// Encode is the annotation's value.
func (m Marker) Encode() string {
	raw, _ := json.Marshal(m) // strings and a time always encode
	return string(raw)
}
