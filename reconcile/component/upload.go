package component

import (
	"encoding/json"
	"time"

	"berth/kube"
)

// UploadRecord is the annotation image.redhat.com/upload of a RemoteSecret: which token was
// uploaded to it, and when. A tenant can write it, and by that only have its own token
// uploaded once more or less.
type UploadRecord struct {
	Version     int       `json:"v"`
	Fingerprint string    `json:"fp"`
	First       time.Time `json:"first"` // since when the targets as they are wait for this token
	Last        time.Time `json:"last,omitzero"`
}

// Beginning is the record that a RemoteSecret is made with when the upload follows. Should the
// run end in between, the next one finds neither that nor data, and does not wait.
func Beginning(fingerprint string, now time.Time) UploadRecord {
	return UploadRecord{Version: uploadVersion, Fingerprint: fingerprint, First: now.UTC()}
}

// Begun reports whether an upload was to follow the making of its RemoteSecret, and no more
// is known of it.
func (u UploadRecord) Begun() bool { return u.Fingerprint != "" && u.Last.IsZero() }

// UploadName is what the upload Secret of a Component is called that brings a token.
func UploadName(c *kube.Component, fingerprint string) string {
	return BoundedName(c.Name, UploadSuffix+fingerprint[:min(8, len(fingerprint))])
}

const (
	uploadVersion = 1

	// soonest is how long an upload is given before it is made again.
	soonest = 10 * time.Minute
	// lateAfter is how long a token may be on its way before anybody is told.
	lateAfter = 30 * time.Minute
)

// Due reports whether it is time to upload again: each wait is as long as all before
// it together, so that an operator that is broken for a week is asked a dozen times.
func (u UploadRecord) Due(now time.Time) bool {
	last := u.Last
	if u.Begun() {
		last = u.First
	}
	since := now.Sub(last)
	return since < 0 || since >= max(soonest, last.Sub(u.First))
}

// Late reports whether a token should have arrived by now.
func (u UploadRecord) Late(now time.Time) bool {
	return u.Fingerprint != "" && now.Sub(u.First) >= lateAfter
}

// Made is the record after a further upload.
func (u UploadRecord) Made(fingerprint string, now time.Time) UploadRecord {
	if u.Fingerprint != fingerprint {
		u.First = now.UTC()
	}
	u.Version, u.Fingerprint, u.Last = uploadVersion, fingerprint, now.UTC()
	return u
}

// ParseUploadRecord reads the annotation; what Berth did not write reads as no upload.
func ParseUploadRecord(raw string) UploadRecord {
	var u UploadRecord
	if raw == "" || len(raw) > maxAnnotation || json.Unmarshal([]byte(raw), &u) != nil || u.Version != uploadVersion {
		return UploadRecord{} // not of our writing
	}
	return u
}

// Encode is the annotation's value.
func (u UploadRecord) Encode() string {
	raw, _ := json.Marshal(u) // strings and times always encode
	return string(raw)
}
