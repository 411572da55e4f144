package kubetest_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"berth/kube"
)

func (f *fixture) lock(name, holder string) (*kube.Lock, error) {
	f.Helper()
	return f.client(kube.Options{Config: f.config(f.T, "admin")}).Lock(f.Context(), kube.LockOptions{Namespace: f.ns, Name: name, Holder: holder})
}

// holder is whose the Lease is, "" for nobody's.
func (f *fixture) holder(name string) string {
	f.Helper()
	spec, _ := f.object(f.T, "leases", f.ns, name)["spec"].(map[string]any)
	holder, _ := spec["holderIdentity"].(string)
	return holder
}

func testLock(f *fixture) {
	first, err := f.lock("l", "pod-1:run")
	f.no(err)
	if got := f.holder("l"); got != "pod-1:run" {
		f.Errorf("the holder is %q", got)
	}
	_, err = f.lock("l", "pod-2:run")
	var held *kube.HeldError
	if !errors.As(err, &held) || held.Holder != "pod-1:run" || time.Since(held.Since) > time.Hour {
		f.Errorf("a second one got %v", err)
	}
	f.no(first.Release(f.Context()))
	if got := f.holder("l"); got != "" {
		f.Errorf("the holder is %q after the release", got)
	}
	second, err := f.lock("l", "pod-2:run")
	f.no(err)
	f.given(`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: l, namespace: NS}, spec: {holderIdentity: "pod-3:run"}}`)
	f.no(second.Release(f.Context()))
	if got := f.holder("l"); got != "pod-3:run" {
		f.Errorf("the holder is %q after somebody else's release", got)
	}
	// As the shipped ServiceAccount: the one Lease that it may write.
	mine, err := f.Lock(f.Context(), kube.LockOptions{Namespace: "berth", Holder: "pod-1:run", Note: func() string { return "for the next" }})
	f.no(err)
	f.no(mine.Release(f.Context()))
	next, err := f.Lock(f.Context(), kube.LockOptions{Namespace: "berth", Holder: "pod-2:run"})
	f.no(err)
	if mine.Note() == "for the next" || next.Note() != "for the next" {
		f.Errorf("the first holder found %q, the next one %q", mine.Note(), next.Note())
	}
	f.no(next.Release(f.Context()))
	_, err = f.Lock(f.Context(), kube.LockOptions{Namespace: "berth", Name: "other", Holder: "pod-1:run"})
	f.is(err, kube.ErrForbidden)
	_, err = f.Lock(f.Context(), kube.LockOptions{Namespace: f.ns, Holder: "pod-1:run"})
	f.is(err, kube.ErrForbidden)

	// Of many at once, one gets it.
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			lock, err := f.lock("race", fmt.Sprintf("pod-%d:run", i))
			switch {
			case err == nil:
				won.Add(1)
				f.Cleanup(func() { _ = lock.Release(f.Context()) })
			case !errors.As(err, new(*kube.HeldError)):
				f.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		f.Errorf("%d hold the lock", won.Load())
	}
}

// testLeases has what the lock rests on, and what client-go's own leader election
// would send.
func testLeases(f *fixture) {
	const path = "/apis/coordination.k8s.io/v1/namespaces/NS/leases"
	const body = `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"l"},` +
		`"spec":{"holderIdentity":"a","leaseDurationSeconds":60,"acquireTime":"2026-03-16T12:07:00.000000Z","renewTime":"2026-03-16T12:07:00.000000Z"}}`
	stale := strings.Replace(body, `"name":"l"`, `"name":"l","resourceVersion":"1"`, 1)
	config := rest.CopyConfig(f.config(f.T, "admin"))
	client, err := rest.HTTPClientFor(config)
	f.no(err)
	for _, row := range []rawRow{
		{"a Lease", "POST", path, form, body, 201, ""},
		{"again", "POST", path, form, body, 409, `leases.coordination.k8s.io "l" already exists`},
		{"a stale update", "PUT", path + "/l", form, stale, 409, `Operation cannot be fulfilled on leases.coordination.k8s.io "l": ` + moved},
		{"a stale patch", "PATCH", path + "/l", mergeForm, `{"metadata":{"resourceVersion":"1"},"spec":{"holderIdentity":"b"}}`, 409, `Operation cannot be fulfilled on leases.coordination.k8s.io "l": ` + moved},
		{"for no time", "PATCH", path + "/l", mergeForm, `{"spec":{"leaseDurationSeconds":0}}`, 422, `Lease.coordination.k8s.io "l" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0`},
		{"without a holder", "PATCH", path + "/l", mergeForm, `{"spec":{"holderIdentity":null}}`, 200, ""},
		{"none", "GET", path + "/none", "", "", 404, `leases.coordination.k8s.io "none" not found`},
	} {
		send(f.T, client, config.Host, f.ns, row)
	}
	if got := f.holder("l"); got != "" {
		f.Errorf("the holder is %q", got)
	}
}
