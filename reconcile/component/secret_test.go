package component

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"berth/kube"
	"berth/quay"
)

const (
	someImage = "quay.example/acme/tenant/api"
	testLogin = "acme+berth_tenant_api_push"
	testToken = "EXAMPLE0TOKEN0OF0A0ROBOT"
)

func auth(pair string) string { return base64.StdEncoding.EncodeToString([]byte(pair)) }

func TestRender(t *testing.T) {
	t.Parallel()
	got := string(Render(someImage, testLogin, quay.NewToken(testToken)))
	want := `{"auths":{"quay.example/acme/tenant/api":{"auth":"` + auth(testLogin+":"+testToken) + `"}}}`
	if got != want {
		t.Errorf("rendered %s, want %s", got, want)
	}
}

func TestReadIsTheInverseOfRender(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		image := rapid.StringMatching(`[a-z.]{1,20}(:[0-9]{1,5})?(/[-a-z0-9._]{1,20}){2,4}`).Draw(t, "image")
		login := rapid.StringMatching(`[a-z0-9._-]{2,20}\+[a-z][a-z0-9_]{1,200}`).Draw(t, "login")
		token := rapid.String().Draw(t, "token")
		got := ContentOf(Render(image, login, quay.NewToken(token)))
		if want := (Content{Image: image, Login: login, Fingerprint: Fingerprint(login, token)}); got != want {
			t.Fatalf("read %+v, want %+v", got, want)
		}
	})
}

// What somebody else wrote is put right, even where it would log in.
func TestReadKnowsOnlyWhatBerthWrites(t *testing.T) {
	t.Parallel()
	good := string(Render(someImage, testLogin, quay.NewToken(testToken)))
	secret := auth(testLogin + ":" + testToken)
	if ContentOf([]byte(good)) == (Content{}) {
		t.Fatal("what Berth writes reads as empty")
	}
	for _, row := range []struct{ why, raw string }{
		{"nothing", ""},
		{"null", "null"},
		{"no auths", "{}"},
		{"empty auths", `{"auths":{}}`},
		{"cut short", good[:len(good)-1]},
		{"a line's end behind it", good + "\n"},
		{"space before it", " " + good},
		{"space within", strings.Replace(good, ":{", ": {", 1)},
		{"a second object", good + good},
		{"another key beside auths", strings.Replace(good, `{"auths"`, `{"credHelpers":{"quay.example":"x"},"auths"`, 1)},
		{"another key beside auth", strings.Replace(good, `"auth":`, `"email":"x","auth":`, 1)},
		{"user and password instead", `{"auths":{"` + someImage + `":{"username":"` + testLogin + `","password":"` + testToken + `"}}}`},
		{"user and password as well", strings.Replace(good, `"auth":`, `"username":"u","auth":`, 1)},
		{"a second registry", strings.Replace(good, `"}}}`, `"},"quay.example":{"auth":"`+secret+`"}}}`, 1)},
		{"the same registry twice", strings.Replace(good, `"}}}`, `"},"`+someImage+`":{"auth":"`+secret+`"}}}`, 1)},
		{"auth twice", strings.Replace(good, `"auth":`, `"auth":"eDp5","auth":`, 1)},
		{"keys in upper case", strings.Replace(good, "auths", "AUTHS", 1)},
		{"an escaped letter", strings.Replace(good, "quay.example", `\u0071uay.example`, 1)},
		{"no base64", strings.Replace(good, secret, "!", 1)},
		{"base64 without padding", strings.Replace(good, secret, "eDp5eg", 1)},
		{"base64 with a line's end, which the decoder skips", strings.Replace(good, secret, `eDp5\neg==`, 1)},
		{"base64 with bits behind the end", strings.Replace(good, secret, "eDp5eh==", 1)},
		{"no colon", strings.Replace(good, secret, auth("login"), 1)},
		{"auth is a number", strings.Replace(good, `"`+secret+`"`, "7", 1)},
		{"auths is a list", `{"auths":["` + secret + `"]}`},
		{"an older .dockercfg", `{"` + someImage + `":{"auth":"` + secret + `"}}`},
		{"not UTF-8 in the address", strings.Replace(good, "quay.example", "quay\xff", 1)},
		{"huge", string(Render(strings.Repeat("x", 16<<10), testLogin, quay.NewToken(testToken)))},
		{"deep", strings.Repeat("[", 16<<10)},
	} {
		if got := ContentOf([]byte(row.raw)); got != (Content{}) {
			t.Errorf("%s: read as %+v, want the empty content", row.why, got)
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	base := Fingerprint(testLogin, testToken)
	if len(base) != 32 || strings.Contains(base, testToken) || base != Fingerprint(testLogin, testToken) {
		t.Errorf("fingerprint %q", base)
	}
	for _, row := range []struct{ why, login, token string }{
		{"another login", testLogin + "x", testToken},
		{"another token", testLogin, testToken + "x"},
		{"no token", testLogin, ""},
		{"the border moved", testLogin + testToken[:1], testToken[1:]},
		{"exchanged", testToken, testLogin},
	} {
		if Fingerprint(row.login, row.token) == base {
			t.Errorf("%s: the same fingerprint", row.why)
		}
	}
}

// The label says that Berth may write, the owner reference for whom.
func TestOwned(t *testing.T) {
	t.Parallel()
	c := componentOf("tenant", "api")
	own := OwnersOf(&c)[0]
	edited := func(edit func(*kube.OwnerReference)) kube.OwnerReference {
		o := own
		edit(&o)
		return o
	}
	const (
		labelOnly = "it carries Berth's label, but the Component does not own it"
		takenOff  = "its label app.kubernetes.io/managed-by=berth was taken off"
		notMade   = "it was not made by Berth"
	)
	earlier := edited(func(o *kube.OwnerReference) { o.UID = "earlier" })
	for _, row := range []struct {
		why         string
		owners      []kube.OwnerReference
		labelled    Ownership
		labelledWhy string
		bareWhy     string // without the label it is always foreign
	}{
		{"no owner", nil, Foreign, labelOnly, notMade},
		{"this Component", []kube.OwnerReference{own}, Mine, "", takenOff},
		{"an earlier Component of the name", []kube.OwnerReference{earlier}, Predecessor, "", notMade},
		{"both, the earlier first", []kube.OwnerReference{earlier, own}, Mine, "", takenOff},
		{"both, the earlier last", []kube.OwnerReference{own, earlier}, Mine, "", takenOff},
		{"another Component", []kube.OwnerReference{edited(func(o *kube.OwnerReference) { o.Name = "other"; o.UID = "u" })}, Foreign, labelOnly, notMade},
		{"another name with this uid", []kube.OwnerReference{edited(func(o *kube.OwnerReference) { o.Name = "other" })}, Foreign, labelOnly, notMade},
		{"another kind with this uid", []kube.OwnerReference{edited(func(o *kube.OwnerReference) { o.Kind = "Application" })}, Foreign, labelOnly, notMade},
		{"another group's Component", []kube.OwnerReference{edited(func(o *kube.OwnerReference) { o.APIVersion = "example.com/v1alpha1" })}, Foreign, labelOnly, notMade},
		{"a group that begins alike", []kube.OwnerReference{edited(func(o *kube.OwnerReference) { o.APIVersion = "appstudio.redhat.com.evil/v1" })}, Foreign, labelOnly, notMade},
		{"a later version of the API", []kube.OwnerReference{edited(func(o *kube.OwnerReference) { o.APIVersion = "appstudio.redhat.com/v1beta1" })}, Mine, "", takenOff},
		{"somebody else beside it", []kube.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "y"}, own}, Mine, "", takenOff},
		{"an empty uid", []kube.OwnerReference{edited(func(o *kube.OwnerReference) { o.UID = "" })}, Predecessor, "", notMade},
	} {
		for _, label := range []string{"", "helm", "Berth", Manager} {
			want, wantWhy := Foreign, row.bareWhy
			if label == Manager {
				want, wantWhy = row.labelled, row.labelledWhy
			}
			if got, gotWhy := Whose(map[string]string{LabelManagedBy: label}, row.owners, &c); got != want || gotWhy != wantWhy {
				t.Errorf("%s, label %q: %d %q, want %d %q", row.why, label, got, gotWhy, want, wantWhy)
			}
		}
		if got, why := Whose(nil, row.owners, &c); got != Foreign || why != row.bareWhy {
			t.Errorf("%s, no labels: %d %q", row.why, got, why)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	c := componentOf("tenant", "api")
	want := map[string]string{
		"app.kubernetes.io/managed-by": "berth", "appstudio.redhat.com/component": "api",
		"appstudio.redhat.com/application": "shop", "appstudio.redhat.com/internal": "true",
	}
	if d := cmp.Diff(want, Labels(&c)); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
	for _, application := range []string{"", "a b", "A", "x/y", strings.Repeat("a", 64)} {
		c.Application = application
		if value, ok := Labels(&c)[labelApplication]; ok {
			t.Errorf("application %q became the label %q", application, value)
		}
	}
}

func FuzzRead(f *testing.F) {
	good := string(Render(someImage, testLogin, quay.NewToken(testToken)))
	for _, seed := range []string{good, good + " ", "", "{}", `{"auths":{"x":{}}}`, `{"auths":{"":{"auth":"Og=="}}}`, "\xff", strings.Repeat("[", 100)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := ContentOf(raw)
		if c == (Content{}) {
			return
		}
		body, ok := strings.CutPrefix(string(raw), `{"auths":{`)
		if !ok || strings.Count(body, `":{"auth":"`) != 1 || c.Fingerprint == "" {
			t.Errorf("%q reads as %+v", raw, c)
		}
	})
}
