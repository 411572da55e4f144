package quaytest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// jwts makes and verifies the tokens of the registry. They look like Quay's,
// but nobody else can verify them: there is no key to ask for.
type jwts struct {
	key []byte
	now func() time.Time
}

const jwtLife = time.Hour // endpoints/v2/v2auth.py:59; data/model/user.py:92

// claims are those of a registry's token (util/security/registry_jwt.py).
type claims struct {
	Issuer    string         `json:"iss"`
	Audience  *string        `json:"aud"` // the service as it was sent
	NotBefore int64          `json:"nbf"`
	IssuedAt  int64          `json:"iat"`
	Expires   int64          `json:"exp"`
	Subject   string         `json:"sub"`
	Access    any            `json:"access"`
	Context   map[string]any `json:"context"`
}

// access is one entry of what a token is good for.
type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

const anonymousSubject = "(anonymous)"

func newJWTs(now func() time.Time) jwts {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return jwts{key: key, now: now}
}

// issue makes a token of a robot's; empty: nobody's.
func (j jwts) issue(robot string, audience *string, granted any) string {
	now, context := j.now(), map[string]any{"version": 2, "entity_kind": "anonymous"}
	c := claims{
		Issuer: "quay", Audience: audience, Subject: anonymousSubject, Access: granted, Context: context,
		NotBefore: now.Unix(), IssuedAt: now.Unix(), Expires: now.Add(jwtLife).Unix(),
	}
	if robot != "" {
		c.Subject = robot
		context["entity_kind"], context["entity_reference"] = "robot", robot
		context["kind"], context["user"] = "user", robot
	}
	signed := encodeJWT(map[string]string{"alg": "RS256", "kid": "quaytest", "typ": "JWT"}, c)
	return signed + "." + j.sign(signed)
}

func (j jwts) sign(text string) string {
	mac := hmac.New(sha256.New, j.key)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// verify reads a token that was issued here and lives.
func (j jwts) verify(token string) (claims, bool) {
	at := strings.LastIndexByte(token, '.')
	if at < 0 || !hmac.Equal([]byte(j.sign(token[:at])), []byte(token[at+1:])) {
		return claims{}, false
	}
	var c claims
	return c, decodeJWT(token, &c) && j.now().Unix() < c.Expires
}

func encodeJWT(header, payload any) string {
	parts := make([]string, 0, 2)
	for _, part := range []any{header, payload} {
		text, err := json.Marshal(part)
		if err != nil {
			panic(err) // only values of this package get here
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	return strings.Join(parts, ".")
}

// decodeJWT reads what a token says, whoever signed it.
func decodeJWT(token string, into any) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && json.Unmarshal(text, into) == nil
}
