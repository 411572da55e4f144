package reconcile_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
	"berth/reconcile/plan"
	"berth/reconcile/report"
	"berth/reconcile/report/jsonl"
	"berth/reconcile/report/page"
)

// record is a run that has ended: its plan, and what its reporters said.
type record struct {
	report.Summary
	plan             plan.Plan
	text, json, page string
}

// planOf gives the plan of one Component.
func (r record) planOf(t testing.TB, key component.Key) plan.Component {
	t.Helper()
	for _, p := range r.plan.Components {
		if p.Key() == key {
			return p
		}
	}
	t.Fatalf("no plan for %s", key)
	return plan.Component{}
}

// recorder is all reporters at once, and keeps the plan.
type recorder struct {
	report.Together
	plan plan.Plan
}

func (r *recorder) Planned(o report.Observed, p plan.Plan, s report.Summary) {
	r.plan = p
	r.Together.Planned(o, p, s)
}

// do makes a run and keeps what there is to see of it. It demands nothing.
func (e *env) do(r *reconcile.Run) record {
	var text, lines bytes.Buffer
	var saved string
	save := func(raw []byte) error { saved = string(raw); return nil }
	all := &recorder{Together: report.Together{wholeText(&text), jsonl.New(&lines, e.now, report.Full), page.New(save, e.now)}}
	r.Report = all
	s := r.Do(context.Background())
	return record{s, all.plan, text.String(), lines.String(), saved}
}

// look makes a dry run.
func (e *env) look() record {
	r := e.newRun()
	r.Header.DryRun = true
	return e.do(r)
}

func (e *env) resetCalls() {
	e.quay.ResetCalls()
	e.cluster.ResetCalls()
}

func (e *env) mutations() int { return e.quay.Mutations() + e.cluster.Mutations() }

// listing reads all objects of a kind as an administrator does, such as
// "/api/v1/secrets".
func (e *env) listing(path string) []map[string]any {
	const token = "an administrator"
	e.cluster.AddUser(token, "admin", true)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://kube.test"+path, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := quaytest.Wire(e.cluster).RoundTrip(r)
	if err != nil {
		panic(err)
	}
	raw, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil || list.Items == nil {
		panic(fmt.Sprintf("no list at %s", path))
	}
	return list.Items
}

const (
	componentsPath      = "/apis/appstudio.redhat.com/v1alpha1/components"
	secretsPath         = "/api/v1/secrets"
	serviceAccountsPath = "/api/v1/serviceaccounts"
	namespacesPath      = "/api/v1/namespaces"
)

// view is what there is of one Component, without tokens and names that
// differ from world to world, so that worlds can be compared.
type view struct {
	Repository string // whose, and "public" or "private"; "" when there is none
	Push, Pull accountView
	Linked     bool // by ServiceAccount appstudio-pipeline
	Announced  string
	Requested  string
	Stated     string
}

type accountView struct {
	Robot       string // whose; "" when there is none
	Permissions map[string]string
	Secret      string // "current", or what is wrong with it
}

const (
	own     = "own"
	current = "current"
)

// rotatedAt is what a rotation adds to an announcement.
var rotatedAt = regexp.MustCompile(`,"rotated":"[^"]*","rotations":\d+`)

// viewOf looks at everything that bears a name of the Component's.
func (e *env) viewOf(p plan.Component) view {
	c, n := p.Component, p.Names
	state := e.quay.Snapshot()
	v := view{
		Announced: rotatedAt.ReplaceAllString(e.annotation(c.Namespace, c.Name, component.AnnotationImage), ""),
		Requested: e.annotation(c.Namespace, c.Name, component.AnnotationGenerate),
		Stated:    e.annotation(c.Namespace, c.Name, component.AnnotationVisibility),
	}
	for _, r := range state.Repositories {
		if r.Name == org+"/"+n.Repository {
			v.Repository = whose(r.Description, n.Mark) + map[bool]string{true: " public", false: " private"}[r.Public]
		}
	}
	account := func(a component.Account) accountView {
		for _, r := range state.Robots { // a rotation since the plan was made has left another generation
			if robot := strings.TrimPrefix(r.Name, org+"+"); robot > a.Robot {
				if _, ok := a.StampOf(robot); ok {
					a = a.With(robot)
				}
			}
		}
		out := accountView{Secret: e.secretState(p, a)}
		for _, r := range state.Robots {
			if r.Name == org+"+"+a.Robot {
				out.Robot, out.Permissions = whose(r.Description, a.Mark), r.Permissions
			}
		}
		return out
	}
	v.Push, v.Pull = account(n.Push), account(n.Pull)
	pipeline := e.cluster.Object("serviceaccounts", c.Namespace, "appstudio-pipeline")
	links, _ := pipeline["secrets"].([]any)
	for _, l := range links {
		v.Linked = v.Linked || l.(map[string]any)["name"] == n.Push.Secret
	}
	return v
}

func whose(description, mark string) string {
	if description == mark {
		return own
	}
	return "somebody's"
}

// secretState says what is wrong with a Secret, by the Component's uid and the
// robot's token as they are now.
func (e *env) secretState(p plan.Component, a component.Account) string {
	c := p.Component
	object := e.cluster.Object("secrets", c.Namespace, a.Secret)
	if object == nil {
		return "missing"
	}
	metadata := object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	if labels[component.LabelManagedBy] != "berth" {
		return "unlabelled"
	}
	owners, _ := metadata["ownerReferences"].([]any)
	if len(owners) != 1 || owners[0].(map[string]any)["uid"] != c.UID {
		return "of another owner"
	}
	image, login, token := credentialIn(object)
	switch {
	case object["type"] != "kubernetes.io/dockerconfigjson":
		return "of another type"
	case image != p.Image:
		return "for another image"
	case login != org+"+"+a.Robot:
		return "for another robot"
	case token != e.quay.RobotToken(login):
		return "dead"
	}
	return current
}

// credentialIn reads the one credential in a Secret; nothing when there is not
// exactly one.
func credentialIn(secret map[string]any) (image, login, token string) {
	data, _ := secret["data"].(map[string]any)
	encoded, _ := data[".dockerconfigjson"].(string)
	return credentialOf([]byte(decoded(encoded)))
}

func decoded(encoded string) string {
	raw, _ := base64.StdEncoding.DecodeString(encoded)
	return string(raw)
}

// credentialOf is what a dockerconfigjson logs in to and with.
func credentialOf(raw []byte) (image, login, token string) {
	var config struct {
		Auths map[string]struct{ Auth string }
	}
	if json.Unmarshal(raw, &config) != nil || len(config.Auths) != 1 {
		return "", "", ""
	}
	for address, a := range config.Auths {
		pair, _ := base64.StdEncoding.DecodeString(a.Auth)
		image = address
		login, token, _ = strings.Cut(string(pair), ":")
	}
	return image, login, token
}

// served is how a Component looks that has all that it should.
func served(p plan.Component, visibility quay.Visibility, announced, requested string) view {
	repository := org + "/" + p.Names.Repository
	return view{
		Repository: own + " " + string(visibility),
		Push:       accountView{own, map[string]string{repository: "write"}, current},
		Pull:       accountView{own, map[string]string{repository: "read"}, current},
		Linked:     true, Announced: announced, Requested: requested,
	}
}

// announced is the annotation of a served Component.
func announced(p plan.Component, visibility quay.Visibility, message string) string {
	a := map[string]string{"image": p.Image, "visibility": string(visibility), "secret": p.Names.Push.Secret, "pullSecret": p.Names.Pull.Secret}
	if message != "" {
		a["message"] = message
	}
	var keep []string
	for _, key := range []string{"image", "visibility", "secret", "pullSecret", "message"} {
		if a[key] != "" {
			raw, _ := json.Marshal(a[key])
			keep = append(keep, fmt.Sprintf("%q:%s", key, raw))
		}
	}
	return "{" + strings.Join(keep, ",") + "}"
}
