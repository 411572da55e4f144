package reconcile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/quay/quaytest"
	"berth/reconcile/component"
)

// asked counts, over all tests of the package, the states in which a witness has asked
// the simulators what each Secret that Berth wrote is worth, and what it heard.
var asked struct {
	states, dead, fell, early atomic.Int64
	heavy                     atomic.Int64 // tests that were run in full and make most of the states
}

// leastStates is how many there are when all of them were.
const leastStates = 1_000_000

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // the tests make much garbage of little
	code := m.Run()
	if asked.states.Load() > 0 && flag.Lookup("test.v").Value.String() == "true" {
		fmt.Fprintln(os.Stdout, verdict())
	}
	if asked.dead.Load()+asked.fell.Load()+asked.early.Load() > 0 {
		fmt.Fprintln(os.Stdout, "FAIL: "+verdict())
		code = max(code, 1)
	}
	if asked.heavy.Load() == 3 && asked.states.Load() < leastStates {
		fmt.Fprintf(os.Stdout, "FAIL: %d states are too few\n", asked.states.Load())
		code = max(code, 1)
	}
	os.Exit(code)
}

func verdict() string {
	return fmt.Sprintf("states asked: %d, dead tokens: %d, generations that fell: %d, drained too early: %d",
		asked.states.Load(), asked.dead.Load(), asked.fell.Load(), asked.early.Load())
}

// witness stands between the clients and both simulators. After every call it asks the
// simulators themselves, in-process, whether each Secret that Berth wrote holds a login
// that Quay accepts with exactly its role. What was so before a call and is not after it
// is that call's doing; what a person did between two calls is not.
type witness struct {
	e *env

	mu      sync.Mutex
	secrets map[string]*written // by NAMESPACE/NAME
	revoked bool                // the operator has asked to revoke, which cannot be seen
	blamed  []string
	handed  bool // the berth was handed over, so that a robot of another uid lives on, too
	silent  bool // it tells its own test only, which breaks something
}

// written is a Secret as Berth wrote it last.
type written struct {
	content string
	image   string
	login   string
	token   string
	left    map[string]time.Time // the logins it had before, and when it was moved away from them
	revoked bool                 // somebody has asked for it, so that nothing has to live on
	good    bool                 // as it was last seen
}

func newWitness(e *env) *witness { return &witness{e: e, secrets: map[string]*written{}} }

// tooMany is the number of Secrets from which on a witness looks away: the tests of many
// Components are about other things.
const tooMany = 12

func (w *witness) watch(end http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.secrets) > tooMany {
			return end.RoundTrip(r)
		}
		w.look()
		answer, err := end.RoundTrip(r)
		w.judge(r, err == nil && answer.StatusCode < http.StatusMultipleChoices)
		return answer, err
	})
}

// look notes what holds before a call.
func (w *witness) look() {
	for name, s := range w.secrets {
		s.good = w.accepted(name, s) == "" && w.current(name) == s.content
	}
	for name, s := range w.secrets {
		if s.revoked {
			continue
		}
		namespace, secret, _ := strings.Cut(name, "/")
		c, _, _ := strings.Cut(secret, "-image-")
		reads := []func(namespace, name, annotation string) string{w.e.annotation, w.e.lateAnnotation}
		if ofNamespace(name) {
			reads = []func(namespace, name, annotation string) string{w.e.namespaceAnnotation}
		}
		for _, read := range reads {
			marker := read(namespace, c, component.AnnotationRotation)
			s.revoked = s.revoked || strings.EqualFold(strings.TrimSpace(read(namespace, c, component.AnnotationGenerate)), component.RotateRequest) ||
				strings.Contains(marker, string(component.Revoke)) || strings.Contains(marker, `"rotating"`)
		}
	}
}

// judge looks again after the call.
func (w *witness) judge(r *http.Request, done bool) {
	if name := secretOf(r); name != "" && done {
		w.note(name)
	}
	for name, s := range w.secrets {
		if why := w.accepted(name, s); s.good && why != "" && w.current(name) == s.content {
			asked.dead.Add(w.counts())
			w.blame("dead token in Secret %s after %s %s: %s", name, r.Method, r.URL.Path, why)
		}
	}
	if r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/robots/") {
		w.deleted(org + "+" + path.Base(r.URL.Path))
	}
	asked.states.Add(1)
}

// secretOf is the Secret that a request may have written.
func secretOf(r *http.Request) string {
	parts := strings.Split(r.URL.Path, "/") // /api/v1/namespaces/NAMESPACE/secrets[/NAME]
	if (r.Method != http.MethodPatch && r.Method != http.MethodPost) || len(parts) < 6 || parts[5] != "secrets" || r.URL.Query().Has("dryRun") {
		return ""
	}
	if len(parts) > 6 {
		return parts[4] + "/" + parts[6]
	}
	var body struct{ Metadata struct{ Name string } }
	if r.GetBody != nil {
		if reader, err := r.GetBody(); err == nil {
			_ = json.NewDecoder(reader).Decode(&body)
		}
	}
	return parts[4] + "/" + body.Metadata.Name
}

// note takes a Secret that Berth may just have written.
func (w *witness) note(name string) {
	content := w.current(name)
	_, use, ours := strings.Cut(name, "-image-")
	ours = ours && (use == "push" || use == "pull") || ofNamespace(name) && strings.Contains(content, "berth_")
	if !ours || content == "" {
		return
	}
	before := w.secrets[name]
	if before != nil && before.content == content {
		return
	}
	image, login, token := credentialOf([]byte(content))
	now := &written{content: content, image: image, login: login, token: token, left: map[string]time.Time{}}
	if before != nil {
		now.left, now.revoked = before.left, before.revoked
		if before.login != login {
			now.left[before.login] = w.e.clock
		}
		if before.login > login && w.e.quay.RobotToken(before.login) != "" && strings.HasPrefix(before.login, login) {
			asked.fell.Add(w.counts())
			w.blame("Secret %s fell from %s to %s", name, before.login, login)
		}
	}
	w.secrets[name] = now
	why := w.accepted(name, now)
	if now.good = why == ""; !now.good && w.strict(why) {
		asked.dead.Add(w.counts())
		w.blame("dead token in Secret %s as it was written: %s", name, why)
	}
}

// strict: a role that a person has made greater is not Berth's doing.
func (w *witness) strict(why string) bool { return !strings.Contains(why, "*") }

// deleted judges the end of a robot.
func (w *witness) deleted(login string) {
	for name, s := range w.secrets {
		left, was := s.left[login]
		if !w.revoked && !s.revoked && was && w.graceful(s.login, login) && w.e.quay.RobotToken(login) == "" && w.e.clock.Before(left.Add(overlap)) {
			asked.early.Add(w.counts())
			w.blame("%s of Secret %s was drained %s after the Secret was moved away from it", login, name, w.e.clock.Sub(left))
		}
	}
}

// graceful reports whether two logins are generations of one role: the robot of an
// earlier Component goes at once.
func (w *witness) graceful(a, b string) bool {
	return w.handed || strings.HasPrefix(a, b) || len(a) == len(b) && len(a) > 15 && a[:len(a)-14] == b[:len(b)-14]
}

func (w *witness) current(name string) string {
	namespace, secret, _ := strings.Cut(name, "/")
	return decoded(w.e.cluster.Text("secrets", namespace, secret, "data", ".dockerconfigjson"))
}

// accepted tells what a login lacks, or has too much; "" for neither.
func (w *witness) accepted(name string, s *written) string {
	if ofNamespace(name) {
		return w.acceptedForAll(s)
	}
	granted, ok := w.e.quay.Granted(s.login, s.token, strings.TrimPrefix(s.image, host+"/"))
	want := []string{"push", "pull"}
	if strings.HasSuffix(name, "-image-pull") {
		want = []string{"pull"}
	}
	switch {
	case !ok:
		return s.login + " is refused"
	case !slices.Equal(granted, want) && !(slices.Equal(granted, []string{"pull"}) && w.frozen(s.image)):
		return fmt.Sprintf("%s is granted %v", s.login, granted)
	}
	return ""
}

func ofNamespace(name string) bool { return strings.HasSuffix(name, "/"+component.NamespaceSecret) }

// acceptedForAll is accepted of the Secret of a namespace: whatever one of its robots may
// read, its login must be good for.
func (w *witness) acceptedForAll(s *written) string {
	at := w.e.quay.Snapshot()
	for _, r := range at.Robots {
		for repository := range r.Permissions {
			if !strings.Contains(r.Name, "_namespace") || !strings.HasPrefix(repository, strings.TrimPrefix(s.image, host+"/")+"/") {
				continue
			}
			granted, ok := w.e.quay.Granted(s.login, s.token, repository)
			if !ok || !slices.Equal(granted, []string{"pull"}) {
				return fmt.Sprintf("%s is granted %v on %s", s.login, granted, repository)
			}
		}
	}
	if w.e.quay.RobotToken(s.login) != s.token {
		return s.login + " is refused"
	}
	return ""
}

// frozen reports whether nobody can push to a repository now.
func (w *witness) frozen(image string) bool {
	for _, r := range w.e.quay.Snapshot().Repositories {
		if r.Name == strings.TrimPrefix(image, host+"/") {
			return r.State != ""
		}
	}
	return false
}

func (w *witness) counts() int64 {
	if w.silent {
		return 0
	}
	return 1
}

func (w *witness) blame(format string, args ...any) {
	w.blamed = append(w.blamed, fmt.Sprintf(format, args...))
	if !w.silent && len(w.blamed) < 5 {
		fmt.Fprintln(os.Stderr, "witness: "+w.blamed[len(w.blamed)-1])
	}
}

// The witness sees what it is there to see.
func TestRotationWitness(t *testing.T) {
	t.Parallel()
	for why, spoil := range map[string]func(e *env, call func(method, path string)){
		"dead token in Secret tenant/billing-image-push after DELETE": func(e *env, call func(string, string)) {
			call(http.MethodDelete, "/api/v1/organization/acme/robots/"+strings.TrimPrefix(e.login("billing-image-push"), org+"+"))
		},
		"dead token in Secret tenant/billing-image-pull after DELETE": func(e *env, call func(string, string)) {
			call(http.MethodDelete, "/api/v1/repository/acme/tenant/billing/permissions/user/"+e.login("billing-image-pull"))
		},
	} {
		e := newEnv()
		e.settledComponent()
		e.silent = true
		spoil(e, func(method, path string) {
			r, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+path, bytes.NewReader(nil))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+oauth)
			answer, err := e.watch(quaytest.Wire(e.quay)).RoundTrip(r)
			if err != nil || answer.StatusCode != http.StatusNoContent {
				t.Fatalf("%v %+v", err, answer)
			}
			_ = answer.Body.Close()
		})
		if len(e.blamed) != 1 || !strings.HasPrefix(e.blamed[0], why) {
			t.Errorf("the witness says %q, want %q", e.blamed, why)
		}
	}
}
