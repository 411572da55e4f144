package quay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Robot is a robot account.
type Robot struct {
	Name         string   // without the organization
	Description  string   // given at its creation, never changed after
	Token        Token    // its current password; zero in a list: Quay does not show this one's, or nothing of it can be read
	Repositories []string // in lists only: those it has a direct permission on, in no order; a deleted one shows as a UUID
	Teams        []string // in lists only: those whose rights it has besides; nil: Quay did not say

	// By Quay's own clock, to the second; zero: Quay did not say.
	Created      time.Time
	LastAccessed time.Time // its last login at the registry, up to a minute late; zero also: none yet, or Quay does not keep it
	Observed     time.Time // when Quay answered this: what ages are counted to
}

type robotJSON struct {
	Name         string    `json:"name"`
	Description  *string   `json:"description"`
	Token        string    `json:"token"`
	Repositories *[]string `json:"repositories"`
	Teams        *[]struct {
		Name string `json:"name"`
	} `json:"teams"`
	Created      quayTime `json:"created"`
	LastAccessed quayTime `json:"last_accessed"`
	odd          bool     // not of a robot's form
}

// quayTime reads a date as Quay's API writes them (format_date,
// endpoints/api/__init__.py:133). One that cannot be read is none: an old
// robot's oddity must not make a whole list unreadable.
type quayTime struct{ time.Time }

func (t *quayTime) UnmarshalJSON(text []byte) error {
	read, err := time.Parse(`"Mon, 02 Jan 2006 15:04:05 -0700"`, string(text))
	if err != nil {
		read = time.Time{}
	}
	t.Time = read.UTC()
	return nil
}

var robotToken = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z0-9]{64}$`) }) // data/model/user.py:384

// EachRobot reads the list of every robot of the organization with its token, in one
// request, decoded as it arrives, and keeps none: begin is called when it begins, once
// more when an attempt was cut short, and what it returns is told of each. [ErrForbidden]: Quay left out, of every one, what
// only an administrator sees, as it does without an error. One robot of which it does
// not show everything is only that: a token of years ago that cannot be decrypted.
func (c *Client) EachRobot(ctx context.Context, begin func() func(Robot)) error {
	op := "list robots of " + c.organization
	k := &call{op: op, timeout: robotTimeout, limit: robotLimit}
	k.decode = func(d *json.Decoder) error {
		tell := begin() // an earlier attempt may have been cut short
		seen, whole := map[string]bool{}, false
		err := eachRobot(d, func(r robotJSON) error {
			if r.odd && !c.listed(r.Name) {
				return nil // nobody can tell what it is
			}
			if !c.listed(r.Name) {
				return &Error{Op: op, kind: ErrUnexpected, Message: fmt.Sprintf("the list names %q, which is not asked for", clean(r.Name))}
			}
			name, ours := strings.CutPrefix(r.Name, c.organization+"+")
			if !ours {
				return nil // Quay's filter is a pattern: robots of my-org are listed for my_org
			}
			if name == "" || seen[name] {
				return &Error{Op: op, kind: ErrUnexpected, Message: fmt.Sprintf("the list names %q twice", clean(name))}
			}
			seen[name] = true
			if r.Repositories == nil || r.odd {
				tell(Robot{Name: name})
				return nil
			}
			whole = true
			robot := r.robot(name)
			robot.Observed = k.answered
			robot.Repositories = *r.Repositories
			tell(robot)
			return nil
		})
		if err == nil && len(seen) > 0 && !whole {
			err = &Error{Op: op, kind: ErrForbidden, Message: "the list lacks what an organization's administrator is shown"}
		}
		return err
	}
	return c.do(ctx, k, http.MethodGet, path("organization", c.organization, "robots")+"?permissions=true&token=true", nil, nil)
}

// listed reports whether Quay's pattern for the organization's robots, ILIKE
// 'organization+%' with nothing escaped, takes a name. A list of others is the
// answer to another question.
func (c *Client) listed(name string) bool {
	organization, _, ok := strings.Cut(name, "+")
	if !ok || len(organization) != len(c.organization) {
		return false
	}
	for i := range len(organization) {
		if c.organization[i] != '_' && !strings.EqualFold(c.organization[i:i+1], organization[i:i+1]) {
			return false
		}
	}
	return true
}

var errNoList = errors.New("no list of robots")

// eachRobot walks {"robots": [...]} one element at a time: the whole of it is
// tens of megabytes for a large organization.
func eachRobot(d *json.Decoder, visit func(robotJSON) error) error {
	if err := expect(d, json.Delim('{'), "robots", json.Delim('[')); err != nil {
		return err
	}
	for d.More() {
		var r robotJSON
		var form *json.UnmarshalTypeError // the robot was read to its end all the same
		if err := d.Decode(&r); errors.As(err, &form) {
			r.odd = true
		} else if err != nil {
			return err
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	return expect(d, json.Delim(']'), json.Delim('}'))
}

func expect(d *json.Decoder, want ...json.Token) error {
	for _, w := range want {
		if got, err := d.Token(); err != nil {
			return err
		} else if got != w {
			return errNoList
		}
	}
	return nil
}

// GetRobot reads one robot and its current token. [ErrNotFound]: it does not exist.
func (c *Client) GetRobot(ctx context.Context, name string) (Robot, error) {
	return c.robotCall(ctx, &call{op: "get robot " + c.login(name)}, http.MethodGet, name, c.robotPath(name), nil)
}

// CreateRobot makes a robot. [ErrInvalid] and [ErrUncertain] leave open
// whether there is one now.
func (c *Client) CreateRobot(ctx context.Context, name, description string) (Robot, error) {
	k := &call{op: "create robot " + c.login(name)}
	robot, err := c.robotCall(ctx, k, http.MethodPut, name, c.robotPath(name), map[string]string{"description": description})
	if err == nil && robot.Description != description {
		// Quay drops a description it cannot read and still answers 201.
		return Robot{}, &Error{Op: k.op, Status: http.StatusCreated, kind: ErrUnexpected, Message: "the description was not kept"}
	}
	return robot, err
}

// DeleteRobot removes a robot, its permissions and its token. A robot that is
// not there is no error.
func (c *Client) DeleteRobot(ctx context.Context, name string) error {
	err := c.do(ctx, &call{op: "delete robot " + c.login(name), repeatable: true}, http.MethodDelete, c.robotPath(name), nil, nil)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// robotCall demands that the answer is about the robot that was asked for: a
// confused cache must not hand out another one's token.
func (c *Client) robotCall(ctx context.Context, k *call, method, name, path string, body any) (Robot, error) {
	var r robotJSON
	if err := c.do(ctx, k, method, path, body, &r); err != nil {
		return Robot{}, err
	}
	if r.Name != c.login(name) {
		return Robot{}, &Error{Op: k.op, kind: ErrUnexpected, Message: "another robot was answered"}
	}
	if !robotToken().MatchString(r.Token) {
		return Robot{}, &Error{Op: k.op, kind: ErrUnexpected, Message: "the answer carries no valid token"}
	}
	robot := r.robot(name)
	robot.Observed = k.answered
	return robot, nil
}

func (r robotJSON) robot(name string) Robot {
	robot := Robot{Name: name, Token: NewToken(r.Token), Created: r.Created.Time, LastAccessed: r.LastAccessed.Time}
	if r.Description != nil {
		robot.Description = *r.Description
	}
	if r.Teams != nil {
		robot.Teams = make([]string, 0, len(*r.Teams))
		for _, t := range *r.Teams {
			robot.Teams = append(robot.Teams, t.Name)
		}
	}
	return robot
}

func (c *Client) login(robot string) string { return c.organization + "+" + robot }

func (c *Client) robotPath(name string) string {
	return path("organization", c.organization, "robots", name)
}
