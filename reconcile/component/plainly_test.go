package component

import (
	"testing"

	"berth/kube"
	"berth/quay"
)

// What is read without a decoder is what the decoder would read, or is left to it.
func TestAnAnnouncementIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	plain := Announcement{Image: "quay.example/acme/tenant/api", Visibility: quay.Private, Secret: "api-image-push", PullSecret: "api-image-pull"}
	rotated, told, odd := plain, plain, plain
	rotated.Rotated, rotated.Rotations = "2026-03-16T12:00:00Z", 2
	told.Message = "Something is wrong."
	odd.Secret = `a"b<c`
	for _, a := range []Announcement{plain, rotated, told, odd, {}, {Message: "only this"}} {
		value := a.Encode()
		if got := announced(value); got != a {
			t.Errorf("%s reads as %+v", value, got)
		}
		for _, b := range []Announcement{plain, rotated, told, odd, {}} {
			c := kube.Component{Announced: value}
			if got, want := Says(&c, b), value == b.Encode(); got != want {
				t.Errorf("%s says %+v: %t", value, b, got)
			}
		}
	}
	if _, ok := plainly(plain.Encode()); !ok {
		t.Error("the usual one takes the decoder")
	}
	for _, value := range []string{
		"", `{"image":"a"}`, plain.Encode() + " ", " " + plain.Encode(), `{"image":"a\u0062","visibility":"b","secret":"c","pullSecret":"d"}`,
		`{"image":"ä","visibility":"b","secret":"c","pullSecret":"d"}`, `{"image":"","visibility":"b","secret":"c","pullSecret":"d"}`,
		`{"image":"a","visibility":"b","secret":"c","pullSecret":"d","message":"e"}`, `{"image":"a","visibility":"b","secret":"c","pullSecret":"d"`,
	} {
		if got, ok := plainly(value); ok {
			t.Errorf("%s is read without a decoder: %+v", value, got)
		}
	}
}

func TestLabelledIsWhatLabelsSay(t *testing.T) {
	t.Parallel()
	for _, c := range []kube.Component{{Name: "api", Application: "shop"}, {Name: "api"}, {Name: "api", Application: "NOT VALID"}} {
		have := Labels(&c)
		have["further"] = "the tenant's"
		if !Labelled(have, &c) {
			t.Errorf("%+v does not have its own labels", c)
		}
		for name := range Labels(&c) {
			changed := Labels(&c)
			changed[name] = "another"
			if Labelled(changed, &c) {
				t.Errorf("%s was changed, and nobody notices", name)
			}
		}
	}
}
