package quaytest

import (
	"net/http"
	"slices"
	"strings"
)

// Identity is somebody at an identity provider who may log in as a robot.
type Identity struct {
	Issuer  string `json:"issuer"` // a URL
	Subject string `json:"subject"`
}

// SetFederation lets exactly these identities log in as a robot.
func (s *Server) SetFederation(robot string, identities ...Identity) {
	s.change(func(st *state) { st.mustRobot(robot).federation = slices.Clone(identities) })
}

// OIDCToken is a token that a provider would issue to an identity. There is no
// provider here: RouteFederatedToken takes anybody's for genuine.
func OIDCToken(i Identity) string {
	return encodeJWT(map[string]string{"alg": "RS256", "typ": "JWT"}, map[string]string{"iss": i.Issuer, "sub": i.Subject}) + ".genuine"
}

func (q *request) getFederation() *response {
	return q.withRobot(func(r *robot) *response { return reply(http.StatusOK, append([]Identity{}, r.federation...)) })
}

func (q *request) postFederation() *response {
	value, refused := q.anyJSON()
	if refused != nil {
		return refused
	}
	list, ok := value.([]any)
	if !ok {
		return q.invalid(violation("type", "%s is not of type 'array'", python(value)))
	}
	entry := schema{required: []string{"issuer", "subject"}, properties: []property{{name: "issuer", types: text}, {name: "subject", types: text}}}
	for _, item := range list {
		if violation := entry.check(item); violation != "" {
			return q.invalid(violation)
		}
	}
	if q.orgRole(q.params["organization"]) < orgAdmin {
		return q.unauthorized()
	}
	var all []Identity
	for _, item := range list {
		fields := item.(map[string]any) // whatever else it has is dropped
		i := Identity{fields["issuer"].(string), fields["subject"].(string)}
		switch {
		case i.Issuer == "" || i.Subject == "":
			return q.invalid("Missing one or more required fields (issuer, subject)")
		case !strings.HasPrefix(i.Issuer, "http://") && !strings.HasPrefix(i.Issuer, "https://"):
			return q.invalid("Issuer must be a URL (http:// or https://)")
		case slices.Contains(all, i):
			return q.invalid("Duplicate federation config entry")
		}
		all = append(all, i)
	}
	return q.withRobot(func(r *robot) *response {
		r.federation = all
		return reply(http.StatusOK, append([]Identity{}, all...))
	})
}

// deleteFederation does not mind that there is none.
func (q *request) deleteFederation() *response {
	return q.withRobot(func(r *robot) *response {
		r.federation = nil
		return noContent()
	})
}

// exchangeToken gives a federated identity a password for an hour
// (endpoints/oauth/robot_identity_federation.py). Nothing but deleting the robot
// ends it, and a robot made again under its name takes it.
func (q *request) exchangeToken() *response {
	account, token, ok := basic(q.authorization)
	if !ok || !strings.Contains(account, "+") {
		return reply(http.StatusUnauthorized, map[string]any{"error": "Invalid robot"})
	}
	refuse := func(text string) *response { return message(http.StatusBadRequest, text) }
	r := q.state.robots[account]
	if r == nil {
		return refuse(noSuchRobot)
	}
	var sent struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	switch {
	case !decodeJWT(token, &sent) || sent.Issuer == "":
		return refuse("Token does not contain issuer")
	case len(r.federation) == 0:
		return refuse("Robot does not have federated login configured")
	case !slices.ContainsFunc(r.federation, func(i Identity) bool { return i.Issuer == sent.Issuer }):
		return refuse("issuer " + sent.Issuer + " not configured for this robot")
	case !slices.Contains(r.federation, Identity(sent)):
		return refuse("Token does not match robot")
	}
	return reply(http.StatusOK, map[string]any{"token": q.server.jwts.issue(account, &q.host, map[string]any{})})
}
