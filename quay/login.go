package quay

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Grant is what the registry itself says that a robot's login is worth on a
// repository.
type Grant struct {
	Accepted bool     // false: the registry refuses the login, in its own words
	Actions  []string // of "*", "pull" and "push", sorted; none: the login opens nothing there
}

// actions of each role on a repository that takes pushes. One that is read-only
// or a mirror grants "pull" alone, whatever the role.
var actions = map[Role][]string{
	Read:  {"pull"},
	Write: {"pull", "push"},
	Admin: {"*", "pull", "push"},
}

// Role returns the role that has exactly these actions; empty: none has.
func (g Grant) Role() Role {
	for role, all := range actions {
		if g.Accepted && slices.Equal(g.Actions, all) {
			return role
		}
	}
	return ""
}

// login is a robot's own credential.
type login struct {
	name  string // organization+robot
	token Token
}

func (l *login) header() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.name+":"+l.token.Reveal()))
}

// errLoginRefused becomes a Grant, not an error.
var errLoginRefused = errors.New("the registry refuses the login")

const (
	tokenPath  = "/v2/auth"
	tokenLimit = 64 << 10
)

// Granted asks the registry's token endpoint, with a robot's own login and
// without the organization's token, what that login may do with a repository
// (endpoints/v2/v2auth.py). It asks for every action, so that the answer tells
// the role. A refused login is an answer and no error.
//
// It counts as a use of the robot. Who may create repositories makes a missing
// one by this question, as a push would: ask about one that exists.
func (c *Client) Granted(ctx context.Context, robot string, token Token, repository string) (Grant, error) {
	k := &call{
		op:      "ask what robot " + c.login(robot) + " may do with " + c.full(repository),
		timeout: callTimeout, limit: tokenLimit,
		login: &login{c.login(robot), token},
	}
	query := url.Values{"service": {c.host}, "scope": {"repository:" + c.full(repository) + ":pull,push,*"}}
	var answer struct {
		Token string `json:"token"`
	}
	err := c.send(ctx, k, http.MethodGet, tokenPath+"?"+query.Encode(), nil, &answer)
	if errors.Is(err, errLoginRefused) {
		return Grant{}, nil
	}
	if err != nil {
		return Grant{}, err
	}
	granted, ok := readGrant(answer.Token, k.login.name, c.host, c.full(repository))
	if !ok {
		return Grant{}, &Error{Op: k.op, kind: ErrUnexpected, Message: "not a token for what was asked"}
	}
	return Grant{Accepted: true, Actions: granted}, nil
}

// readGrant takes the granted actions out of a registry's token. Its signature
// is not verified: it came over TLS from whom it is about, and it is not kept,
// for Quay takes it as the robot's password for an hour.
func readGrant(token, login, audience, repository string) ([]string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	var claims struct {
		Audience string `json:"aud"`
		Subject  string `json:"sub"`
		Access   []struct {
			Type    string    `json:"type"`
			Name    string    `json:"name"`
			Actions *[]string `json:"actions"`
		} `json:"access"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Subject != login || claims.Audience != audience || len(claims.Access) != 1 {
		return nil, false
	}
	access := claims.Access[0]
	if access.Type != "repository" || access.Name != repository || access.Actions == nil {
		return nil, false
	}
	granted := slices.Sorted(slices.Values(*access.Actions))
	for _, action := range granted {
		if !slices.Contains(actions[Admin], action) {
			return nil, false
		}
	}
	return slices.Compact(granted), true
}
