package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"berth/kube"
	"berth/kube/kubetest"
)

// locksmith has a simulated cluster in which time is the test's own.
type locksmith struct {
	*kubetest.Server
	client *kube.Client
	down   atomic.Bool // connections are refused
	silent atomic.Bool // nothing answers
}

func newLocksmith(t *testing.T) *locksmith {
	t.Helper()
	s := &locksmith{Server: kubetest.New(kubetest.Options{})}
	s.AddUser("bearer-word", "admin", true)
	s.client = client(t, func(req *http.Request) *http.Response {
		if s.down.Load() {
			return nil
		}
		if s.silent.Load() {
			<-req.Context().Done()
			return nil
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		return w.Result()
	})
	return s
}

func (s *locksmith) lock(ctx context.Context, holder string, wait time.Duration) (*kube.Lock, error) {
	return s.client.Lock(ctx, kube.LockOptions{Namespace: "berth", Holder: holder, Wait: wait})
}

func (s *locksmith) must(t *testing.T, holder string) *kube.Lock {
	t.Helper()
	l, err := s.lock(t.Context(), holder, 0)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *locksmith) holder() string {
	spec, _ := s.Object("leases", "berth", "berth")["spec"].(map[string]any)
	holder, _ := spec["holderIdentity"].(string)
	return holder
}

// give writes a Lease as another holder would, renewed a while ago.
func (s *locksmith) give(holder string, ago time.Duration) {
	s.Apply(fmt.Appendf(nil, `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: berth, namespace: berth},
		spec: {holderIdentity: %q, leaseDurationSeconds: 60, acquireTime: "2026-03-16T12:07:00.000000Z", renewTime: %q}}`,
		holder, time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000000Z")))
}

func release(t *testing.T, l *kube.Lock) {
	t.Helper()
	if err := l.Release(context.Background()); err != nil {
		t.Error(err)
	}
}

func lost(l *kube.Lock) bool {
	synctest.Wait()
	select {
	case <-l.Lost():
		return true
	default:
		return false
	}
}

func TestALockIsRenewedUntilItIsReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newLocksmith(t)
		l := s.must(t, "a")
		<-time.After(time.Hour)
		start := time.Now()
		var held *kube.HeldError
		if _, err := s.lock(t.Context(), "b", 0); !errors.As(err, &held) || held.Holder != "a" || time.Since(held.Since).Round(time.Second) != time.Hour {
			t.Errorf("after an hour another got %v", err)
		}
		if time.Since(start) > 0 {
			t.Error("it took time to say so")
		}
		release(t, l)
		if lost(l) || s.holder() != "" {
			t.Errorf("lost: %t, the holder is %q", lost(l), s.holder())
		}
		release(t, s.must(t, "b"))
	})
}

func TestWhoGetsALockThatWasLeft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason    string
		ago, wait time.Duration
		err       bool
		took      time.Duration
	}{
		{"renewed lately", 50 * time.Second, 0, true, 0},
		{"its holder died", 61 * time.Second, 0, false, 0},
		{"it expires while it is waited for", 50 * time.Second, 30 * time.Second, false, 20 * time.Second},
		{"the wait ends first", 0, 15 * time.Second, true, 15 * time.Second},
		{"a clock far ahead wrote it, but nobody renews it", -24 * time.Hour, 2 * time.Minute, false, 70 * time.Second},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newLocksmith(t)
				s.give("a", test.ago)
				start := time.Now()
				l, err := s.lock(t.Context(), "b", test.wait)
				if took := time.Since(start); (err != nil) != test.err || took != test.took {
					t.Errorf("%v after %s", err, took)
				}
				if err == nil {
					release(t, l)
				}
			})
		})
	}
}

func TestWhenALockIsLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		happen func(*locksmith)
		after  time.Duration
		lost   bool
	}{
		{"another has written itself in", func(s *locksmith) { s.give("b", 0) }, 10 * time.Second, true},
		{"somebody deleted the Lease", func(s *locksmith) { s.Delete("leases", "berth", "berth") }, time.Hour, false},
		{"somebody touched the Lease", func(s *locksmith) { s.give("a", 0) }, time.Hour, false},
		{"the cluster is away for a while", func(s *locksmith) { s.down.Store(true); time.AfterFunc(25*time.Second, func() { s.down.Store(false) }) }, time.Hour, false},
		{"the cluster is away, not long enough to tell", func(s *locksmith) { s.down.Store(true) }, 39 * time.Second, false},
		{"the cluster is away for good", func(s *locksmith) { s.down.Store(true) }, 51 * time.Second, true},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newLocksmith(t)
				l := s.must(t, "a")
				test.happen(s)
				<-time.After(test.after)
				if got := lost(l); got != test.lost {
					t.Errorf("lost: %t", got)
				}
				s.down.Store(false)
				before := s.holder()
				release(t, l)
				if want := map[string]string{"a": "", "b": "b"}[before]; s.holder() != want {
					t.Errorf("the holder is %q, want %q", s.holder(), want)
				}
			})
		})
	}
}

// TestALockNeverDelaysTheEnd although the cluster does not answer any more.
func TestALockNeverDelaysTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newLocksmith(t)
		l := s.must(t, "a")
		s.silent.Store(true)
		start := time.Now()
		if err := l.Release(context.Background()); err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.lock(ctx, "b", time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended wait gave %v", err)
		}
	})
}
