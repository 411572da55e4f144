package quay

import (
	"context"
	"errors"
	"net/http"
)

// errNoSuchCall: this Quay is too old for the call.
var errNoSuchCall = errors.New("quay does not know this call")

// Federated reports whether the robot takes logins of an identity provider
// besides its token (endpoints/api/robot.py: OrgRobotFederation). A Quay before
// 3.13 knows no such thing, and so has none. [ErrNotFound]: the robot does not
// exist.
func (c *Client) Federated(ctx context.Context, robot string) (bool, error) {
	k := &call{op: "get the federation of robot " + c.login(robot), recent: true}
	var entries *[]struct {
		Issuer string `json:"issuer"`
	}
	err := c.do(ctx, k, http.MethodGet, c.federationPath(robot), nil, &entries)
	switch {
	case errors.Is(err, errNoSuchCall):
		return false, nil
	case err != nil:
		return false, err
	case entries == nil:
		return false, &Error{Op: k.op, kind: ErrUnexpected, Message: "no list of identities"}
	}
	for _, e := range *entries {
		if e.Issuer == "" {
			return false, &Error{Op: k.op, kind: ErrUnexpected, Message: "an identity of no issuer"}
		}
	}
	return len(*entries) > 0, nil
}

// DeleteFederation ends what [Client.Federated] reports; that there is none is
// no error. Passwords that were exchanged before live on for an hour.
// [ErrNotFound]: the robot does not exist.
func (c *Client) DeleteFederation(ctx context.Context, robot string) error {
	k := &call{op: "delete the federation of robot " + c.login(robot), repeatable: true, recent: true}
	err := c.do(ctx, k, http.MethodDelete, c.federationPath(robot), nil, nil)
	if errors.Is(err, errNoSuchCall) {
		return nil
	}
	return err
}

func (c *Client) federationPath(robot string) string { return c.robotPath(robot) + "/federation" }
