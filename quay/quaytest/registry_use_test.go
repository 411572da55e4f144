package quaytest_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/quay/quaytest"
)

// The registry's own token is a password of the robot for an hour, whatever
// becomes of the robot's own, and whichever robot of the name there is.
func TestRegistryTokenIsAPassword(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, quaytest.Options{Now: func() time.Time { return now }})
	w.AddRobot(quaytest.Robot{Name: "acme+a"})
	w.AddRobot(quaytest.Robot{Name: "acme+b"})
	own, _, _ := strings.Cut(strings.TrimPrefix(w.url, "http://"), "/")
	jwt, _ := w.login("acme+a", w.RobotToken("acme+a"), "service="+own).claims(t)
	elsewhere, _ := w.login("acme+a", w.RobotToken("acme+a"), "service=elsewhere").claims(t)
	status := func(account, password string) int { return w.login(account, password, "service="+own).status }

	for why, row := range map[string]struct {
		account, password string
		want              int
	}{
		"its own":                 {"acme+a", jwt, 200},
		"another robot's":         {"acme+b", jwt, 401},
		"for another service":     {"acme+a", elsewhere, 401},
		"with another signature":  {"acme+a", jwt[:len(jwt)-4] + "AAAA", 401},
		"a token of a provider's": {"acme+a", quaytest.OIDCToken(quaytest.Identity{Issuer: "https://i", Subject: "s"}), 401},
	} {
		if got := status(row.account, row.password); got != row.want {
			t.Errorf("%s: %d, want %d", why, got, row.want)
		}
	}
	w.RegenerateToken("acme+a")
	if got := status("acme+a", jwt); got != 200 {
		t.Errorf("after a regeneration: %d", got)
	}
	w.DeleteRobot("acme+a")
	if got := status("acme+a", jwt); got != 401 {
		t.Errorf("after a deletion: %d", got)
	}
	w.AddRobot(quaytest.Robot{Name: "acme+a"})
	if got := status("acme+a", jwt); got != 200 {
		t.Errorf("made again under the name: %d", got)
	}
	if _, ok := w.Granted("acme+a", jwt, "acme/app"); !ok {
		t.Error("the oracle knows less than the registry")
	}
	now = now.Add(time.Hour)
	if got := status("acme+a", jwt); got != 401 {
		t.Errorf("an hour later: %d", got)
	}
}

func TestLastAccessed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, quaytest.Options{Now: func() time.Time { return now }})
	w.AddRobot(quaytest.Robot{Name: "acme+a"})
	w.AddRobot(quaytest.Robot{Name: "acme+never"})
	use := func(password string) { w.login("acme+a", password, scopes("repository:acme/app:pull")) }
	is := func(why, want string) {
		t.Helper()
		for _, path := range []string{"/organization/acme/robots/a", "/organization/acme/robots"} {
			if got := w.do(http.MethodGet, path, ""); !strings.Contains(got.body, `"last_accessed":`+want) {
				t.Errorf("%s: %s", why, got.body)
			}
		}
	}
	is("never", "null")
	w.Granted("acme+a", w.RobotToken("acme+a"), "acme/app")
	is("the oracle asked", "null")
	use("WRONG")
	is("refused", "null")
	w.Configure(quaytest.Config{NoLastAccessed: true})
	use(w.RobotToken("acme+a"))
	is("not kept", "null")
	w.Configure(quaytest.Config{})
	use(w.RobotToken("acme+a"))
	is("used", `"Fri, 27 Nov 2026 12:00:00 -0000"`)
	now = now.Add(59 * time.Second)
	use(w.RobotToken("acme+a"))
	is("used again within a minute", `"Fri, 27 Nov 2026 12:00:00 -0000"`)
	now = now.Add(time.Second)
	use(w.RobotToken("acme+a"))
	is("after a minute", `"Fri, 27 Nov 2026 12:01:00 -0000"`)
	for range 10 { // or it may be chance
		if got := w.robots("acme"); got[0].Name != "acme+never" {
			t.Fatalf("the list begins with %s, and PostgreSQL's with what was never used", got[0].Name)
		}
	}
	if got := w.do(http.MethodGet, "/organization/acme/robots", "").header.Get("Date"); got != "Fri, 27 Nov 2026 12:01:00 GMT" {
		t.Errorf("the answer is of %s", got)
	}
}

// The oracle and the route are one code: in random states they say the same.
func TestOracleIsTheRegistry(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	w := registryWorld(t)
	robots := []string{"acme+read", "acme+write", "acme+admin", "acme+none", "acme+owner", "acme+member"}
	repositories := []string{"acme/app/api", "acme/private", "acme/public"}
	for range 500 {
		robot, repository := pick(robots...), pick(repositories...)
		switch random.IntN(7) {
		case 0:
			w.SetPermission(repository, robot, pick("read", "write", "admin"))
		case 1:
			w.RemovePermission(repository, robot)
		case 2:
			w.SetTeamPermission(repository, pick("devs", "makers"), pick("read", "write", "admin"))
		case 3:
			w.AddToTeam("acme", pick("devs", "owners"), robot)
		case 4:
			w.RemoveFromTeam("acme", pick("devs", "owners"), robot)
		case 5:
			w.SetState(repository, pick("NORMAL", "NORMAL", "READ_ONLY", "MIRROR", "ORG_MIRROR"))
		case 6:
			w.SetVisibility(repository, random.IntN(2) == 0)
		}
		robot, repository = pick(robots...), pick(repositories...)
		want, ok := w.Granted(robot, w.RobotToken(robot), repository)
		_, c := w.login(robot, w.RobotToken(robot), scopes("repository:"+repository+":*,pull,push")).claims(t)
		if !ok || !slices.Equal(c.Access[0].Actions, want) {
			t.Fatalf("%s on %s: the registry says %q, the oracle %q, %v", robot, repository, c.Access[0].Actions, want, ok)
		}
	}
}

func BenchmarkGranted(b *testing.B) {
	s := quaytest.New(quaytest.Options{})
	s.AddUser("alice")
	s.AddOrganization("acme", "alice")
	s.AddRepository(quaytest.Repository{Name: "acme/app/api"})
	s.AddRobot(quaytest.Robot{Name: "acme+write", Permissions: map[string]string{"acme/app/api": "write"}})
	token := s.RobotToken("acme+write")
	b.ReportAllocs()
	for b.Loop() {
		if got, ok := s.Granted("acme+write", token, "acme/app/api"); !ok || len(got) != 2 {
			b.Fatal(got, ok)
		}
	}
}
