package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/kube"
	"berth/kube/kubetest/controlplane"
	"berth/reconcile"
	"berth/reconcile/report"
	"berth/reconcile/world"
)

// moving is a real API server with both groups' definitions and the real garbage collector,
// beside a simulated Quay. Berth has the rights of its manifests, and owner references are
// guarded.
type moving struct {
	realCluster
	names []string
	ever  map[string]map[string]bool // Secrets to all contents that they ever had
}

func newMoving(t *testing.T, names ...string) *moving {
	t.Helper()
	m := &moving{
		realCluster: realCluster{env: newEnv(), cp: controlplane.Start(t, controlplane.AppStudio, controlplane.BothGroups, controlplane.WithControllers)},
		names:       names, ever: map[string]map[string]bool{},
	}
	m.apply(t, `{apiVersion: v1, kind: Namespace, metadata: {name: tenant}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: berth}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: berth, namespace: berth}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: tenant}}
---
`+string(rbac))
	m.admin = m.client(t, direct)
	for _, name := range names {
		m.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: tenant}, spec: {componentName: %[1]s, application: shop}}`, name))
	}
	return m
}

// newRun is one as the shipped ServiceAccount, which is watched.
func (m *moving) newRun(t *testing.T) *reconcile.Run {
	t.Helper()
	config := m.cp.Config(t, berthUser)
	config.Wrap(func(end http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := end.RoundTrip(r)
			if r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/components/") {
				m.look(t, r.Method+" "+r.URL.Path)
			}
			return answer, err
		})
	})
	k, err := kube.New(kube.Options{Config: config, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	q, _ := m.clients(direct)
	r := newRun(q, k, m.now)
	r.Concurrency = 1
	r.Policy.RemoteSecrets = world.RemoteSecretsAuto
	return r
}

func (m *moving) settles(t *testing.T, changes bool) {
	t.Helper()
	if s := m.env.do(m.newRun(t)); s.Result() != report.ResultOK || (s.Changes != report.ChangeCount{}) != changes {
		t.Errorf("the run was %s, with %+v:\n%s", s.Result(), s.Changes, s.text)
	}
}

// look demands that the Secrets are there and that Quay accepts whatever they ever held.
func (m *moving) look(t *testing.T, when string) {
	t.Helper()
	for _, name := range m.names {
		for _, use := range []string{"push", "pull"} {
			secret := name + "-image-" + use
			s, err := m.admin.Secret(context.Background(), "tenant", secret)
			if err != nil {
				if m.ever[secret] != nil {
					t.Errorf("%s: %v", when, err)
				}
				continue
			}
			if m.ever[secret] == nil {
				m.ever[secret] = map[string]bool{}
			}
			m.ever[secret][string(s.DockerConfigJSON())] = true
			for content := range m.ever[secret] {
				image, login, token := credentialOf([]byte(content))
				if why := m.accepted("tenant/"+secret, &written{image: image, login: login, token: token}); why != "" {
					t.Errorf("%s: Secret %s: %s", when, secret, why)
				}
			}
		}
	}
}

// owned are the uids of the owners of all that was made for a Component, where all of it
// agrees.
func (m *moving) owned(t *testing.T, name string) (uids []string) {
	t.Helper()
	r, err := m.admin.RemoteSecret(t.Context(), "tenant", name+"-image-pull")
	if err != nil {
		t.Fatal(err)
	}
	all := [][]kube.OwnerReference{r.Owners}
	for _, use := range []string{"push", "pull"} {
		s, err := m.admin.Secret(t.Context(), "tenant", name+"-image-"+use)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s.Owners)
	}
	for _, owners := range all {
		if !slices.Equal(owners, all[0]) {
			return nil
		}
	}
	for _, o := range all[0] {
		uids = append(uids, o.UID)
	}
	return uids
}

func (m *moving) uid(t *testing.T, g kube.Group, name string) string {
	t.Helper()
	c, err := m.admin.Component(t.Context(), g, "tenant", name)
	if err != nil {
		t.Fatal(err)
	}
	return c.UID
}

// A Component of each group with one name, and the older one deleted with the real garbage
// collector running, in each of the ways to delete: Secrets and links stay, what they ever
// held is accepted until the overlap is over, and one graceful rotation is all there is.
func TestHandoverOnARealServer(t *testing.T) {
	t.Parallel()
	m := newMoving(t, "background", "foreground", "orphan")
	m.settles(t, true)
	for _, name := range m.names {
		m.apply(t, fmt.Sprintf(`{apiVersion: konflux-ci.dev/v1alpha1, kind: Component, metadata: {name: %s, namespace: tenant}, spec: {source: {url: "https://git.example/%[1]s"}}}`, name))
	}
	m.quay.ResetCalls()
	m.settles(t, true)
	if n := m.quay.Mutations(); n > 0 {
		t.Errorf("%d writes to Quay for a second owner", n)
	}
	for _, name := range m.names {
		if got, want := m.owned(t, name), []string{m.uid(t, kube.AppStudio, name), m.uid(t, kube.Konflux, name)}; !slices.Equal(got, want) {
			t.Fatalf("%s is owned by %v, want %v", name, got, want)
		}
	}
	m.settles(t, false)
	m.clock = m.clock.Add(time.Hour)

	for _, name := range m.names {
		if out, err := m.cp.Kubectl(t, "delete", "components.appstudio.redhat.com", name, "--namespace=tenant", "--cascade="+name, "--timeout=1m"); err != nil {
			t.Fatal(out, err)
		}
	}
	m.collected(t)
	m.look(t, "the older are gone")
	m.quay.ResetCalls()
	m.settles(t, true)
	if made := m.made(); len(made["push"]) != len(m.names) || len(made["pull"]) != len(m.names) || m.quay.Mutations() != 4*len(m.names) {
		t.Errorf("%v was made, with %d writes to Quay", made, m.quay.Mutations())
	}
	m.settles(t, false)
	m.clock = m.clock.Add(overlap - time.Minute)
	m.settles(t, false)
	m.look(t, "the overlap is nearly over")
	for secret, contents := range m.ever {
		if len(contents) != 2 {
			t.Errorf("Secret %s has held %d contents", secret, len(contents))
		}
	}
	m.links(t)

	m.ever = map[string]map[string]bool{}
	m.clock = m.clock.Add(2 * time.Minute)
	m.quay.ResetCalls()
	m.settles(t, true)
	if robots := len(m.quay.Snapshot().Robots); robots != 2*len(m.names) || m.quay.Mutations() != 2*len(m.names) {
		t.Errorf("after the overlap there are %d robots, and %d writes", robots, m.quay.Mutations())
	}
	m.settles(t, false)
}

// collected returns when the garbage collector has seen all that there is to see.
func (m *moving) collected(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for left := slices.Clone(m.names); len(left) > 0; {
		m.look(t, "the garbage collector is at work")
		if want := []string{m.uid(t, kube.Konflux, left[0])}; slices.Equal(m.owned(t, left[0]), want) {
			left = left[1:]
			continue
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the garbage collector leaves %s to %v", left[0], m.owned(t, left[0]))
		}
	}
}

// links demands that builds still use the push Secrets.
func (m *moving) links(t *testing.T) {
	t.Helper()
	accounts, err := m.admin.ServiceAccounts(t.Context(), "tenant", func(a kube.ServiceAccount) bool { return a.Name == pipeline })
	if err != nil || len(accounts) != 1 {
		t.Fatal(accounts, err)
	}
	for _, name := range m.names {
		if !slices.Contains(accounts[0].Secrets, name+"-image-push") {
			t.Errorf("%s is not linked: %v", name, accounts[0].Secrets)
		}
	}
}
