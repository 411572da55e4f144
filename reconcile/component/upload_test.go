package component

import (
	"strings"
	"testing"
	"time"
)

// Each wait for a token is as long as all before it together.
func TestUploadsAreRepeatedEverLater(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	u := UploadRecord{First: start, Last: start}
	var at []time.Duration
	for now := start; now.Before(start.Add(7 * 24 * time.Hour)); now = now.Add(15 * time.Minute) {
		if u.Due(now) {
			u.Last = now
			at = append(at, now.Sub(start))
		}
	}
	if len(at) != 10 || at[0] != 15*time.Minute || at[1] != 30*time.Minute || at[2] != time.Hour || at[9] != 128*time.Hour {
		t.Errorf("uploaded again after %v", at)
	}
	u.Fingerprint = "f"
	if u.Late(start.Add(29*time.Minute)) || !u.Late(start.Add(30*time.Minute)) {
		t.Error("it is late after half an hour")
	}
	if (UploadRecord{}).Late(start) {
		t.Error("what was never uploaded is not late")
	}
	if begun := Beginning("f", start); begun.Due(start.Add(9*time.Minute)) || !begun.Due(start.Add(10*time.Minute)) || !begun.Begun() || u.Begun() || begun.Made("f", start).Begun() {
		t.Error("what was begun is given as long as what was made")
	}
	if !(UploadRecord{First: start, Last: start}).Due(start.Add(-time.Hour)) {
		t.Error("a record from the future would hold up every upload")
	}
}

func TestAnUploadIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	u := UploadRecord{Version: uploadVersion, Fingerprint: "f", First: at, Last: at}
	for _, u := range []UploadRecord{u, Beginning("f", at)} {
		if got := ParseUploadRecord(u.Encode()); got != u {
			t.Errorf("%+v", got)
		}
	}
	for _, raw := range []string{"", "{", `{"v":2,"fp":"f"}`, `[]`, `{"v":1,"fp":"` + strings.Repeat("x", maxAnnotation) + `"}`} {
		if got := ParseUploadRecord(raw); got != (UploadRecord{}) {
			t.Errorf("%.20s is read as %+v", raw, got)
		}
	}
}
