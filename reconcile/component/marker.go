package component

import (
	"encoding/json"
	"time"

	"berth/kube"
)

// How a rotation treats the older generations.
type How string

// The ways: to revoke is to delete them in the same run, graceful leaves them alive
// until their successor has arrived everywhere.
const (
	Revoke   How = "revoke"
	Graceful How = "graceful"
)

// Marker is the annotation image.redhat.com/rotation: a request that was taken on.
type Marker struct {
	Version int       `json:"v"`
	UID     string    `json:"uid"` // the Component's: a copied manifest carries no rotation with it
	To      string    `json:"to"`  // the stamp of the new generation
	How     How       `json:"how"`
	Since   time.Time `json:"since"`
}

const (
	markerVersion = 2

	// AheadMost is how far a stamp may be ahead of Quay's clock to be believed.
	AheadMost = time.Hour
	// formerCounts is for how long a marker of the former form counts as a request.
	formerCounts = 24 * time.Hour
)

// NewMarker takes a request on.
func NewMarker(c *kube.Component, to string, how How, now time.Time) Marker {
	return Marker{Version: markerVersion, UID: c.UID, To: to, How: how, Since: now.UTC().Truncate(time.Second)}
}

// ParseMarker reads a Component's marker. A tenant can write one; what is not of the
// form, of another Component, or of a time to come, is no marker.
func ParseMarker(c *kube.Component, now time.Time) (Marker, bool) {
	raw := c.Annotations[AnnotationRotation]
	if raw == "" {
		return Marker{}, false
	}
	var m Marker
	if len(raw) > maxAnnotation || json.Unmarshal([]byte(raw), &m) != nil {
		return Marker{}, false
	}
	to, ok := StampTime(m.To)
	ok = ok && m.Version == markerVersion && m.UID == c.UID && (m.How == Revoke || m.How == Graceful) && to.Sub(now) <= AheadMost
	return m, ok
}

// Encode is the annotation's value.
func (m Marker) Encode() string {
	raw, _ := json.Marshal(m) // strings and a time always encode
	return string(raw)
}

// FormerMarker reads a marker of the form that regenerating tokens had. One that is
// young counts as a request to revoke, which it was.
func FormerMarker(c *kube.Component, now time.Time) (found, young bool) {
	raw := c.Annotations[AnnotationRotation]
	if raw == "" {
		return false, false
	}
	var m struct {
		Version int       `json:"v"`
		UID     string    `json:"uid"`
		State   string    `json:"state"`
		Since   time.Time `json:"since"`
	}
	if len(raw) > maxAnnotation || json.Unmarshal([]byte(raw), &m) != nil || m.Version != 1 || m.UID != c.UID || m.State != "rotating" {
		return false, false
	}
	age := now.Sub(m.Since)
	return true, age <= formerCounts && age >= -AheadMost
}
