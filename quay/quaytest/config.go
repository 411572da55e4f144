package quaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Config are the switches of a Quay that change its answers. They are switches
// over the same state.
type Config struct {
	ReadOnly       bool // REGISTRY_STATE: readonly
	Billing        bool // FEATURE_BILLING: private repositories need a plan, see SetPrivateLimit
	RobotsDisallow bool // ROBOTS_DISALLOW: no new robots, and no logins of those there are
	NoAnonymous    bool // FEATURE_ANONYMOUS_ACCESS: false
	NoLastAccessed bool // FEATURE_USER_LAST_ACCESSED: false

	NoExtendedNames bool // FEATURE_EXTENDED_REPOSITORY_NAMES: false
}

// Configure replaces the configuration.
func (s *Server) Configure(c Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = c
}

// ParseConfig reads a Config from JSON with the keys of Quay's config.yaml. It
// refuses those that are not simulated.
func ParseConfig(text []byte) (Config, error) {
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil {
		return Config{}, fmt.Errorf("parsing the configuration: %w", err)
	}
	var c Config
	for key, value := range keys {
		switch {
		case key == "REGISTRY_STATE" && value == "readonly":
			c.ReadOnly = true
		case key == "REGISTRY_STATE" && value == "normal":
		case key == "FEATURE_BILLING" && isBool(value):
			c.Billing = value.(bool)
		case key == "ROBOTS_DISALLOW" && isBool(value):
			c.RobotsDisallow = value.(bool)
		case key == "FEATURE_ANONYMOUS_ACCESS" && isBool(value):
			c.NoAnonymous = !value.(bool)
		case key == "FEATURE_USER_LAST_ACCESSED" && isBool(value):
			c.NoLastAccessed = !value.(bool)
		case key == "FEATURE_EXTENDED_REPOSITORY_NAMES" && isBool(value):
			c.NoExtendedNames = !value.(bool)
		default:
			return Config{}, fmt.Errorf("configuration %s: %v is not simulated", key, value)
		}
	}
	return c, nil
}

func isBool(value any) bool {
	_, ok := value.(bool)
	return ok
}

// getConfig is a page of the web interface, which anybody may read.
func (q *request) getConfig() *response {
	c, state := q.server.config, "normal"
	if c.ReadOnly {
		state = "readonly"
	}
	return reply(http.StatusOK, map[string]any{
		"config":         map[string]any{"ROBOTS_DISALLOW": c.RobotsDisallow},
		"features":       map[string]any{"BILLING": c.Billing, "ANONYMOUS_ACCESS": !c.NoAnonymous},
		"registry_state": state,
	})
}
