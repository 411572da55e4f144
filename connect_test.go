package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube"
	"berth/kube/kubetest"
	"berth/quay"
	"berth/quay/quaytest"
	"berth/reconcile/report"
	"berth/testdata/demo"
)

const leaseNamespace = "berth"

// newLockedPlatform has a robot's creation stall, the first time, until release is
// called; stalled tells of each.
func newLockedPlatform(t *testing.T, components ...string) (p *platform, stalled chan struct{}, release func()) {
	t.Helper()
	stalled = make(chan struct{}, 64)
	held := make(chan struct{})
	p = newPlatformWith(t, deploy.Roles(), func(method, route, _ string) {
		if method == http.MethodPut && route == quaytest.RouteRobot {
			stalled <- struct{}{}
		}
	}, components...)
	p.env["BERTH_LOCK_NAMESPACE"] = leaseNamespace
	p.quay.Inject(quaytest.Fault{Method: http.MethodPut, Route: quaytest.RouteRobot, Outcome: quaytest.Stall, Release: held})
	return p, stalled, func() { close(held) }
}

// holder is whose the lock is, "" for nobody's.
func (p *platform) holder() string {
	spec, _ := p.cluster.Object("leases", leaseNamespace, "berth")["spec"].(map[string]any)
	holder, _ := spec["holderIdentity"].(string)
	return holder
}

// give writes somebody else into the lock.
func (p *platform) give(holder string) {
	p.cluster.Apply(fmt.Appendf(nil, `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: berth, namespace: berth},
		spec: {holderIdentity: %q, leaseDurationSeconds: 60, acquireTime: "2026-03-16T12:07:00.000000Z", renewTime: %q}}`,
		holder, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")))
}

func TestOfTwoRunsTheSecondSaysWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	p, stalled, release := newLockedPlatform(t, "cart")
	first := p.start(t, "", "-o", "json")
	await(t, "the call that stalls", stalled)
	holder := p.holder()
	p.forgetCalls()

	second := p.start(t, "", "-o", "json").wait(t).must(t, 75)
	if want := "another run holds the lock: " + holder + ", since "; holder == "" || !strings.HasPrefix(second.stderr, want) {
		t.Errorf("stderr does not say %q:\n%s", want, second.stderr)
	}
	all := lines(t, second.stdout)
	if len(all) != 3 || all[0]["lock"] != "berth/berth" || all[1]["diagnostic"].(map[string]any)["code"] != "locked" || all[2]["exit_code"] != 75.0 {
		t.Errorf("stdout is %s", second.stdout)
	}
	if n := p.quay.Total(); n > 0 {
		t.Errorf("Quay was asked %d things by a run without the lock", n)
	}
	p.run(t, "--dry-run").must(t, 0) // needs no lock

	p.env[shortLease] = "3s" // it looks twice a second
	patient := p.start(t, "", "--lock-timeout=1m", "-o", "json")
	deploytest.Until(t, "the look of the one that waits", func() bool { return p.cluster.Count("get", "leases") >= 2 })
	release()
	first.wait(t).must(t, 0)
	if p.wrote() == 0 {
		t.Error("the first run wrote nothing")
	}
	patient.wait(t).must(t, 0)
	if got := p.holder(); got != "" {
		t.Errorf("at the end the lock is %s's", got)
	}
}

func TestALostLockLetsFinishWhatIsInFlight(t *testing.T) {
	t.Parallel()
	p, stalled, release := newLockedPlatform(t, "cart", "till")
	p.env[shortLease] = "2s"
	program := p.start(t, "the lock was lost", "--concurrency=1", "-o", "json")
	await(t, "the call that stalls", stalled)
	p.give("somebody else")
	await(t, "the word that the lock is lost", program.stderr.seen)
	release()
	r := program.wait(t).must(t, 1)
	all := lines(t, r.stdout)
	last := all[len(all)-1]
	components, _ := last["components"].(map[string]any)
	if last["result"] != "partial" || components["changed"] != 1.0 || components["deferred"] != 1.0 {
		t.Errorf("the last line is %v", last)
	}
	if why, _ := all[len(all)-2]["diagnostic"].(map[string]any); why["code"] != "locked" {
		t.Errorf("the line before the last is %v", all[len(all)-2])
	}
	if got := p.holder(); got != "somebody else" {
		t.Errorf("the lock is %q's", got)
	}
}

// What was audited is remembered on the Lease, and what is not a moment that can be is as nothing.
func TestTheNextRunGoesOnWithTheAudit(t *testing.T) {
	t.Parallel()
	const key = "image.redhat.com/next-run"
	p := newPlatform(t)
	for i := range 12 {
		p.component(fmt.Sprintf("c%d", i), "")
	}
	p.env["BERTH_LOCK_NAMESPACE"] = leaseNamespace
	note := func() string {
		metadata, _ := p.cluster.Object("leases", leaseNamespace, "berth")["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		told, _ := annotations[key].(string)
		return told
	}
	p.run(t).must(t, 0)
	if audited, _ := noted(note()); time.Since(audited) > time.Hour || audited.After(time.Now()) {
		t.Errorf("after the first run the Lease tells %q", note())
	}
	ago := func(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339Nano) }
	for _, row := range []struct {
		why, told   string
		args        []string
		least, most int // repositories whose roles are looked at
		stays       bool
	}{
		{"a moment to come", ago(-time.Hour), nil, 10, 12, false},
		{"no moment", "place another", nil, 10, 12, false},
		{"nothing", "", nil, 10, 12, false},
		{"an hour ago: of twelve no more than ten in a run", ago(time.Hour) + " place", nil, 10, 10, false},
		{"so, but the run looks at one that is named", ago(time.Hour) + " place", []string{"shop/c1"}, 1, 1, true},
		{"this very moment", "", nil, 0, 3, false},
	} {
		if row.most == 3 {
			row.told = ago(0)
		}
		p.cluster.Apply(fmt.Appendf(nil, `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: berth, namespace: berth, annotations: {%s: %q}}}`, key, row.told))
		p.forgetCalls()
		p.run(t, row.args...).must(t, 0)
		if n := p.quay.Requests(http.MethodGet, quaytest.RouteUserPermissions); n < row.least || n > row.most {
			t.Errorf("%s: the roles on %d repositories were looked at, want %d to %d", row.why, n, row.least, row.most)
		}
		if stays := note() == row.told; stays != row.stays {
			t.Errorf("%s: %q became %q", row.why, row.told, note())
		}
	}
}

// TestTheLockIsReleased however a run ends.
func TestTheLockIsReleased(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		code   int
		spoil  func(p *platform)
	}{
		{"all is done", 0, func(*platform) {}},
		{"a Component fails", 1, func(p *platform) {
			p.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Times: -1, Status: http.StatusUnprocessableEntity})
		}},
		{"nothing can be read", 77, func(p *platform) { p.quay.ExpireToken(oauthToken) }},
		{"its holder died", 0, func(p *platform) {
			p.give("dead")
			p.cluster.Apply([]byte(`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: berth, namespace: berth}, spec: {renewTime: "2026-03-16T12:07:00.000000Z"}}`))
		}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			p.env["BERTH_LOCK_NAMESPACE"] = leaseNamespace
			test.spoil(p)
			p.run(t).must(t, test.code)
			if got := p.holder(); got != "" || p.cluster.Count("patch", "leases") == 0 {
				t.Errorf("the lock is %q's", got)
			}
		})
	}
	t.Run("a signal", func(t *testing.T) {
		t.Parallel()
		p, stalled, release := newLockedPlatform(t, "cart")
		program := p.start(t, "interrupted: nothing new is begun")
		await(t, "the call that stalls", stalled)
		if err := program.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		await(t, "the word that it is interrupted", program.stderr.seen)
		if p.holder() == "" {
			t.Error("the lock is free while a Component is in flight")
		}
		release()
		program.wait(t).must(t, 128+int(syscall.SIGTERM))
		if got := p.holder(); got != "" {
			t.Errorf("the lock is %s's", got)
		}
	})
}

// TestAPausedHolderLeavesNoDeadToken: it is stopped while a robot of a new generation is
// being made, another run takes the lock over and rotates, and it wakes.
func TestAPausedHolderLeavesNoDeadToken(t *testing.T) {
	t.Parallel()
	for reason, applied := range map[string]bool{"Quay had made the robot": true, "Quay is asked for it at the end": false} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			pausedHolder(t, applied)
		})
	}
}

func pausedHolder(t *testing.T, applied bool) {
	t.Helper()
	stalled := make(chan struct{}, 64)
	p := newPlatformWith(t, deploy.Roles(), func(method, route, _ string) {
		if method == http.MethodPut && route == quaytest.RouteRobot {
			stalled <- struct{}{}
		}
	}, "cart")
	p.env["BERTH_LOCK_NAMESPACE"] = leaseNamespace
	p.env[shortLease] = "3s"
	p.run(t).must(t, 0)
	for len(stalled) > 0 {
		<-stalled
	}
	p.component("cart", "true")

	held := make(chan struct{})
	p.quay.Inject(quaytest.Fault{Method: http.MethodPut, Route: quaytest.RouteRobot, Outcome: quaytest.Stall, Applied: applied, Release: held})
	paused := p.start(t, "", "-o", "json")
	await(t, "the call that stalls", stalled)
	holder := p.holder()
	if err := paused.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.start(t, "", "--lock-timeout=1m").wait(t).must(t, 0)
	if p.holder() == holder {
		t.Error("the lock was not taken over")
	}
	close(held)
	if err := paused.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	paused.wait(t)

	if robots := p.quay.Snapshot().Robots; len(robots) != 2 {
		t.Errorf("after a request to revoke there are %d robots", len(robots))
	}
	p.forgetCalls()
	p.run(t).must(t, 0) // compares every Secret with its robot
	if n := p.quay.Mutations() + p.cluster.Count("patch", "secrets"); n > 0 {
		t.Errorf("there was a dead token: %d writes mended it", n)
	}
}

// A person is asked, but not in a pod.
func TestWhoIsAsked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		why  string
		s    settings
		d    dial
		want bool
	}{
		{"a laptop", settings{}, dial{}, true},
		{"a kubeconfig, though it is in a pod", settings{Kubeconfig: "file"}, dial{}, true},
		{"a pod with its own account", settings{}, dial{pod: true}, false},
		{"yes was said", settings{Yes: true}, dial{}, false},
		{"nothing is written", settings{DryRun: true}, dial{}, false},
	} {
		if got := test.s.asks(test.d); got != test.want {
			t.Errorf("%s: asked: %t", test.why, got)
		}
	}
}

// What the process may hold is read where either version of cgroups says it.
func TestTheMemoryLimitIsTheCgroups(t *testing.T) {
	t.Parallel()
	const unlimited = "9223372036854771712\n"
	for _, test := range []struct {
		why   string
		files map[string]string
		want  int64
	}{
		{"a container", map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "268435456\n"}, 256 << 20},
		{"no limit", map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"}, 0},
		{"not in a container, and limited", map[string]string{"/proc/self/cgroup": "0::/user.slice/a:b\n", "/sys/fs/cgroup/user.slice/a:b/memory.max": "1024\n"}, 1024},
		{"a container of version 1, which knows its name on the host", map[string]string{
			"/proc/self/cgroup": "3:cpuset:/kubepods/x\n2:memory:/kubepods/x\n0::/\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n",
		}, 4096},
		{"version 1, not in a container", map[string]string{
			"/proc/self/cgroup": "2:memory:/x\n", "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "4096\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": unlimited,
		}, 4096},
		{"another system", nil, 0},
	} {
		got := memoryLimit(func(name string) ([]byte, error) {
			if text, there := test.files[name]; there {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		})
		if got != test.want {
			t.Errorf("%s: %d, want %d", test.why, got, test.want)
		}
	}
}

// Shards share what is limited for all of them, and none is left with nothing.
func TestShardsShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ n, count, want int }{
		{50, 1, 50},
		{50, 4, 13},
		{10, 4, 3},
		{1, 64, 1},
		{0, 4, 0},
		{64, 64, 1},
	} {
		if got := (settings{ShardCount: test.count}).share(test.n); got != test.want {
			t.Errorf("of %d each of %d has %d, want %d", test.n, test.count, got, test.want)
		}
	}
}

// Four shards ask Quay as often as one run: each has a quarter of the limit.
func TestShardsDivideTheLimit(t *testing.T) {
	t.Parallel()
	const burst, perSecond = 4, 4
	for count, want := range map[int]time.Duration{
		1: 0,
		2: time.Second,     // 2 at once, 2 more at 2 a second
		4: 3 * time.Second, // 1 at once, 3 more at 1 a second
	} {
		synctest.Test(t, func(t *testing.T) {
			st := newStage()
			s := settings{QuayURL: demo.URL, QuayOrg: demo.Organization, QuayQPS: perSecond, QuayBurst: burst, ShardCount: count, KubeQPS: 1, KubeBurst: 1}
			s.token = func() (quay.Token, error) { return quay.NewToken(demo.Token), nil }
			e, err := connect(s, st.dial, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for range 4 {
				if _, err := e.quay.GetOrganization(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := time.Since(start).Round(time.Millisecond); got != want {
				t.Errorf("one of %d shards waits %s, want %s", count, got, want)
			}
		})
	}
}

// TestTheClientsOfADryRunRefuseWrites, should a run ever forget that it is one.
func TestTheClientsOfADryRunRefuseWrites(t *testing.T) {
	t.Parallel()
	st := newStory(t, "--dry-run")
	e, err := connect(st.settings, st.dial, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.quay.DeleteRobot(t.Context(), "any"); !errors.Is(err, quay.ErrWriteRefused) {
		t.Errorf("Quay's: %v", err)
	}
	if err := e.kube.CreateSecret(t.Context(), kube.SecretWrite{
		Namespace: "any", Name: "any", DockerConfigJSON: func() []byte { return []byte("{}") },
	}); !errors.Is(err, kube.ErrReadOnly) {
		t.Errorf("the cluster's: %v", err)
	}
	if n := st.Quay.Mutations() + st.Cluster.Mutations(); n > 0 {
		t.Errorf("%d writes were sent", n)
	}
}

// Whatever way the registry's address is written, images are called by its host in one
// form, or by the one that is set; a Secret that says another is mended.
func TestWhatImagesAreCalledBy(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "cart")
	address := strings.TrimPrefix(p.env["BERTH_QUAY_URL"], "https://")
	for _, test := range []struct {
		reason, url, images, want string
		settled                   bool
	}{
		{"the registry's host", "https://" + address, "", address, false},
		{"the registry's host, as image-controller writes it", "HTTPS://" + address + "/api/v1/", "", address, true},
		{"another", "https://" + address, "Images.Example.com.:443", "images.example.com", false},
		{"the same", "https://" + address, "images.example.com", "images.example.com", true},
	} {
		p.env["BERTH_QUAY_URL"], p.env["BERTH_IMAGE_HOST"] = test.url, test.images
		p.forgetCalls()
		r := p.run(t).must(t, 0)
		if wrote := p.wrote() > 0; wrote == test.settled {
			t.Errorf("%s: it wrote: %v\n%s", test.reason, wrote, r.stdout)
		}
		if !strings.Contains(r.stdout, "   "+address+"/"+testOrg) {
			t.Errorf("%s: the header does not name the registry:\n%s", test.reason, r.stdout)
		}
		image := test.want + "/" + testOrg + "/shop/cart"
		for _, secret := range []string{"cart-image-push", "cart-image-pull"} {
			if a := demo.Logins(p.cluster, "shop", secret); len(a) != 1 || a[image].Auth == "" {
				t.Errorf("%s: Secret %s is not for %s alone", test.reason, secret, image)
			}
		}
		if told := fmt.Sprint(p.cluster.Object("components", "shop", "cart")["metadata"]); !strings.Contains(told, `"image":"`+image+`"`) {
			t.Errorf("%s: the Component is told %s", test.reason, told)
		}
	}
}

// A kubeconfig that is named counts in a pod, too, and one that leads nowhere is never
// made up for by the pod's own account: kubectl's rules, but for that refusal.
func TestWhichClusterIsServed(t *testing.T) { // not parallel: it sets the environment
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	config := func(name string) string {
		return write(name, string(bytes.ReplaceAll(deploytest.Kubeconfig("https://"+name+".example:6443", write("ca", "")), []byte("test"), []byte(name))))
	}
	none, empty, named, set, home := filepath.Join(dir, "none"), write("empty", ""), config("named"), config("set"), config("home")
	inPod := func() (*rest.Config, error) { return &rest.Config{Host: "https://pod.example"}, nil }
	outside := func() (*rest.Config, error) { return nil, rest.ErrNotInCluster }
	const pod = "https://pod.example"
	for _, test := range []struct {
		reason                string
		pod                   func() (*rest.Config, error)
		set, home             string // KUBECONFIG, ~/.kube/config
		kubeconfig, context   string // flags
		server, cluster, says string // says is how it is refused
	}{
		{"a pod like the CronJob's", inPod, "", none, "", "", pod, "in-cluster", ""},
		{"KUBECONFIG in a pod", inPod, set, none, "", "", "https://set.example:6443", "set", ""},
		{"--kubeconfig in a pod", inPod, set, none, named, "", "https://named.example:6443", "named", ""},
		{"a kubeconfig at home in a pod", inPod, "", home, "", "", "https://home.example:6443", "home", ""},
		{"a home that is closed to the pod's user", inPod, "", filepath.Join(empty, ".kube", "config"), "", "", pod, "in-cluster", ""},
		{"a context of KUBECONFIG's in a pod", inPod, set, none, "", "set", "https://set.example:6443", "set", ""},
		{"a context in a pod without a kubeconfig", inPod, "", none, "", "set", "", "", "--context "},
		{"a context that is not there", inPod, set, none, "", "prod", "", "", "--context "},
		{"KUBECONFIG names no file, in a pod", inPod, none, none, "", "", "", "", "KUBECONFIG "},
		{"KUBECONFIG names an empty file, in a pod", inPod, empty, none, "", "", "", "", "KUBECONFIG "},
		{"--kubeconfig names no file, in a pod", inPod, "", none, none, "", "", "", "--kubeconfig "},
		{"--kubeconfig names an empty file, in a pod", inPod, "", none, empty, "", "", "", "--kubeconfig "},
		{"a pod without an account", func() (*rest.Config, error) { return nil, os.ErrNotExist }, "", none, "", "", "", "", "ServiceAccount "},
		{"a laptop", outside, "", home, "", "", "https://home.example:6443", "home", ""},
		{"a laptop without a kubeconfig", outside, "", none, "", "", "", "", "BERTH_KUBECONFIG "},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Setenv("KUBECONFIG", test.set)
			defer func(file string) { clientcmd.RecommendedHomeFile = file }(clientcmd.RecommendedHomeFile)
			clientcmd.RecommendedHomeFile = test.home
			s := settings{Kubeconfig: test.kubeconfig, Context: test.context, called: func(key string) string {
				if test.kubeconfig+test.context == "" {
					return envPrefix + key
				}
				return flagName(key)
			}}
			d, wrong := clusterConfig(s, test.pod)
			if test.says != "" {
				if len(wrong) != 1 || wrong[0].name+" " != test.says {
					t.Errorf("refused as %v, want %s", wrong, test.says)
				}
				return
			}
			if len(wrong) > 0 || d.config.Host != test.server || d.cluster != test.cluster {
				t.Errorf("%+v (%v), want %s at %s", d, wrong, test.cluster, test.server)
			}
		})
	}
}

// Whatever kubectl logs in with works: a token by oidc, which is used as it is until it
// expires, or what a command prints.
func TestLoginsOfAKubeconfig(t *testing.T) {
	t.Parallel()
	const idToken = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.x" // of 2100
	for name, user := range map[string]string{
		"oidc": `{auth-provider: {name: oidc, config: {client-id: kubernetes, idp-issuer-url: "https://id.example.com", id-token: ` + idToken + `, refresh-token: r}}}`,
		"exec": `{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: IfAvailable, command: sh, args: ["-c",
			'echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"` + kubeToken + `\"}}"']}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "cart")
			p.cluster.AddUser(idToken, deploytest.Account, false)
			raw, err := os.ReadFile(p.env["BERTH_KUBECONFIG"])
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "kubeconfig")
			if err := os.WriteFile(file, bytes.Replace(raw, []byte("{token: "+kubeToken+"}"), []byte(user), 1), 0o600); err != nil {
				t.Fatal(err)
			}
			p.run(t, "--kubeconfig", file).must(t, 0)
			if p.wrote() == 0 {
				t.Error("nothing was written")
			}
		})
	}
}

// modern lets a wire pass for HTTP/2.
type modern struct{ http.RoundTripper }

func (m modern) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := m.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.ProtoMajor = 2
	}
	return answer, err
}

// newComponents is a stage with so many Components that nobody has served, behind a
// proxy that limits the rate.
func newComponents(n int, p *quaytest.Proxy) stage {
	st := newStage()
	var all bytes.Buffer
	for i := range n {
		fmt.Fprintf(&all, "---\n{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {namespace: acme-tenant, name: new-%03d}}\n", i)
	}
	st.Cluster.Apply(all.Bytes())
	p.Server = st.Quay
	st.dial.transport = modern{quaytest.Wire(p)}
	return st
}

// serve makes a run on a stage, with the defaults and what env says besides.
func (st stage) serve(t *testing.T, env map[string]string) (s report.Summary, out string) {
	t.Helper()
	all := map[string]string{
		"BERTH_QUAY_ORG": demo.Organization, "BERTH_QUAY_URL": demo.URL, "BERTH_QUAY_TOKEN": demo.Token, "BERTH_CLUSTER_ID": "demo",
	}
	maps.Copy(all, env)
	settings, wrong := load(t, all)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	var text, log bytes.Buffer
	s, err := pass(t.Context(), settings, st.dial, environ(nil), streams{out: &text, err: &log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, text.String()
}

// With the defaults, what a registry allows is what a run takes: neither the limit of
// calls of the cluster nor anything else is slower. Time is counted, not measured: none
// passes but where somebody waits.
func TestTheRegistryIsTheBottleneck(t *testing.T) {
	t.Parallel()
	const components, calls = 100, 500
	took := func(env map[string]string, allow func() bool) (seconds float64) {
		synctest.Test(t, func(t *testing.T) {
			st := newComponents(components, &quaytest.Proxy{API: allow})
			summary, out := st.serve(t, env)
			if n := st.Quay.Mutations(); summary.ExitCode() != 0 || n < calls {
				t.Fatalf("exit code %d, %d changes at Quay, want %d\n%s", summary.ExitCode(), n, calls, out)
			}
			seconds = summary.Elapsed.Seconds()
		})
		return seconds
	}
	for _, row := range []struct {
		why   string
		allow func() bool
		most  float64 // seconds
	}{
		{"Quay's own limit", rate.NewLimiter(50, 100).Allow, 15},
		{"none", nil, 15},
	} {
		withDefaults := took(nil, row.allow)
		unhindered := took(map[string]string{"BERTH_KUBE_QPS": "10000", "BERTH_KUBE_BURST": "10000"}, row.allow)
		if withDefaults > row.most {
			t.Errorf("%s: it takes %.1f seconds", row.why, withDefaults)
		}
		if withDefaults > 1.02*unhindered {
			t.Errorf("%s: it takes %.1f seconds, and %.1f with a faster cluster", row.why, withDefaults, unhindered)
		}
	}
}

// A run that ends because its own time is over says so, and blames nobody; and it
// does end then.
func TestTheEndOfTheTimeIsNotQuays(t *testing.T) {
	t.Parallel()
	const timeout, grace = 40 * time.Second, 20 * time.Second
	for _, row := range []struct {
		why    string
		passes int32         // requests, and then none
		most   time.Duration // that the run takes
		says   string
	}{
		{"before anything was read", 0, timeout, quay.ErrEnded.Error()},
		{"while lists were read", 2, timeout, quay.ErrEnded.Error()},
		{"while Components were served", 60, timeout + grace, "left to the next run"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				st := newComponents(40, &quaytest.Proxy{API: func() bool { return asked.Add(1) <= row.passes }})
				s, out := st.serve(t, map[string]string{"BERTH_TIMEOUT": timeout.String()})
				if s.ExitCode() != 1 || s.Elapsed > row.most || s.Elapsed < timeout/2 {
					t.Errorf("exit code %d after %s, want 1 within %s", s.ExitCode(), s.Elapsed, row.most)
				}
				if !strings.Contains(out, row.says) {
					t.Errorf("the end is not told:\n%s", out)
				}
				for _, blame := range []error{quay.ErrUnavailable, quay.ErrRateLimited} {
					if strings.Contains(out, blame.Error()) {
						t.Errorf("it says %q:\n%s", blame, out)
					}
				}
			})
		})
	}
}
