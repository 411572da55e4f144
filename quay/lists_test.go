package quay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// Lists are traps: each row is one that Quay or something before it has set.
func TestLists(t *testing.T) {
	t.Parallel()
	repository := func(name string) string {
		return fmt.Sprintf(`{"namespace":"acme","name":%q,"description":null,"is_public":false,"is_starred":false}`, name)
	}
	page := func(next string, names ...string) answerFunc {
		var all []string
		for _, n := range names {
			all = append(all, repository(n))
		}
		body := `{"repositories":[` + strings.Join(all, ",") + `]`
		if next != "" {
			body += `,"next_page":"` + next + `"`
		}
		return replyJSON(200, body+"}")
	}
	robots := func(list string) answerFunc { return replyJSON(200, `{"robots":[`+list+`]}`) }
	listRepositories := func(c *Client) (int, error) { l, err := c.ListRepositories(context.Background()); return len(l), err }
	listRobots := func(c *Client) (int, error) { l, err := robotsOf(context.Background(), c); return len(l), err }
	rows := []struct {
		name    string
		answers []answerFunc
		list    func(*Client) (int, error)
		want    int
		err     error
	}{
		{"two pages", []answerFunc{page("p2", "a"), page("", "b")}, listRepositories, 2, nil},
		{"an invalid page token brings page one again", []answerFunc{page("p2", "a"), page("p3", "a")}, listRepositories, 0, ErrUnexpected},
		{"a repository twice on a page", []answerFunc{page("", "a", "a")}, listRepositories, 0, ErrUnexpected},
		{"the same page token for ever", []answerFunc{page("p2", "a"), page("p2", "b"), page("p2", "c")}, listRepositories, 0, ErrUnexpected},
		{"an empty page that is not the last", []answerFunc{page("p2")}, listRepositories, 0, ErrUnexpected},
		{"a last page without repositories, as a dead token gets", []answerFunc{page("p2", "a"), page("")}, listRepositories, 0, ErrUnexpected},
		{"no repositories", []answerFunc{page(""), replyJSON(200, `{"name":"acme","is_admin":true}`)}, listRepositories, 0, nil},
		{"no repositories, as a dead token gets", []answerFunc{page(""), replyJSON(200, `{"name":"acme","is_admin":false}`)}, listRepositories, 0, ErrUnauthorized},
		{"no repositories and no organization", []answerFunc{page(""), replyJSON(404, `{"detail":"Not Found","error_type":"not_found"}`)}, listRepositories, 0, ErrNotFound},
		{"null", []answerFunc{replyJSON(200, `null`)}, listRepositories, 0, ErrUnexpected},
		{"another namespace's", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"other","name":"a","is_public":true,"is_starred":false}]}`)}, listRepositories, 0, ErrUnexpected},
		{"the anonymous list", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"acme","name":"a","is_public":true}]}`)}, listRepositories, 0, ErrUnauthorized},
		{"one without a visibility, which is its own matter", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"acme","name":"a","is_starred":false},`+repository("b")+`]}`)}, listRepositories, 2, nil},
		{"one of an odd form", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"acme","name":"a","description":{},"is_public":false,"is_starred":false},`+repository("b")+`]}`)}, listRepositories, 2, nil},
		{"one whose name is no name", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"acme","name":7,"is_public":false,"is_starred":false},`+repository("b")+`]}`)}, listRepositories, 1, nil},
		{"no visibility", []answerFunc{replyJSON(200, `{"repositories":[{"namespace":"acme","name":"a","is_starred":false}]}`)}, listRepositories, 0, ErrUnexpected},

		{"robots", []answerFunc{robots(`{"name":"acme+a","token":"T","repositories":[],"description":null}`)}, listRobots, 1, nil},
		{"robots of a look-alike organization", []answerFunc{robots(`{"name":"ACME+a","token":"T","repositories":[]}`)}, listRobots, 0, nil},
		{"robots of another organization", []answerFunc{robots(`{"name":"ac-e+a","token":"T","repositories":[]}`)}, listRobots, 0, ErrUnexpected},
		{"one without a token, which is its own matter", []answerFunc{robots(`{"name":"acme+a","repositories":[]}`)}, listRobots, 1, nil},
		{"one with null for a token", []answerFunc{robots(`{"name":"acme+a","repositories":[],"token":null},{"name":"acme+b","repositories":[],"token":"T"}`)}, listRobots, 2, nil},
		{"one of an odd form", []answerFunc{robots(`{"name":"acme+a","repositories":{},"token":7},{"name":"acme+b","repositories":[],"token":"T"}`)}, listRobots, 2, nil},
		{"one whose name is no name", []answerFunc{robots(`{"name":7,"repositories":[],"token":"T"},{"name":"acme+b","repositories":[],"token":"T"}`)}, listRobots, 1, nil},
		{"neither tokens nor repositories of any: not an administrator", []answerFunc{robots(`{"name":"acme+a"},{"name":"acme+b"}`)}, listRobots, 0, ErrForbidden},
		{"no repositories: not an administrator", []answerFunc{robots(`{"name":"acme+a","token":"T"}`)}, listRobots, 0, ErrForbidden},
		{"a robot twice", []answerFunc{robots(`{"name":"acme+a","token":"T","repositories":[]},{"name":"acme+a","token":"U","repositories":[]}`)}, listRobots, 0, ErrUnexpected},
		{"cut short once, then whole", []answerFunc{truncated(`{"robots":[{"name":"acme+a","token":"T","repositories":[]},`), robots(`{"name":"acme+a","token":"T","repositories":[]}`)}, listRobots, 1, nil},
		{"not a list", []answerFunc{replyJSON(200, `{"message":"x"}`)}, listRobots, 0, ErrUnexpected},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := newTestClient(t, row.answers...)
				got, err := row.list(c)
				if !errors.Is(err, row.err) || row.err == nil && got != row.want {
					t.Errorf("got %d, %v; want %d, %v", got, err, row.want, row.err)
				}
			})
		})
	}
}

// An answer about another robot, or without a token, must not be used.
func TestRobotAnswerIsChecked(t *testing.T) {
	t.Parallel()
	for why, body := range map[string]string{
		"another robot's": `{"name":"acme+other","description":"d","token":"` + canary + `"}`,
		"empty token":     `{"name":"acme+r","description":"d","token":""}`,
		"short token":     `{"name":"acme+r","description":"d","token":"ABC"}`,
		"null":            `null`,
	} {
		c, _ := newTestClient(t, replyJSON(200, body))
		if _, err := c.GetRobot(t.Context(), "r"); !errors.Is(err, ErrUnexpected) {
			t.Errorf("%s: got %v, want ErrUnexpected", why, err)
		}
	}
	c, _ := newTestClient(t, replyJSON(201, `{"name":"acme+r","description":"","token":"`+canary+`"}`))
	if _, err := c.CreateRobot(t.Context(), "r", "d"); !errors.Is(err, ErrUnexpected) {
		t.Errorf("a description that was not kept: got %v, want ErrUnexpected", err)
	}
}

// What Quay sends in an error is repeated only as far as it is harmless.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"detail":"the token ` + canary + ` is bad\nsecond line"}`,
		`{"message":{"limit":"` + canary + `"}}`,
		`{"name":"acme+r","token":"` + canary + `"}`,
		canary,
	} {
		c, _ := newTestClient(t, replyJSON(400, body))
		_, err := c.GetRobot(t.Context(), "r")
		if err == nil || leaks(err.Error()) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "https://") {
			t.Errorf("body %.30q gave %v", body, err)
		}
	}
	c, _ := newTestClient(t, replyJSON(400, `{"detail":"`+strings.Repeat("long ", 1000)+`"}`))
	if _, err := c.GetRobot(t.Context(), "r"); len(err.Error()) > 400 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	c, _ := newTestClient(t, replyJSON(200, `{"name":"acme+r","token":"`+canary+`","x":"`+strings.Repeat("x", callLimit)+`"}`))
	if _, err := c.GetRobot(t.Context(), "r"); !errors.Is(err, ErrUnexpected) {
		t.Errorf("got %v, want ErrUnexpected", err)
	}
}
