package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"sigs.k8s.io/yaml"

	"berth/deploy"
	"berth/testdata/series"
)

// A run that succeeds replaces what is known of the last; one that fails leaves the
// last success, at the gateway and in the file.
func TestMetricsOfRuns(t *testing.T) {
	t.Parallel()
	g, dir := newPushgateway(t), t.TempDir()
	file := filepath.Join(dir, "berth.prom")
	p := newPlatform(t, "cart")
	p.env["BERTH_METRICS_FILE"], p.env["BERTH_METRICS_PUSH_URL"] = file, g.URL
	const group = "/metrics/job/berth"

	p.run(t, "--dry-run").must(t, 0)
	if _, err := os.Stat(file); err == nil || len(g.told()) > 0 {
		t.Fatalf("a dry run told its metrics: %v", g.told())
	}
	p.run(t).must(t, 0)
	first := g.group(group)
	if first["components state=changed"] != 1 || first["changes op=create"] != 9 || first["requests code=200 target=quay"] < 2 || first["requests code=201 target=cluster"] < 2 || first["phase_seconds phase=read"] == 0 || first["phase_seconds phase=apply"] == 0 || first["last_success_timestamp_seconds"] == 0 {
		t.Errorf("the first run told %v", first)
	}
	if diff := cmp.Diff(first, series.Written(t, readFile(t, file))); diff != "" {
		t.Errorf("gateway and file differ (-gateway +file):\n%s", diff)
	}

	p.quay.ExpireToken(oauthToken)
	p.run(t).must(t, 77)
	failed := g.group(group)
	if failed["last_success_timestamp_seconds"] != first["last_success_timestamp_seconds"] || failed["last_run_exit_code"] != 77 ||
		failed["last_run_timestamp_seconds"] <= first["last_run_timestamp_seconds"] || failed["components state=changed"] != 0 {
		t.Errorf("the second run told %v after %v", failed, first)
	}
	if diff := cmp.Diff(failed, series.Written(t, readFile(t, file))); diff != "" {
		t.Errorf("gateway and file differ (-gateway +file):\n%s", diff)
	}
	p.quay.AddToken(oauthToken, "platform", "org:admin repo:admin")
	p.run(t).must(t, 0)
	if again := g.group(group); again["last_success_timestamp_seconds"] <= first["last_success_timestamp_seconds"] || again["last_run_exit_code"] != 0 {
		t.Errorf("the third run told %v", again)
	}
	p.run(t, "--shard-count=2", "--shard-index=1").must(t, 0)
	if diff := cmp.Diff([]string{"PUT " + group, "POST " + group, "PUT " + group, "PUT " + group + "/shard/1"}, g.told()); diff != "" {
		t.Errorf("pushes (-want +got):\n%s", diff)
	}
	for name := range series.Written(t, readFile(t, file)) {
		if !strings.Contains(name, "shard=1") {
			t.Errorf("%s in the file does not say of which shard it is", name)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the file there is %v (%v)", entries, err)
	}
}

func TestTheDemoTellsNoMetrics(t *testing.T) {
	t.Parallel()
	g, file := newPushgateway(t), filepath.Join(t.TempDir(), "berth.prom")
	runProgram(t, map[string]string{"BERTH_METRICS_FILE": file, "BERTH_METRICS_PUSH_URL": g.URL}, "--demo").must(t, 0)
	if _, err := os.Stat(file); err == nil || len(g.told()) > 0 {
		t.Errorf("it pushed %v", g.told())
	}
}

// pushgateway keeps groups as the real one does: PUT replaces a group, POST the
// metrics of the same name in it.
type pushgateway struct {
	*httptest.Server
	mu     sync.Mutex
	groups map[string]map[string]float64
	heard  []string // method and path
	bodies strings.Builder
	login  string
}

func newPushgateway(t *testing.T) *pushgateway {
	t.Helper()
	g := &pushgateway{groups: map[string]map[string]float64{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *pushgateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	user, password, _ := r.BasicAuth()
	g.login = user + ":" + password
	g.heard = append(g.heard, r.Method+" "+r.URL.Path)
	var families []*dto.MetricFamily
	decoder := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header))
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err != nil {
			break
		}
		g.bodies.WriteString(family.String())
		families = append(families, &family)
	}
	pushed := series.Of(slices.Values(families))
	if len(pushed) == 0 || r.Method != http.MethodPut && r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodPut || g.groups[r.URL.Path] == nil {
		g.groups[r.URL.Path] = map[string]float64{}
	}
	maps.DeleteFunc(g.groups[r.URL.Path], func(old string, _ float64) bool {
		name, _, _ := strings.Cut(old, " ")
		for got := range pushed {
			if family, _, _ := strings.Cut(got, " "); family == name {
				return true
			}
		}
		return false
	})
	maps.Copy(g.groups[r.URL.Path], pushed)
}

// group is what is known of a group; told is every push.
func (g *pushgateway) group(path string) map[string]float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.groups[path])
}

func (g *pushgateway) told() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.heard)
}

// pushPassword is in the address of a gateway.
const pushPassword = "PUSHCANARYPUSHCANARYPUSH"

// pushPath is as good as one at some gateways.
const pushPath = "PATHCANARYPATHCANARYPATH"

// No credential gets into metrics, nor a tenant's name, and none of the gateway's
// into what is said when it fails; and a push that fails changes no exit code.
func TestMetricsLeakNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason  string
		gateway http.HandlerFunc // nil: it is well
		warns   string
	}{
		{"it is well", nil, ""},
		{"it quotes what it was sent", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprint(w, r.Header, r.URL, pushPassword)
		}, "the gateway answers with status 500"},
		{"it sends elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/"+pushPassword, http.StatusTemporaryRedirect)
		}, "the gateway answers with status 307"},
		{"it hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			g := newPushgateway(t)
			if test.gateway != nil {
				g.Config.Handler = test.gateway
			}
			file := filepath.Join(t.TempDir(), "berth.prom")
			p := newPlatform(t, "cart")
			p.env["BERTH_METRICS_FILE"] = file
			p.env["BERTH_METRICS_PUSH_URL"] = strings.Replace(g.URL, "//", "//pusher:"+pushPassword+"@", 1) + "/" + pushPath
			r := p.run(t, "--log-level=debug").must(t, 0)
			g.mu.Lock()
			login, bodies := g.login, g.bodies.String()
			g.mu.Unlock()
			pushed := string(readFile(t, file)) + bodies
			said := r.stdout + r.stderr + pushed
			for _, secret := range []string{oauthToken, kubeToken, pushPassword, base64.StdEncoding.EncodeToString([]byte("pusher:" + pushPassword)), "pusher", pushPath} {
				if strings.Contains(said, secret) {
					t.Errorf("%q is said", secret)
				}
			}
			if tokenShape.MatchString(said) {
				t.Error("a robot's token is said")
			}
			if strings.Contains(pushed, "shop") || strings.Contains(pushed, "cart") {
				t.Error("the metrics name a tenant or a Component")
			}
			if warned := strings.Contains(r.stderr, "the metrics could not be pushed"); warned != (test.warns != "") || !strings.Contains(r.stderr, test.warns) {
				t.Errorf("stderr does not say %q:\n%s", test.warns, r.stderr)
			}
			if test.gateway == nil && (login != "pusher:"+pushPassword || !strings.Contains(pushed, "berth_components")) {
				t.Errorf("logged in as %s; pushed %s", login, pushed)
			}
		})
	}
}

// What cannot be told is a warning, and what was known before stays.
func TestMetricsThatCannotBeToldFailNoRun(t *testing.T) {
	t.Parallel()
	const file = "/proc/berth.prom" // nobody can make a file there
	p := newPlatform(t, "cart")
	p.env["BERTH_METRICS_FILE"], p.env["BERTH_METRICS_PUSH_URL"] = file, closedServer(t)
	r := p.run(t).must(t, 0)
	for _, want := range []string{"the metrics could not be written", "the metrics could not be pushed", `"level":"warn"`} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, r.stderr)
		}
	}
}

// TestThePushgatewayComponent sets what is a setting, to what it takes.
func TestThePushgatewayComponent(t *testing.T) {
	t.Parallel()
	raw, err := deploy.Manifests.ReadFile("components/pushgateway/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var component struct{ Patches []struct{ Patch string } }
	if err := yaml.Unmarshal(raw, &component); err != nil || len(component.Patches) != 1 {
		t.Fatal(component, err)
	}
	var patch struct{ Data map[string]string }
	if err := yaml.Unmarshal([]byte(component.Patches[0].Patch), &patch); err != nil {
		t.Fatal(err)
	}
	s, wrong := load(t, patch.Data)
	if len(wrong) > 0 || s.MetricsPushURL == "" || len(patch.Data) != 1 {
		t.Errorf("%v of %v (%v)", s.MetricsPushURL, patch.Data, wrong)
	}
}
