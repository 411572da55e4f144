package gitsource

import (
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	rows := []struct {
		address string
		want    string // what is asked, or the refusal's reason
		why     string
	}{
		{"https://github.com/org/repo", "https://github.com/org/repo", "as it is"},
		{"https://github.com/org/repo.git", "https://github.com/org/repo.git", "the suffix stays"},
		{"HTTPS://GitHub.COM/Org/Repo", "https://github.com/Org/Repo", "case counts in the path only"},
		{"https://github.com./org/repo", "https://github.com/org/repo", "the root of the name"},
		{"https://github.com:443/org/repo///", "https://github.com/org/repo", "the port and slashes that change nothing"},
		{"https://github.com:/org/repo", "https://github.com/org/repo", "an empty port"},
		{"https://github.com", "https://github.com", "a repository at the root"},
		{"https://git.example/a%2Fb/c%20d/~e", "https://git.example/a%2Fb/c%20d/~e", "percent-encoding stays"},
		{"https://git.example/äö", "https://git.example/%C3%A4%C3%B6", "as git would send it"},
		{"https://xn--mnchen-3ya.example/a", "https://xn--mnchen-3ya.example/a", "an internationalised name, spelled in ASCII"},
		{"https://my_git.example/a..b/...", "https://my_git.example/a..b/...", "dots that are names"},
		{"https://9.9.9.9/a", "https://9.9.9.9/a", "a public address"},
		{"https://[2620:FE:0::9]/a", "https://[2620:fe::9]/a", "a public address, IPv6"},

		{"", noAddress.Reason, "nothing"},
		{"https://git.example/" + strings.Repeat("a", maxAddress), tooLong.Reason, "2,048 bytes are enough"},
		{"https://git.example/a\nb", badCharacters.Reason, "a line feed"},
		{"https://git.example/a b", badCharacters.Reason, "a space"},
		{"https://git.example/a\u202eb", badCharacters.Reason, "text that runs backwards"},
		{"https://git.example/\xff", badCharacters.Reason, "no UTF-8"},
		{`C:\repositories\a`, badCharacters.Reason, "a path of Windows"},
		{"git@github.com:org/repo.git", needsKey.Reason, "ssh, as git writes it"},
		{"github.com:org/repo.git", needsKey.Reason, "ssh without a user"},
		{"ssh://git@github.com/org/repo", needsKey.Reason, "ssh"},
		{"git+ssh://git@github.com/org/repo", needsKey.Reason, "ssh by another name"},
		{"http://github.com/org/repo", inTheClear.Reason, "http"},
		{"git://github.com/org/repo", notHTTPS.Reason, "git's own protocol"},
		{"ftp://github.com/org/repo", notHTTPS.Reason, "another protocol"},
		{"file:///srv/repo", notHTTPS.Reason, "a file"},
		{"/srv/ssh/repo", notHTTPS.Reason, "a path"},
		{"../repo", notHTTPS.Reason, "a path"},
		{"github.com/org/repo", notHTTPS.Reason, "no scheme"},
		{"https://git.example/%zz", badAddress.Reason, "broken percent-encoding"},
		{"https://git.example:x/a", badAddress.Reason, "a port that is none"},
		{"https://user@git.example/a", hasUser.Reason, "a user"},
		{"https://user:token@git.example/a", hasUser.Reason, "a credential"},
		{"https://git.example:8443/a", otherPort.Reason, "another port"},
		{"https://git.example/a?b", hasQuery.Reason, "a query"},
		{"https://git.example/a?", hasQuery.Reason, "an empty query"},
		{"https://git.example/a#main", hasQuery.Reason, "a fragment"},
		{"https://git.example/a/../b", badPath.Reason, "a step up"},
		{"https://git.example/a/%2e%2E/b", badPath.Reason, "a step up, encoded"},
		{"https://git.example/a%2f..%2fb", badPath.Reason, "a step up between encoded slashes"},
		{"https://git.example/./a", badPath.Reason, "a step nowhere"},
		{"https://git.example/a%5c..%5cb", badPath.Reason, "encoded backslashes"},
		{"https://git.example/a%0d%0ab", badPath.Reason, "an encoded line end"},
		{"https://münchen.example/a", badHost.Reason, "an internationalised name"},
		{"https://\u212Aernel.example/a", badHost.Reason, "a Kelvin sign, whose lower case is ASCII"},
		{"https://git..example/a", badHost.Reason, "an empty label"},
		{"https://git.example../a", badHost.Reason, "two roots"},
		{"https://" + strings.Repeat("a", 64) + ".example/a", badHost.Reason, "a long label"},
		{"https://" + strings.Repeat("a.", 127) + "example/a", badHost.Reason, "a long name"},
		{"https://git.example,evil.example/a", badHost.Reason, "a comma"},
		{"https://[fe80::1%25eth0]/a", badHost.Reason, "a zone"},
		{"https:///a", badHost.Reason, "no host"},
		{"https://", badHost.Reason, "nothing at all"},
	}
	p := New(Options{Transport: http.DefaultTransport})
	for _, row := range rows {
		r, refusal := p.classify(row.address)
		got := r.String()
		if refusal != nil {
			got = refusal.Reason
		}
		if got != row.want {
			t.Errorf("%q (%s): %q, want %q", row.address, row.why, got, row.want)
		}
	}
}

func TestListedHosts(t *testing.T) {
	t.Parallel()
	hosts := []string{"GitHub.com.", "*.corp.example", "10.0.0.5", "[fd00::5]", "bad host", "*", "*.", "git.*"}
	p := New(Options{Hosts: hosts, Transport: transportFunc(func(*http.Request) (*http.Response, error) { return ok(), nil })})
	for address, want := range map[string]Verdict{
		"https://github.com/a":                public,
		"https://GITHUB.com.:443/a":           public,
		"https://git.corp.example/a":          public,
		"https://a.b.corp.example/a":          public,
		"https://10.0.0.5/a":                  public,
		"https://[fd00::5]/a":                 public,
		"https://corp.example/a":              hostNotAllowed,
		"https://evilcorp.example/a":          hostNotAllowed,
		"https://www.github.com/a":            hostNotAllowed,
		"https://github.com.evil.example/a":   hostNotAllowed,
		"https://10.0.0.6/a":                  hostNotAllowed,
		"https://git.example/a":               hostNotAllowed,
		"https://127.0.0.1/a":                 hostNotAllowed,
		"http://github.com/a":                 inTheClear,
		"https://user@github.com/a":           hasUser,
		"https://github.com:8443/a":           otherPort,
		"https://github.com/a/../b":           badPath,
		"https://github.com@git.example/a":    hasUser,
		"https://git.corp.example%00.evil/ab": badAddress,
	} {
		if got := p.Probe(t.Context(), address); got != want {
			t.Errorf("%s: %+v, want %+v", address, got, want)
		}
	}
	none := New(Options{Hosts: []string{"not a host"}, Transport: transportFunc(nil)})
	if got := none.Probe(t.Context(), "https://github.com/a"); got != hostNotAllowed {
		t.Errorf("a list of nothing that can match: %+v", got)
	}
}

// Addresses that git treats alike are one; the spelling of a spelling is itself.
func TestNormalisation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.StringMatching(`[a-z0-9_-]{1,20}(\.[a-z0-9-]{1,20}){0,3}\.[a-z]{1,10}`).Draw(t, "host")
		path := rapid.StringMatching(`(/[A-Za-z0-9_~%äß+=,;:!@$&'()*-]{1,20}){0,4}`).Draw(t, "path")
		r, refusal := normalise("https://" + host + path)
		if refusal != nil {
			return
		}
		spelling := rapid.SampledFrom([]string{"https://", "HTTPS://", "hTTps://"}).Draw(t, "scheme") +
			rapid.SampledFrom([]string{host, strings.ToUpper(host), strings.ToTitle(host[:1]) + host[1:]}).Draw(t, "spelling") +
			rapid.SampledFrom([]string{"", ".", ":443", ".:443", ":"}).Draw(t, "port") + path +
			rapid.SampledFrom([]string{"", "/", "//"}).Draw(t, "slashes")
		if other, refusal := normalise(spelling); refusal != nil || other != r {
			t.Fatalf("%q is %q, and %q is %q (%v)", host+path, r, spelling, other, refusal)
		}
		if again, refusal := normalise(r.String()); refusal != nil || again != r {
			t.Fatalf("%q becomes %q (%v)", r, again, refusal)
		}
	})
}

func FuzzClassify(f *testing.F) {
	for _, row := range hostile {
		f.Add(row.address)
	}
	for _, address := range []string{
		"https://github.com/org/repo.git", "HTTPS://GitHub.COM.:443//a%2Fb//", "git@github.com:org/repo", "https://[2620:fe::9]:443/a",
	} {
		f.Add(address)
	}
	p := New(Options{Transport: http.DefaultTransport})
	f.Fuzz(func(t *testing.T, address string) {
		r, refusal := p.classify(address)
		if refusal != nil {
			if refusal.Answer != Private {
				t.Fatalf("%q is refused as %+v", address, refusal)
			}
			return
		}
		if again, refusal := p.classify(r.String()); refusal != nil || again != r {
			t.Fatalf("%q becomes %q, and then %q (%v)", address, r, again, refusal)
		}
		// What net/http makes of it is what was classified.
		u, err := url.Parse(r.refs())
		if err != nil || u.Scheme != "https" || u.Host != r.host || u.User != nil || u.Fragment != "" || u.RawQuery != "service=git-upload-pack" {
			t.Fatalf("%q is asked as %q: %v", address, r.refs(), err)
		}
		if strings.Contains(u.Path+"/", "/../") || !strings.HasPrefix(u.EscapedPath(), r.path) {
			t.Fatalf("%q is asked as %q", address, u.Path)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && (!ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is4In6()) {
			t.Fatalf("%q is asked at %v", address, ip)
		}
	})
}

// A reason becomes part of a row in a plan.
func TestReasonsAreShortClauses(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("verdict.go")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := regexp.MustCompile(`Verdict\{(Public|Private|Unknown), "(.*)", (""|[A-Z][a-z]+)\}`).FindAllSubmatch(source, -1)
	plain := regexp.MustCompile(`^[a-z][a-zA-Z0-9', ]{10,79}$`)
	seen := map[string]bool{}
	for _, v := range verdicts {
		reason := string(v[2])
		if !plain.MatchString(reason) || seen[reason] {
			t.Errorf("%q", reason)
		}
		seen[reason] = true
		if (string(v[3]) == `""`) == (string(v[1]) == "Private") {
			t.Errorf("%q is %s, refused by %s", reason, v[1], v[3])
		}
	}
	if len(verdicts) < 30 {
		t.Errorf("only %d verdicts were found", len(verdicts))
	}
}
