package quay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// form is a call with the answers that are right for it.
type form struct {
	name string
	call func(context.Context, *Client) error
	good string // the body of a good answer; empty: a 204
	// Answers that look wrong and are right for this call.
	success, absence []string
}

const okForm = `{"success": true}`

var forms = []form{
	{name: "get organization", good: `{"name":"acme","is_admin":true}`, call: func(ctx context.Context, c *Client) error {
		_, err := c.GetOrganization(ctx)
		return err
	}},
	{name: "list robots", success: []string{"with another name"}, good: `{"robots":[{"name":"acme+r","token":"T","repositories":[]}]}`, call: func(ctx context.Context, c *Client) error {
		_, err := robotsOf(ctx, c)
		return err
	}},
	{name: "get robot", good: robotBody, call: calls["GET"]},
	{name: "create robot", good: robotBody, call: calls["PUT robot"]},
	{name: "delete robot", absence: []string{"400 no robot", "404 of Quay"}, call: func(ctx context.Context, c *Client) error { return c.DeleteRobot(ctx, "r") }},
	{name: "list repositories", success: []string{"with another name"}, good: `{"repositories":[{"namespace":"acme","name":"a/b","is_public":false,"is_starred":false}]}`, call: func(ctx context.Context, c *Client) error {
		_, err := c.ListRepositories(ctx)
		return err
	}},
	{name: "get repository", good: `{"namespace":"acme","name":"a/b","is_public":false}`, call: func(ctx context.Context, c *Client) error {
		_, err := c.GetRepository(ctx, "a/b")
		return err
	}},
	{name: "create repository", good: `{"namespace":"acme","name":"a/b","kind":"image"}`, call: calls["POST repository"]},
	{name: "describe repository", good: okForm, call: func(ctx context.Context, c *Client) error { return c.DescribeRepository(ctx, "a/b", "d") }},
	{name: "change visibility", good: okForm, absence: []string{"null"}, call: func(ctx context.Context, c *Client) error { return c.ChangeVisibility(ctx, "a/b", Private) }},
	{name: "list permissions", good: `{"permissions":{}}`, call: func(ctx context.Context, c *Client) error {
		_, err := c.ListRobotPermissions(ctx, "a/b")
		return err
	}},
	{name: "set permission", good: `{"name":"acme+r","role":"write"}`, call: calls["PUT permission"]},
	{name: "delete permission", absence: []string{"400 no permission"}, call: func(ctx context.Context, c *Client) error { return c.DeletePermission(ctx, "a/b", "r") }},
	{name: "list default permissions", good: `{"prototypes":[]}`, call: func(ctx context.Context, c *Client) error {
		_, err := c.ListDefaultPermissions(ctx)
		return err
	}},
	{name: "remove from team", absence: []string{"400 not in the team", "404 of Quay"}, call: func(ctx context.Context, c *Client) error { return c.RemoveFromTeam(ctx, "owners", "r") }},
	{name: "get federation", good: `[{"issuer":"https://i","subject":"s"}]`, success: []string{"[]"}, absence: []string{"404 of Quay", "404 of a gateway", "404 page", "405", "405 page"}, call: func(ctx context.Context, c *Client) error {
		_, err := c.Federated(ctx, "r")
		return err
	}},
	{name: "delete federation", absence: []string{"404 of Quay", "404 of a gateway", "404 page", "405", "405 page"}, call: func(ctx context.Context, c *Client) error { return c.DeleteFederation(ctx, "r") }},
	{name: "ask the registry", good: grantBody(`["pull"]`), call: func(ctx context.Context, c *Client) error {
		_, err := c.Granted(ctx, "r", NewToken(canary), "a/b")
		return err
	}},
}

// wrong are answers that no call has, with their names. Those of Quay's own that
// say of a certain thing that it is not there are among them: they say so of
// nothing else.
func wrong(good string) map[string]answerFunc {
	all := map[string]answerFunc{
		"null":                    replyJSON(200, `null`),
		"{}":                      replyJSON(200, `{}`),
		"[]":                      replyJSON(200, `[]`),
		"a list of null":          replyJSON(200, `[null]`),
		"a string":                replyJSON(200, `"ok"`),
		"a number":                replyJSON(200, `1`),
		"empty":                   replyJSON(200, ``),
		"unknown keys":            replyJSON(200, `{"kind":"Status","status":"Success"}`),
		"null for all":            replyJSON(200, `{"name":null,"is_admin":null,"robots":null,"repositories":null,"permissions":null,"prototypes":null,"success":null,"token":null}`),
		"lists of null":           replyJSON(200, `{"robots":[null],"repositories":[null],"permissions":{"acme+r":null},"prototypes":[null]}`),
		"lists of nothing":        replyJSON(200, `{"robots":[{}],"repositories":[{}],"permissions":{"acme+r":{}},"prototypes":[{}]}`),
		"an error that says 200":  replyJSON(200, `{"detail":"Unauthorized","error_type":"insufficient_scope","status":403}`),
		"a page":                  reply(200, "text/html", "<html>Log in</html>"),
		"a page that says JSON":   replyJSON(200, "<html>Log in</html>"),
		"a redirect":              reply(302, "text/html", ""),
		"400 of a gateway":        replyJSON(400, `{"message":"Bad Request"}`),
		"400 page":                reply(400, "text/html", "<html>"),
		"400 no robot, as a page": reply(400, "text/html", `{"message":"`+robotMissing+`"}`),
		"401":                     replyJSON(401, `{"detail":"Requires authentication","error_type":"invalid_token"}`),
		"403 of Quay":             replyJSON(403, `{"detail":"Unauthorized","error_type":"insufficient_scope"}`),
		"403 page":                reply(403, "text/html", "<html>Blocked"),
		"404 of Quay":             replyJSON(404, `{"detail":"Not Found","error_type":"not_found"}`),
		"404 of a gateway":        replyJSON(404, `{"message":"no Route matched with those values"}`),
		"404 page":                reply(404, "text/html", "<html>"),
		"405":                     replyJSON(405, `{"message":"The method is not allowed for the requested URL."}`),
		"405 page":                reply(405, "text/html", "<html>"),
		"410":                     replyJSON(410, `{"message":"Gone"}`),
		"501":                     replyJSON(501, `{}`),
		"502":                     reply(502, "text/html", "<html>"),
		"400 no permission":       replyJSON(400, `{"detail":"`+noPermission+`","error_type":"invalid_request"}`),
		"400 not in the team":     replyJSON(400, `{"message":"User acme+r does not belong to team owners"}`),
		"400 in another team":     replyJSON(400, `{"message":"User acme+s does not belong to team owners"}`),
	}
	if good == "" {
		all["a body"] = replyJSON(200, okForm)
		all["created"] = replyJSON(201, `"Created"`)
		all["no content, as a page"] = reply(204, "text/html", "")
		return all
	}
	all["no content"] = reply(204, "application/json", "")
	all["no content, without a type"] = reply(204, "", "")
	all["as a page"] = reply(200, "text/html", good)
	all["without a type"] = reply(200, "", good)
	all["twice"] = replyJSON(200, good+good)
	all["and more"] = replyJSON(200, good+"\n<!-- cached -->")
	all["and a bracket"] = replyJSON(200, good+"]")
	all["half"] = replyJSON(200, good[:len(good)/2])
	for what, words := range map[string][]string{
		"of others":         {"acme", "else"},
		"with another name": {"acme+r", "acme+s", "a/b", "a/c"},
		"not whole":         {`"is_admin"`, `"admin"`, okForm, `{"success": false}`, `{}`, `[]`, `[]`, `{}`},
	} {
		if other := strings.NewReplacer(words...).Replace(good); other != good {
			all[what] = replyJSON(200, other)
		}
	}
	return all
}

// No answer of a wrong form passes for success, or for "there is none": the
// table of all calls and all forms. ErrNotFound is Quay's own word alone.
func TestAnswersOfTheWrongForm(t *testing.T) {
	t.Parallel()
	cells := 0
	for _, f := range forms {
		if got := answered(t, f, replyJSON(200, f.good)); f.good != "" && got != nil {
			t.Errorf("%s: its own answer is refused: %v", f.name, got)
		}
		if got := answered(t, f, reply(204, "", "")); f.good == "" && got != nil {
			t.Errorf("%s: an empty answer is refused: %v", f.name, got)
		}
		for what, answer := range wrong(f.good) {
			cells++
			err := answered(t, f, answer)
			right := slices.Contains(f.success, what) || slices.Contains(f.absence, what)
			missing := errors.Is(err, ErrNotFound)
			switch took := err == nil || missing; {
			case took && !right && !(missing && what == "404 of Quay"):
				t.Errorf("%s, %s: taken for success or absence: %v", f.name, what, err)
			case !took && right:
				t.Errorf("%s, %s: %v", f.name, what, err)
			}
		}
	}
	fmt.Fprintf(t.Output(), "answers of the wrong form: %d\n", cells)
	if cells < 700 {
		t.Errorf("only %d cells", cells)
	}
}

func answered(t *testing.T, f form, answer answerFunc) (err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, _ := newTestClient(t, func(r *http.Request) (*http.Response, error) { return answer(r) })
		err = f.call(t.Context(), c)
	})
	return err
}
