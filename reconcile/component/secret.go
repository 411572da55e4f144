package component

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"

	"berth/kube"
	"berth/quay"
)

// Labels that mark what Berth makes in the cluster.
const (
	LabelManagedBy   = "app.kubernetes.io/managed-by"
	labelComponent   = "appstudio.redhat.com/component"
	labelApplication = "appstudio.redhat.com/application"
	labelInternal    = "appstudio.redhat.com/internal"

	Manager    = "berth"
	SecretType = "kubernetes.io/dockerconfigjson"
	Kind       = "Component"
)

// OtherType is why a Secret of our name is of no use, whoever made it.
const OtherType = "its type is not " + SecretType + ", and a Secret's type cannot be changed"

// Ownership is whose an object of our name is.
type Ownership uint8

// The owners.
const (
	Foreign     Ownership = iota
	Mine                  // our label, owned by this Component
	Predecessor           // our label, owned by an earlier Component of the name
	Inherited             // without our label, and to be taken over
)

// Content is a dockerconfigjson as Berth writes them: one address, one login.
type Content struct {
	Image       string
	Login       string
	Fingerprint string
}

// Whose tells whose an object of our name is. The owner reference is the
// truth; without our label the object was taken out of our hands.
func Whose(labels map[string]string, owners []kube.OwnerReference, c *kube.Component) (Ownership, string) {
	result := Foreign
	for _, o := range owners {
		switch {
		case o.Kind != Kind || o.Name != c.Name || !ofComponents(o.APIVersion):
		case o.UID == c.UID, c.Twin != nil && o.UID == c.Twin.UID:
			result = Mine
		case result == Foreign:
			result = Predecessor
		}
	}
	if labels[LabelManagedBy] == Manager {
		if result == Foreign {
			return Foreign, "it carries Berth's label, but the Component does not own it"
		}
		return result, ""
	}
	if result == Mine {
		return Foreign, "its label " + LabelManagedBy + "=" + Manager + " was taken off"
	}
	return Foreign, "it was not made by Berth"
}

// MadeForAny reports whether an object has the name, the label and the owner of a Secret
// that was made for some Component.
func MadeForAny(name string, labels map[string]string, owners []kube.OwnerReference) bool {
	for _, o := range owners {
		whose, _ := Whose(labels, owners, &kube.Component{Name: o.Name, UID: o.UID})
		if whose == Mine && (name == BoundedName(o.Name, secretInfix+"push") || name == BoundedName(o.Name, PullSuffix)) {
			return true
		}
	}
	return false
}

// ofComponents reports whether Components are served in a version.
func ofComponents(apiVersion string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	return group == kube.AppStudio.String() || group == kube.Konflux.String()
}

// Labels are those of everything that is made for a Component.
func Labels(c *kube.Component) map[string]string {
	l := map[string]string{
		LabelManagedBy: Manager,
		labelComponent: labelValue(c.Name),
		labelInternal:  "true",
	}
	if ValidNamespace(c.Application) {
		l[labelApplication] = c.Application
	}
	return l
}

// Covers reports whether have holds everything in want.
func Covers(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// Labelled reports whether an object has the [Labels] of what is made for a Component.
func Labelled(have map[string]string, c *kube.Component) bool {
	return have[LabelManagedBy] == Manager && have[labelComponent] == labelValue(c.Name) && have[labelInternal] == "true" &&
		(!ValidNamespace(c.Application) || have[labelApplication] == c.Application)
}

// Fingerprint identifies a token without giving it away: a token has 64
// random characters, which nobody guesses from a hash.
func Fingerprint(login, token string) string {
	var text [256]byte // what is usual, and no work for the collector
	sum := sha256.Sum256(append(append(append(append(text[:0], "berth1\x00"...), login...), 0), token...))
	var hexed [32]byte
	hex.Encode(hexed[:], sum[:16])
	return string(hexed[:])
}

type dockerConfig struct {
	Auths map[string]dockerAuth `json:"auths"`
}

type dockerAuth struct {
	Auth string `json:"auth"`
}

// Render gives the content of a Secret: keyed by the repository's full
// address, so that it shadows no other credential for the same registry.
func Render(image, login string, token quay.Token) []byte {
	auth := base64.StdEncoding.EncodeToString([]byte(login + ":" + token.Reveal()))
	raw, _ := json.Marshal(dockerConfig{Auths: map[string]dockerAuth{image: {Auth: auth}}}) // strings always encode
	return raw
}

// ContentOf is the inverse of render. Anything that render would not have written
// reads as the empty content, which matches no robot.
func ContentOf(raw []byte) Content {
	var config dockerConfig
	if len(raw) > 16<<10 || json.Unmarshal(raw, &config) != nil || len(config.Auths) != 1 {
		return Content{}
	}
	for image, a := range config.Auths {
		pair, err := base64.StdEncoding.DecodeString(a.Auth)
		login, token, ok := strings.Cut(string(pair), ":")
		if err != nil || !ok || !bytes.Equal(raw, Render(image, login, quay.NewToken(token))) {
			return Content{}
		}
		return Content{Image: image, Login: login, Fingerprint: Fingerprint(login, token)}
	}
	return Content{}
}
