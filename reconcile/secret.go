package reconcile

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

	manager       = "berth"
	secretType    = "kubernetes.io/dockerconfigjson"
	componentKind = "Component"
	componentAPI  = "appstudio.redhat.com/v1alpha1"
)

type ownership int

const (
	foreign     ownership = iota
	mine                  // our label, owned by this Component
	predecessor           // our label, owned by an earlier Component of the name
)

// content is a dockerconfigjson as Berth writes them: one address, one login.
type content struct {
	Image       string
	Login       string
	Fingerprint string
}

// owned tells whose an object of our name is. The owner reference is the
// truth; without our label the object was taken out of our hands.
func owned(labels map[string]string, owners []kube.OwnerReference, c kube.Component) (ownership, string) {
	result := foreign
	for _, o := range owners {
		switch {
		case o.Kind != componentKind || o.Name != c.Name || !strings.HasPrefix(o.APIVersion, "appstudio.redhat.com/"):
		case o.UID == c.UID:
			result = mine
		case result == foreign:
			result = predecessor
		}
	}
	if labels[LabelManagedBy] == manager {
		if result == foreign {
			return foreign, "it carries Berth's label, but the Component does not own it"
		}
		return result, ""
	}
	if result == mine {
		return foreign, "its label " + LabelManagedBy + "=" + manager + " was taken off"
	}
	return foreign, "it was not made by Berth"
}

func ownerOf(c kube.Component) kube.OwnerReference {
	return kube.OwnerReference{APIVersion: componentAPI, Kind: componentKind, Name: c.Name, UID: c.UID}
}

func labels(c kube.Component) map[string]string {
	l := map[string]string{
		LabelManagedBy: manager,
		labelComponent: labelValue(c.Name),
		labelInternal:  "true",
	}
	if validNamespace(c.Application) {
		l[labelApplication] = c.Application
	}
	return l
}

// fingerprint identifies a token without giving it away: a token has 64
// random characters, which nobody guesses from a hash.
func fingerprint(login, token string) string {
	sum := sha256.Sum256([]byte("berth1\x00" + login + "\x00" + token))
	return hex.EncodeToString(sum[:16])
}

type dockerConfig struct {
	Auths map[string]dockerAuth `json:"auths"`
}

type dockerAuth struct {
	Auth string `json:"auth"`
}

// render gives the content of a Secret: keyed by the repository's full
// address, so that it shadows no other credential for the same registry.
func render(image, login string, token quay.Token) []byte {
	auth := base64.StdEncoding.EncodeToString([]byte(login + ":" + token.Reveal()))
	raw, _ := json.Marshal(dockerConfig{Auths: map[string]dockerAuth{image: {Auth: auth}}}) // strings always encode
	return raw
}

// read is the inverse of render. Anything that render would not have written
// reads as the empty content, which matches no robot.
func read(raw []byte) content {
	var config dockerConfig
	if len(raw) > 16<<10 || json.Unmarshal(raw, &config) != nil || len(config.Auths) != 1 {
		return content{}
	}
	for image, a := range config.Auths {
		pair, err := base64.StdEncoding.DecodeString(a.Auth)
		login, token, ok := strings.Cut(string(pair), ":")
		if err != nil || !ok || !bytes.Equal(raw, render(image, login, quay.NewToken(token))) {
			return content{}
		}
		return content{Image: image, Login: login, Fingerprint: fingerprint(login, token)}
	}
	return content{}
}
