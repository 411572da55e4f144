package component

import (
	"regexp"
	"strings"
	"testing"

	"berth/kube"
)

func TestLabelValues(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{
		"a", strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 253),
		strings.Repeat("a", 45) + "." + strings.Repeat("a", 40), strings.Repeat("a", 44) + "--" + strings.Repeat("a", 40),
	} {
		value := labelValue(name)
		if !validLabel.MatchString(value) {
			t.Errorf("label value %q of %q is not valid", value, name)
		}
		if other, ok := seen[value]; ok {
			t.Errorf("%q and %q have one label value", name, other)
		}
		seen[value] = name
		if len(name) <= 63 && value != name {
			t.Errorf("label value %q of %q, want it as it is", value, name)
		}
	}
}

func TestParseMark(t *testing.T) {
	t.Parallel()
	naming := someNaming()
	n, _ := naming.Names(new(componentOf("tenant", "api")), "uid")
	long, _ := naming.Names(new(componentOf(strings.Repeat("n", 63), strings.Repeat("c", 191))), "uid")
	key := naming.KeyHash(Key{"tenant", "api"})
	for _, row := range []struct {
		why, description string
		marked, ours     bool
	}{
		{"a repository's", n.Mark, true, true},
		{"a robot's", n.Push.Mark, true, true},
		{"its readable end was cut, so the cluster is open", long.Push.Mark, true, false},
		{"of another cluster", "berth/1 key=" + Hash(26, "key", "cluster-2", "tenant", "api") + " uid=x push tenant/api", true, false},
		{"the readable end alone proves nothing", "berth/1 key=" + strings.Repeat("a", 26) + " uid=x push tenant/api", true, false},
		{"nothing", "", false, false},
		{"a person's words", "robot of the build team", false, false},
		{"another version's", strings.Replace(n.Mark, "berth/1", "berth/2", 1), false, false},
		{"the prefix alone", "berth/1 ", false, false},
		{"no second field", "berth/1 key=" + key, false, false},
		{"a key too short", "berth/1 key=" + key[1:] + " x tenant/api", false, false},
		{"a key too long", "berth/1 key=" + key + "a x tenant/api", false, false},
		{"something before it", " " + n.Mark, false, false},
	} {
		m, marked := ParseMark(row.description)
		if marked != row.marked || marked && naming.Ours(m) != row.ours {
			t.Errorf("%s: marked %v, ours %v; want %v, %v", row.why, marked, naming.Ours(m), row.marked, row.ours)
		}
	}
}

var (
	// Quay's rule for robots (util/validation.py:13), and the stricter one that
	// every version and every client agrees on.
	validRobot  = regexp.MustCompile(`\A[a-z][a-z0-9_]{1,254}\z`)
	validSecret = regexp.MustCompile(`\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z`)
	validLabel  = regexp.MustCompile(`\A[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\z`)
	validPath   = regexp.MustCompile(`\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+\z`)
)

// checkNames holds names to the bounds of those who must accept them.
func checkNames(t *testing.T, c kube.Component, n Names) {
	t.Helper()
	if len(n.Repository) > 255 || !validPath.MatchString(n.Repository) {
		t.Errorf("repository %q of %q", n.Repository, KeyOf(&c))
	}
	if len(n.Mark) > 255 {
		t.Errorf("the mark of %q has %d characters", n.Repository, len(n.Mark))
	}
	for _, a := range n.Accounts() {
		if !validRobot.MatchString(a.Robot) || strings.Contains(a.Robot, "__") || strings.HasSuffix(a.Robot, "_") {
			t.Errorf("robot %q of %q", a.Robot, KeyOf(&c))
		}
		if len(a.Mark) > 255 {
			t.Errorf("the mark of %q has %d characters", a.Robot, len(a.Mark))
		}
		if len(a.Secret) > 253 || !validSecret.MatchString(a.Secret) {
			t.Errorf("Secret %q of %q", a.Secret, KeyOf(&c))
		}
		if m, ok := ParseMark(a.Mark); !ok || m.Key != someNaming().KeyHash(KeyOf(&c)) {
			t.Errorf("the mark of %q does not lead back to %q", a.Robot, KeyOf(&c))
		}
	}
	for name, value := range Labels(&c) {
		if !validLabel.MatchString(value) {
			t.Errorf("label %s=%q of %q", name, value, KeyOf(&c))
		}
	}
}

// claimsOf lists what no other Component may have.
func claimsOf(c kube.Component, n Names) []string {
	claims := []string{"repository " + n.Repository, "mark " + n.Mark}
	for _, a := range n.Accounts() {
		claims = append(claims, "robot "+a.Robot, "Secret "+c.Namespace+"/"+a.Secret, "mark "+a.Mark)
	}
	return claims
}

func FuzzNames(f *testing.F) {
	for _, row := range hostile {
		f.Add(row.namespace, row.name, "shop", "uid", "")
	}
	f.Add("a", "b\n", "x/y", "", "p/permissions")
	f.Fuzz(func(t *testing.T, namespace, name, application, uid, prefix string) {
		c := kube.Component{Namespace: namespace, Name: name, Application: application, UID: uid}
		naming := someNaming()
		naming.Prefix = prefix
		for _, naming.Layout = range []Layout{LayoutComponent, LayoutApplication} {
			n, err := naming.Names(&c, "uid")
			if err != nil {
				if n != (Names{}) {
					t.Errorf("names in spite of the error: %+v", n)
				}
				continue
			}
			checkNames(t, c, n)
		}
	})
}

func FuzzParseMark(f *testing.F) {
	n, _ := someNaming().Names(new(componentOf("tenant", "api")), "uid")
	for _, seed := range []string{n.Mark, n.Push.Mark, "", "berth/1 ", "berth/1 key= /", "berth/1 key=\x00 \xff/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, description string) {
		m, ok := ParseMark(description)
		if ok && (len(m.Key) != 26 || !strings.HasPrefix(description, markPrefix+"key="+m.Key)) {
			t.Errorf("key %q from %q", m.Key, description)
		}
		if !ok && m != (Mark{}) {
			t.Errorf("%+v from what is no mark: %q", m, description)
		}
		if ok && someNaming().Ours(m) && m.Key != someNaming().KeyHash(m.Component) {
			t.Errorf("%q counts as this cluster's", description)
		}
	})
}
