package reconcile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"berth/kube"
	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile"
	"berth/reconcile/component"
)

// window is the length from which a piece of a credential counts as a leak.
const window = 12

// forms are the shapes in which a credential may show.
func forms(credential string) map[string]string {
	var percent strings.Builder
	for _, b := range []byte(credential) {
		fmt.Fprintf(&percent, "%%%02X", b)
	}
	all := map[string]string{
		"raw": credential, "hex": hex.EncodeToString([]byte(credential)),
		"HEX": strings.ToUpper(hex.EncodeToString([]byte(credential))), "percent": percent.String(),
	}
	for shift := range 3 { // where it begins within three bytes is all that base64 varies by
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + credential))
		all[fmt.Sprintf("base64+%d", shift)] = encoded[[]int{0, 2, 3}[shift] : len(encoded)-1]
	}
	return all
}

// needles are all pieces of all credentials that a test can come across.
var needles = func() map[string]string {
	found := map[string]string{}
	credentials := []string{oauth, berthToken}
	e := newEnv()
	for range 100 {
		credentials = append(credentials, e.token(""))
	}
	for _, c := range credentials {
		for form, text := range forms(c) {
			for i := range len(text) - window + 1 {
				found[text[i:i+window]] = form
			}
		}
	}
	return found
}()

// leaks searches an output, and shows where.
func leaks(output string) (found []string) {
	for i := 0; i+window <= len(output); i++ {
		if form, ok := needles[output[i:i+window]]; ok {
			found = append(found, fmt.Sprintf("%s: …%s…", form, output[max(0, i-60):i+window]))
			i += window
		}
	}
	return found
}

// The search must find what is there, else it shows nothing.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	token := newEnv().token("")
	pair := base64.StdEncoding.EncodeToString([]byte(org + "+berth_x_push:" + token))
	planted := map[string]string{
		"a pair as Docker writes it":       pair,
		"a pair within another encoding":   base64.StdEncoding.EncodeToString([]byte("xy" + token)),
		"a pair for URLs":                  base64.URLEncoding.EncodeToString([]byte("user:" + token)),
		"a Go value":                       fmt.Sprintf("%q", []string{token}),
		"bytes in hex":                     fmt.Sprintf("%x", token),
		"the end of a token":               token[len(token)-window:],
		"a piece of the OAuth token":       oauth[7 : 7+window],
		"a piece of the cluster's":         berthToken[20 : 20+window],
		"a header":                         fmt.Sprint(http.Header{"Authorization": {"Bearer " + oauth}}),
		"a query":                          "https://quay.test/?token=" + token,
		"a JSON string in a JSON string":   marshaled(marshaled(map[string]string{"token": token})),
		"the cluster's token in an output": "Bearer " + berthToken + "\n",
	}
	for form, leak := range forms(token) {
		planted["form "+form] = leak
	}
	for name, leak := range planted {
		if found := leaks("level=INFO msg=" + leak + " run=1"); len(found) == 0 {
			t.Errorf("%s is not found: %s", name, leak)
		}
	}
	if found := leaks("level=INFO msg=\"quay answered\" op=\"get robot acme+berth_tenant_api_ha33e5eyxoa23h72_push\" status=200"); len(found) != 0 {
		t.Errorf("found what is none: %v", found)
	}
	e := newEnv()
	e.component("tenant", "api", "uid-1", "planted: "+e.token(""))
	if len(leaks(e.visible())) == 0 {
		t.Error("a token in an annotation is not found")
	}
}

// visible is all that the two ends keep, without the content of our Secrets.
func (e *env) visible() string {
	var all strings.Builder
	paths := []string{componentsPath, secretsPath, serviceAccountsPath, namespacesPath}
	if e.delivery != nil {
		paths = append(paths, "/apis/appstudio.redhat.com/v1beta1/remotesecrets")
	}
	for _, path := range paths {
		for _, o := range e.listing(path) {
			if o["type"] == "kubernetes.io/dockerconfigjson" {
				delete(o, "data")
			}
			if o["kind"] == "RemoteSecret" {
				delete(o, "status") // others write it
			}
			all.WriteString(marshaled(o))
		}
	}
	return all.String() + marshaled(e.quay.Snapshot())
}

// verbosely is a run whose clients log all that they ever log.
func (e *env) verbosely(w *bytes.Buffer) *reconcile.Run {
	log := slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	q, err := quay.New(quay.Options{
		URL: "https://" + host, Organization: org, QPS: 1e6, Burst: 1e6, Transport: quaytest.Wire(e.quay), Logger: log,
		Token:   func() (quay.Token, error) { return quay.NewToken(oauth), nil },
		Backoff: func(int) time.Duration { return 0 },
	})
	if err != nil {
		panic(err)
	}
	k, err := kube.New(kube.Options{
		Config: &rest.Config{Host: "https://kube.test", BearerToken: berthToken, Transport: quaytest.Wire(e.cluster)}, QPS: -1, Backoff: func(int) time.Duration { return 0 }, Logger: log,
	})
	if err != nil {
		panic(err)
	}
	r := e.carefully()
	rewire(r, q, k)
	r.Stats, r.Log = q.Stats, log
	return r
}

// said is every output of a run.
func said(r record, log string) string {
	outputs := []string{log, r.text, r.json, r.page, marshaled(r.Failures), marshaled(r.Summary)}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		outputs = append(outputs, fmt.Sprintf(verb, r.Summary), fmt.Sprintf(verb, r.plan), fmt.Sprintf(verb, r.Err))
	}
	return strings.Join(outputs, "\n")
}

// leakWorld needs every call that there is.
func leakWorld(t testing.TB) *env {
	e := newEnv()
	e.deliver()
	e.bind("api", "stage")
	e.quay.AddRepository(quaytest.Repository{Name: org + "/library/tools", Description: "by hand"})
	for i, name := range []string{"api", "old", "flagged"} {
		e.component("tenant", name, fmt.Sprintf("uid-%d", i))
	}
	r := e.do(e.carefully())
	if r.ExitCode() != 0 {
		t.Fatal(r.text)
	}
	n := r.planOf(t, component.Key{Namespace: "tenant", Name: "api"}).Names
	e.quay.SetDescription(org+"/tenant/api", "by hand")
	e.quay.SetVisibility(org+"/tenant/api", true)
	e.quay.SetPermission(org+"/library/tools", org+"+"+n.Push.Robot, "read")
	e.quay.RegenerateToken(org + "+" + n.Push.Robot)
	e.component("tenant", "flagged", "uid-2", generate("true"), `image.redhat.com/visibility: private`)
	e.quay.SetVisibility(org+"/tenant/flagged", true)
	e.cluster.Delete("components", "tenant", "old")
	e.component("tenant", "old", "uid-4")
	e.component("tenant", "fresh", "uid-5")
	e.quay.RegenerateToken(org + "+" + n.Pull.Robot) // so that what was uploaded is an earlier token
	e.bind("api", "dev", "prod")
	e.apply(`{apiVersion: appstudio.redhat.com/v1beta1, kind: RemoteSecret, metadata: {name: api-image-pull, namespace: tenant},
 status: {targets: [{namespace: tenant-stage, apiUrl: "", error: "forbidden %s"}]}}`, e.quotation(0))
	e.resetCalls()
	return e
}

// quotation is what a hostile or careless server says: a credential in one of
// its forms.
func (e *env) quotation(i int) string {
	token := ""
	for _, r := range e.quay.Snapshot().Robots {
		token = e.quay.RobotToken(r.Name)
	}
	pair := base64.StdEncoding.EncodeToString([]byte(org + "+robot:" + token))
	all := []string{token, oauth, berthToken, pair, hex.EncodeToString([]byte(token)), "Authorization: Bearer " + oauth, token + oauth, "token=" + token + "&x=y"}
	return "refused " + all[i%len(all)] + " of robot"
}

type quayEndpoint struct{ method, route string }

var quayEndpoints = []quayEndpoint{
	{"GET", quaytest.RouteOrganization},
	{"GET", quaytest.RouteRobots},
	{"GET", quaytest.RouteRepositories},
	{"GET", quaytest.RouteUserPermissions},
	{"POST", quaytest.RouteRepositories},
	{"GET", quaytest.RouteRepository},
	{"PUT", quaytest.RouteRepository},
	{"POST", quaytest.RouteVisibility},
	{"PUT", quaytest.RouteUserPermission},
	{"DELETE", quaytest.RouteUserPermission},
	{"GET", quaytest.RouteRobot},
	{"PUT", quaytest.RouteRobot},
	{"DELETE", quaytest.RouteRobot},
	{"GET", quaytest.RouteRegistryToken},
}

var clusterEndpoints = []struct{ verb, resource string }{
	{"list", "namespaces"},
	{"list", "components"},
	{"list", "secrets"},
	{"list", "serviceaccounts"},
	{"list", "environments"},
	{"list", "snapshotenvironmentbindings"},
	{"list", "deploymenttargetclaims"},
	{"list", "deploymenttargets"},
	{"list", "remotesecrets"},
	{"get", "remotesecrets"},
	{"get", "serviceaccounts"},
	{"create", "remotesecrets"},
	{"patch", "remotesecrets"},
	{"delete", "secrets"},
	{"get", "secrets"},
	{"get", "components"},
	{"create", "secrets"},
	{"patch", "secrets"},
	{"patch", "serviceaccounts"},
	{"patch", "components"},
}

// quayAnswers quote a credential in each of Quay's forms of an error.
func quayAnswers(quote string) []quaytest.Fault {
	const asJSON = "application/json"
	detail := marshaled(map[string]string{"detail": quote, "error_message": quote, "title": quote})
	message, object := marshaled(map[string]string{"message": quote}), marshaled(map[string]any{"message": map[string]string{"body": quote}})
	all := []quaytest.Fault{
		{Status: 403, Body: marshaled(map[string]string{"error": quote})},
		{Status: 503, ContentType: asJSON, Body: marshaled(map[string]any{"is_readonly": true, "message": quote})},
		{Status: 502, Body: "<html>" + quote},
		{Status: 200, Body: "<html>" + quote},
		{Status: 200, ContentType: asJSON, Body: `{"name":"` + quote + `","token":"` + quote + `"`},
		{Status: 308, Header: http.Header{"Location": {"https://elsewhere.test/" + quote}}},
		{Outcome: quaytest.Truncate},
		{Outcome: quaytest.Drop, Applied: true},
	}
	for _, status := range []int{400, 401, 402, 403, 404, 500} {
		all = append(all, quaytest.Fault{Status: status, ContentType: asJSON, Body: detail})
	}
	return append(all, quaytest.Fault{Status: 400, ContentType: asJSON, Body: message}, quaytest.Fault{Status: 422, ContentType: asJSON, Body: object})
}

func clusterAnswers(quote string) []kubetest.Fault {
	all := []kubetest.Fault{{Outcome: kubetest.Truncate}, {Outcome: kubetest.Drop, Applied: true}, {Status: 502, Page: "<html>" + quote}, {Status: 200, Page: `{"kind":"` + quote + `"`}}
	for _, status := range []int{400, 401, 403, 409, 422, 500} {
		all = append(all, kubetest.Fault{Status: status, Message: quote})
	}
	return all
}

// injected is a fault at work, at either end.
type injected interface {
	Hits() int
	Remove()
}

// No credential gets out, whatever the ends answer, and where.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	var cells, hits, bytesRead atomic.Int64
	step := every(t, 16)
	cell := func(t *testing.T, name string, i int, inject func(e *env, quote string) injected) {
		if i%step != 0 {
			return
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := leakWorld(t)
				fault := inject(e, e.quotation(i))
				var log bytes.Buffer
				r := e.do(e.verbosely(&log))
				if fault.Hits() == 0 {
					t.Fatalf("nothing happened:\n%s", r.text)
				}
				fault.Remove()
				output := said(r, log.String()) + e.visible()
				for _, leak := range leaks(output) {
					hits.Add(1)
					t.Errorf("%s", leak)
				}
				if !strings.Contains(log.String(), "run ended") || !strings.Contains(output, "change_summary") || !strings.Contains(r.page, "<footer>Berth ") {
					t.Error("there is nothing to search")
				}
				bytesRead.Add(int64(len(output)))
			})
			cells.Add(1)
		})
	}
	t.Run("all", func(t *testing.T) {
		i := 0
		for _, at := range quayEndpoints {
			for f := range quayAnswers("") {
				i++
				cell(t, fmt.Sprintf("%s %s %d", at.method, at.route, f), i, func(e *env, quote string) injected {
					fault := quayAnswers(quote)[f]
					fault.Method, fault.Route, fault.Times = at.method, at.route, -1
					if at.method == "GET" && at.route == quaytest.RouteRepository { // read only after a doubtful creation
						e.quay.Inject(quaytest.Fault{Method: "POST", Route: quaytest.RouteRepositories, Status: 500, Applied: true})
					}
					return e.quay.Inject(fault)
				})
			}
		}
		for _, at := range clusterEndpoints {
			for f := range clusterAnswers("") {
				i++
				cell(t, fmt.Sprintf("%s %s %d", at.verb, at.resource, f), i, func(e *env, quote string) injected {
					fault := clusterAnswers(quote)[f]
					fault.Verb, fault.Resource, fault.Times = at.verb, at.resource, -1
					if at.verb == "get" && at.resource == "serviceaccounts" { // read only after a conflict
						e.cluster.Inject(kubetest.Fault{Verb: "patch", Resource: at.resource, Times: -1, Status: 409})
					}
					return e.cluster.Inject(fault)
				})
			}
		}
	})
	if cells.Load() < int64(200/step) {
		t.Errorf("only %d cells", cells.Load())
	}
	t.Logf("leak cells: %d, hits: %d (%d bytes of output searched)", cells.Load(), hits.Load(), bytesRead.Load())
}
