package quaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Setup is the first line of a transcript: what a server must hold before the
// transcript is replayed.
type Setup struct {
	Users         []string              `json:"users"`
	Tokens        map[string]SetupToken `json:"tokens"`
	Organizations []struct {
		Name         string `json:"name"`
		Owner        string `json:"owner"`
		PrivateLimit int    `json:"private_limit"`
	} `json:"organizations"`
	Teams []struct {
		Organization string   `json:"organization"`
		Name         string   `json:"name"`
		Role         string   `json:"role"`
		Members      []string `json:"members"`
	} `json:"teams"`
	PrivateLimits map[string]int `json:"private_limits"`
	PageSize      int            `json:"page_size"`
}

// SetupToken is a kind of OAuth token that a transcript uses.
type SetupToken struct {
	User     string `json:"user"`
	Scope    string `json:"scope"`
	Expired  bool   `json:"expired"`
	Unknown  bool   `json:"unknown"`   // the server does not know it
	NoHeader bool   `json:"no_header"` // there is none
}

// ReadSetup reads the first line of a transcript (JSON lines).
func ReadSetup(transcript io.Reader) (Setup, error) {
	var line struct {
		Seq   *int   `json:"seq"`
		Setup *Setup `json:"setup"`
	}
	if err := json.NewDecoder(transcript).Decode(&line); err != nil {
		return Setup{}, fmt.Errorf("reading the transcript: %w", err)
	}
	if line.Seq == nil || *line.Seq != 0 || line.Setup == nil {
		return Setup{}, errors.New("the transcript does not begin with its setup")
	}
	return *line.Setup, nil
}

// Prepare fills a new server with what the setup names, and returns a token for
// each kind. It is not for servers that hold something already.
func (s *Server) Prepare(setup Setup) (tokens map[string]string) {
	for _, user := range setup.Users {
		s.AddUser(user)
	}
	for _, o := range setup.Organizations {
		s.AddOrganization(o.Name, o.Owner)
		s.SetPrivateLimit(o.Name, o.PrivateLimit)
	}
	for _, t := range setup.Teams {
		s.AddTeam(t.Organization, t.Name, t.Role, t.Members...)
	}
	for organization, limit := range setup.PrivateLimits {
		s.SetPrivateLimit(organization, limit)
	}
	tokens = make(map[string]string)
	for _, kind := range slices.Sorted(maps.Keys(setup.Tokens)) {
		t := setup.Tokens[kind]
		if t.NoHeader {
			continue
		}
		tokens[kind] = randomToken()[:40] // as long as Quay's OAuth tokens
		if !t.Unknown {
			s.AddToken(tokens[kind], t.User, t.Scope)
		}
		if t.Expired {
			s.ExpireToken(tokens[kind])
		}
	}
	return tokens
}
