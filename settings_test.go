package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// canary stands where a value is wrong: none may ever be repeated, for it may be
// a credential that was put in the wrong place.
const canary = "CANARY value!"

// badSettings is a value that each setting refuses; "" where any text will do.
var badSettings = map[string]string{
	"QUAY_URL": canary, "QUAY_ORG": canary, "QUAY_TOKEN_FILE": canary, "QUAY_CREDENTIALS_DIR": "", "QUAY_CA_FILE": canary, "IMAGE_HOST": canary,
	"QUAY_QPS": canary, "QUAY_BURST": canary, "KUBECONFIG": canary, "CONTEXT": canary, "KUBE_QPS": canary, "KUBE_BURST": canary,
	"NAMESPACE": canary, "SELECTOR": canary, "DRY_RUN": canary, "DETAILED_EXITCODE": canary, "YES": canary, "ROTATE": canary, "ROTATE_GRACEFULLY": canary,
	"ROTATION_OVERLAP": canary, "MAX_TOKEN_AGE": canary,
	"VISIBILITY": canary, "ALLOW_PUBLISH": canary, "ADOPT": canary, "ADOPT_GRACE": canary, "RELEASE": canary, "PRUNE": canary, "PRUNE_AFTER": canary, "PUSH_SERVICE_ACCOUNT": canary, "NO_CONTAINER_IMAGE": canary,
	"REMOTE_SECRETS": canary, "PULL_SERVICE_ACCOUNT": canary, "NAMESPACE_PULL_SECRET": canary,
	"CLUSTER_ID": "", "TAKE_OVER_FROM": "", "REPOSITORY_LAYOUT": canary, "REPOSITORY_PREFIX": canary, "MAX_CHANGE_RATIO": canary,
	"MAX_ROTATIONS": canary, "FORCE": canary, "CONCURRENCY": canary, "TIMEOUT": canary, "OUTPUT": canary,
	"LOG_LEVEL": canary, "LOG_FORMAT": canary, "COLOR": canary, "NO_PROGRESS": canary, "PLAN": canary, "DEMO": canary,
	"LOCK_NAMESPACE": canary, "LOCK_TIMEOUT": canary, "SHARD_COUNT": canary, "SHARD_INDEX": canary,
	"METRICS_FILE": canary + "/none/x", "REPORT": canary + "/none/x", "METRICS_PUSH_URL": canary,
	"SOURCE_HOSTS": canary + "/x", "SOURCE_CA_FILE": canary, "SOURCE_PROXY": canary,
}

func TestABadValueIsBlamedByNameAndNotRepeated(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	for _, f := range fields() {
		bad, known := badSettings[f.env]
		if !known {
			t.Errorf("setting %s is missing from this test", f.env)
		}
		if bad == "" {
			continue
		}
		t.Run(f.env, func(t *testing.T) {
			t.Parallel()
			typed := p.run(t, flagName(f.env)+"="+bad).must(t, 78)
			set := p.run(t, envPrefix+f.env+"="+bad).must(t, 78)
			for name, r := range map[string]result{flagName(f.env): typed, envPrefix + f.env: set} {
				if strings.Contains(r.stdout+r.stderr, "CANARY") {
					t.Errorf("the value is repeated:\n%s", r.stderr)
				}
				if !strings.Contains(r.stderr, "  "+name+"  ") || !strings.Contains(r.stderr, "1 problem ") {
					t.Errorf("it is not %s alone that is blamed:\n%s", name, r.stderr)
				}
			}
		})
	}
	if p.wrote() > 0 || p.quay.Total() > 0 {
		t.Error("Quay or the cluster was asked something")
	}
}

func TestBoundsOfSettings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, key, value string
		ok                 bool
	}{
		{"the least", "CONCURRENCY", "1", true},
		{"the most", "CONCURRENCY", "64", true},
		{"below", "CONCURRENCY", "0", false},
		{"above", "CONCURRENCY", "65", false},
		{"no whole number", "CONCURRENCY", "1.5", false},
		{"a share", "MAX_CHANGE_RATIO", "1", true},
		{"none at all is a guard too", "MAX_CHANGE_RATIO", "0", true},
		{"more than all", "MAX_CHANGE_RATIO", "1.01", false},
		{"not a number compares with nothing", "MAX_CHANGE_RATIO", "NaN", false},
		{"what Quay allows", "QUAY_QPS", "auto", true},
		{"a call in ten seconds", "QUAY_QPS", "0.1", true},
		{"none is no ceiling", "QUAY_QPS", "0", false},
		{"less than a call in ten seconds", "QUAY_QPS", "0.09", false},
		{"not a number is no ceiling", "QUAY_QPS", "NaN", false},
		{"the cluster's is not found", "KUBE_QPS", "auto", false},
		{"a minute", "TIMEOUT", "1m", true},
		{"no time", "TIMEOUT", "0s", false},
		{"no unit", "TIMEOUT", "10", false},
		{"less than nothing", "TIMEOUT", "-1m", false},
		{"a day", "PRUNE_AFTER", "24h", true},
		{"less than the day that a quarantine is noted by", "PRUNE_AFTER", "23h", false},
		{"not to wait for a lock", "LOCK_TIMEOUT", "0s", true},
		{"to wait for a lock", "LOCK_TIMEOUT", "2m", true},
		{"to wait less than not", "LOCK_TIMEOUT", "-1s", false},
		{"to delete robots", "PRUNE", "robots", true},
		{"to delete repositories", "PRUNE", "repositories", false},
		{"a namespace", "LOCK_NAMESPACE", "berth", true},
		{"a namespace is no path", "LOCK_NAMESPACE", "berth/locks", false},
		{"as many shards as there may be", "SHARD_COUNT", "64", true},
		{"no shard", "SHARD_COUNT", "0", false},
		{"too many shards", "SHARD_COUNT", "65", false},
		{"the only one's index", "SHARD_INDEX", "0", true},
		{"an index is below the count", "SHARD_INDEX", "1", false},
		{"less than nothing", "SHARD_INDEX", "-1", false},
		{"a file in this folder", "METRICS_FILE", "berth.prom", true},
		{"a file in no folder", "METRICS_FILE", "none/berth.prom", false},
		{"a page in this folder", "REPORT", "berth-{shard}.html", true},
		{"a folder is no page", "REPORT", ".", false},
		{"a device is not to be replaced", "REPORT", "/dev/null", false},
		{"nor by metrics", "METRICS_FILE", "/dev/null", false},
		{"a gateway", "METRICS_PUSH_URL", "http://pushgateway.monitoring:9091", true},
		{"a gateway with a login, below a path", "METRICS_PUSH_URL", "https://user:word@gateway.example.com/push", true},
		{"a gateway without its scheme", "METRICS_PUSH_URL", "pushgateway:9091", false},
		{"what a push has no place for", "METRICS_PUSH_URL", "http://pushgateway:9091/?job=x", false},
		{"a choice", "OUTPUT", "json", true},
		{"choices are spelt as told", "OUTPUT", "JSON", false},
		{"deletion is not offered", "PRUNE", "delete", false},
		{"set-based selectors work", "SELECTOR", "app in (a,b),tier!=test", true},
		{"an operator without a value", "SELECTOR", "app in", false},
		{"a git host", "SOURCE_HOSTS", "git.example.com,*.example.org", true},
		{"a git host is no URL", "SOURCE_HOSTS", "https://git.example.com", false},
		{"a proxy", "SOURCE_PROXY", "http://proxy.example.com:3128", true},
		{"a proxy without its scheme", "SOURCE_PROXY", "proxy.example.com:3128", false},
		{"a registry behind a short name, whose images have none", "QUAY_URL", "https://quay-app", false},
		{"a host of images", "IMAGE_HOST", "quay.example.com:8443", true},
		{"a host of images is no URL", "IMAGE_HOST", "https://quay.example.com", false},
		{"a prefix of two parts", "REPOSITORY_PREFIX", "team/a", true},
		{"a prefix cannot leave the organization", "REPOSITORY_PREFIX", "../other", false},
	} {
		t.Run(test.key+"="+test.value, func(t *testing.T) {
			t.Parallel()
			_, wrong := load(t, map[string]string{envPrefix + test.key: test.value})
			if ok := len(wrong) == 0; ok != test.ok {
				t.Errorf("accepted: %t, want %t (%s)", ok, test.ok, test.reason)
			}
		})
	}
}

// load reads settings of which the required ones are given.
func load(t *testing.T, env map[string]string, args ...string) (settings, problems) {
	t.Helper()
	given := map[string]string{"BERTH_QUAY_ORG": testOrg, "BERTH_QUAY_TOKEN": oauthToken}
	maps.Copy(given, env)
	flags, values := newFlags()
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return loadSettings(values, flags.Args(), environ(given))
}

// A run begins by reading them: once, and into the struct that it works with.
func TestReadingSettingsCostsLittle(t *testing.T) {
	const most = 400 // some five for each setting
	_, flags := newFlags()
	given := environ{"BERTH_QUAY_ORG": testOrg, "BERTH_QUAY_TOKEN": oauthToken}
	if n := testing.AllocsPerRun(10, func() { _, _ = loadSettings(flags, nil, given) }); n > most {
		t.Errorf("%.0f allocations to read the settings, more than %d", n, most)
	}
}

func TestFlagBeatsEnvironmentBeatsFilesBeatsDefault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"quayapiurl": "https://files.example.com/api/v1\n", "organization": "files", "quaytoken": "files"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		reason   string
		env      map[string]string
		args     []string
		url, org string
		token    string
	}{
		{"default", nil, nil, "https://quay.io", testOrg, oauthToken},
		{"files", map[string]string{"BERTH_QUAY_ORG": "", "BERTH_QUAY_TOKEN": ""}, []string{"--quay-credentials-dir", dir}, "https://files.example.com/api/v1", "files", "files"},
		{
			"environment",
			map[string]string{"BERTH_QUAY_URL": "https://env.example.com", "BERTH_QUAY_CREDENTIALS_DIR": dir},
			nil, "https://env.example.com", testOrg, oauthToken,
		},
		{
			"flag",
			map[string]string{"BERTH_QUAY_URL": "https://env.example.com", "BERTH_QUAY_CREDENTIALS_DIR": dir},
			[]string{"--quay-url", "https://flag.example.com", "--quay-org", "flag"},
			"https://flag.example.com", "flag", oauthToken,
		},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s, wrong := load(t, test.env, test.args...)
			if len(wrong) > 0 {
				t.Fatal(wrong)
			}
			token, err := s.token()
			if err != nil {
				t.Fatal(err)
			}
			if s.QuayURL != test.url || s.QuayOrg != test.org || token.Reveal() != test.token {
				t.Errorf("%s, %s, %s; want %s, %s, %s", s.QuayURL, s.QuayOrg, token.Reveal(), test.url, test.org, test.token)
			}
		})
	}
}

func TestRepeatedFlagsAndLists(t *testing.T) {
	t.Parallel()
	s, wrong := load(t, map[string]string{"BERTH_PUSH_SERVICE_ACCOUNT": "a,b"}, "--pull-service-account=default", "--pull-service-account=run-{component}", "-n", "x", "--namespace", "y", "--rotate=x/c", "x/c", "y/d")
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if diff := cmp.Diff([]string{"x", "y"}, s.Namespace); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.PushServiceAccount); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"default", "run-{component}"}, s.PullServiceAccount); diff != "" {
		t.Error(diff)
	}
	if len(s.only) != 2 || len(s.rotate) != 1 || s.rotate[0].String() != "x/c" {
		t.Errorf("only %v, rotate %v", s.only, s.rotate)
	}
}

// A slip, such as a comma too many or a variable that is not set, must not widen what a
// run does: in no setting is an empty element everything.
func TestAnEmptyElementIsNotEverything(t *testing.T) {
	t.Parallel()
	lists := 0
	for _, f := range fields() {
		if f.Type.Kind() != reflect.Slice {
			continue
		}
		lists++
		good := map[string]string{"ROTATE": "shop/cart", "ROTATE_GRACEFULLY": "shop/cart", "SOURCE_HOSTS": "git.example.com"}[f.env]
		if good == "" {
			good = "shop"
		}
		for _, value := range []string{good + ",", "," + good, good + ",," + good, good + ", ", " ", ",", "\n", good + ",\n"} {
			_, typed := load(t, nil, flagName(f.env)+"="+value)
			_, set := load(t, map[string]string{envPrefix + f.env: value})
			for name, wrong := range map[string]problems{flagName(f.env): typed, envPrefix + f.env: set} {
				if len(wrong) != 1 || wrong[0].name != name || wrong[0].text != "has an empty element." {
					t.Errorf("%s=%q: %v", name, value, wrong)
				}
			}
		}
		if _, wrong := load(t, nil, flagName(f.env)+"=", flagName(f.env)+"="+good); len(wrong) != 1 {
			t.Errorf("%s '': %v", flagName(f.env), wrong)
		}
		if _, wrong := load(t, nil, flagName(f.env)+"="); len(wrong) != 1 {
			t.Errorf("%s '' alone: %v", flagName(f.env), wrong)
		}
		if _, wrong := load(t, map[string]string{envPrefix + f.env: ""}); len(wrong) != 0 {
			t.Errorf("%s%s: a manifest's value: \"\" is not unset: %v", envPrefix, f.env, wrong)
		}
		for _, value := range []string{good, good + "," + good, " " + good, good + "\n", good + ",\n  " + good} {
			if _, wrong := load(t, map[string]string{envPrefix + f.env: value}); len(wrong) != 0 {
				t.Errorf("%s%s=%q: %v", envPrefix, f.env, value, wrong)
			}
		}
	}
	if lists < 4 {
		t.Errorf("%d lists were tried", lists)
	}
	for _, value := range []string{" ", "\n", ","} {
		if _, wrong := load(t, map[string]string{"BERTH_SELECTOR": value}); len(wrong) != 1 {
			t.Errorf("BERTH_SELECTOR=%q: %v", value, wrong)
		}
	}
	if _, wrong := load(t, nil, "-l", ""); len(wrong) != 1 {
		t.Errorf("-l '': %v", wrong)
	}
	for _, f := range fields() {
		if f.Type.Kind() == reflect.Slice {
			continue
		}
		for _, value := range []string{"", " "} {
			if _, wrong := load(t, nil, flagName(f.env)+"="+value); len(wrong) == 0 || wrong[0].name != flagName(f.env) {
				t.Errorf("%s=%q: %v", flagName(f.env), value, wrong)
			}
		}
	}
	for _, key := range []string{"", "/", "shop/", "/cart", " /cart", "shop/ ", "shop/cart/x", "*/cart"} {
		if _, wrong := load(t, nil, key); len(wrong) != 1 {
			t.Errorf("argument %q: %v", key, wrong)
		}
	}
}

func TestTheTokenFileIsReadEachTime(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, wrong := load(t, map[string]string{"BERTH_QUAY_TOKEN_FILE": file})
		if len(wrong) > 0 {
			t.Fatal(wrong)
		}
		if err := os.WriteFile(file, []byte(want+" renewed"), 0o600); err != nil {
			t.Fatal(err)
		}
		if token, err := s.token(); err != nil || token.Reveal() != want+" renewed" {
			t.Errorf("the token is %q (%v)", token.Reveal(), err)
		}
	}
}

func TestTheIndexOfAShard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		env    map[string]string
		args   []string
		index  int
		blamed string // "": all is well
	}{
		{"of one", nil, nil, 0, ""},
		{"the Job's", map[string]string{"JOB_COMPLETION_INDEX": "3", "BERTH_SHARD_COUNT": "4"}, nil, 3, ""},
		{"the variable beats the Job", map[string]string{"JOB_COMPLETION_INDEX": "3", "BERTH_SHARD_COUNT": "4", "BERTH_SHARD_INDEX": "1"}, nil, 1, ""},
		{"the flag beats both", map[string]string{"JOB_COMPLETION_INDEX": "3", "BERTH_SHARD_INDEX": "1"}, []string{"--shard-count=4", "--shard-index=2"}, 2, ""},
		{"an empty one is none", map[string]string{"JOB_COMPLETION_INDEX": "", "BERTH_SHARD_INDEX": ""}, nil, 0, ""},
		{"more pods than shards", map[string]string{"JOB_COMPLETION_INDEX": "4", "BERTH_SHARD_COUNT": "4"}, nil, 0, "JOB_COMPLETION_INDEX"},
		{"pods without a count would all do everything", map[string]string{"JOB_COMPLETION_INDEX": "1"}, nil, 0, "JOB_COMPLETION_INDEX"},
		{"no number", map[string]string{"JOB_COMPLETION_INDEX": canary}, nil, 0, "JOB_COMPLETION_INDEX"},
		{"a variable", map[string]string{"BERTH_SHARD_INDEX": "2", "BERTH_SHARD_COUNT": "2"}, nil, 0, "BERTH_SHARD_INDEX"},
		{"of a count that is none nothing more is said", map[string]string{"BERTH_SHARD_COUNT": "none"}, []string{"--shard-index=2"}, 0, "BERTH_SHARD_COUNT"},
		{"a flag", map[string]string{"JOB_COMPLETION_INDEX": "0"}, []string{"--shard-count=2", "--shard-index=2"}, 0, "--shard-index"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			s, wrong := load(t, test.env, test.args...)
			if test.blamed != "" {
				if len(wrong) != 1 || wrong[0].name != test.blamed || strings.Contains(wrong.Error(), "CANARY") {
					t.Errorf("found %v, want a problem with %s", wrong, test.blamed)
				}
				return
			}
			if len(wrong) > 0 || s.ShardIndex != test.index {
				t.Errorf("index %d (%v), want %d", s.ShardIndex, wrong, test.index)
			}
		})
	}
}

// more is what there is to know of a setting beyond what --help has room for.
var more = map[string]string{
	"QUAY_URL":             "The spellings of an address (case, default port, dot at the end, `/api/v1`) are one.",
	"QUAY_ORG":             "Required.",
	"QUAY_TOKEN_FILE":      "Required. The token is granted by a member of a team with the role admin, and read again in each run.",
	"QUAY_CREDENTIALS_DIR": "Explicit settings win over them.",
	"IMAGE_HOST":           "`HOST` or `HOST:PORT`, where the registry's API has another name. To change it rewrites all Secrets, which takes `--force`.",
	"QUAY_QPS":             "A number is of all shards together; see [what Quay allows](#what-quay-allows).",
	"KUBECONFIG":           "Kubectl's logins work, too. One that is named and leads nowhere is refused, in a pod as well.",
	"NAMESPACE":            "One that does not exist is worth a warning.",
	"SHARD_COUNT":          "See [shards](#shards).",
	"YES":                  "Needed where there is no terminal; in a pod, with its own account, nobody is asked.",
	"ROTATE":               "Only it is served, unless others are named, too.",
	"ROTATE_GRACEFULLY":    "See [rotation](rotation.md).",
	"MAX_TOKEN_AGE":        "Or within a fifth of it, so that not all are due at once.",
	"VISIBILITY":           "See [visibility](visibility.md).",
	"ADOPT":                "Also those of a former namespace of the name. See [taking over](operations.md#take-over-from-image-controller).",
	"ADOPT_GRACE":          "By Quay's word on their last login; what it tells nothing of stays.",
	"RELEASE":              "Of the Components that are named, or of all. See [going back](operations.md#go-back-to-image-controller).",
	"PRUNE":                "Repositories are never deleted. See [what is left behind](operations.md#what-is-left-behind).",
	"PRUNE_AFTER":          "A day at least; `720h` are 30 days.",
	"PUSH_SERVICE_ACCOUNT": "Those that are there are linked.",
	"REMOTE_SECRETS":       "`require` fails a run where there are none. See [delivery](delivery.md).",
	"PULL_SERVICE_ACCOUNT": "Where there is no environment, in the Component's own namespace.",
	"SOURCE_HOSTS":         "One that is listed may be internal.",
	"CLUSTER_ID":           "It names the cluster in every mark: set it to move or restore a cluster. Each run says it first: write it down.",
	"TAKE_OVER_FROM":       "See [when something is lost](disaster.md).",
	"REPOSITORY_PREFIX":    "For two clusters in one organization.",
	"MAX_CHANGE_RATIO":     "See [the guard](../README.md#the-guard).",
	"FORCE":                "With `--namespace`, one namespace.",
	"TIMEOUT":              "But for what you take to answer.",
	"LOCK_NAMESPACE":       "The Lease is `berth`, of a shard `berth-INDEX`. Outside a pod there is no lock unless this is set; a dry run takes none.",
	"OUTPUT":               "`json`: lines of [this schema](output.schema.json).",
	"PLAN":                 "`folded`: of Components whose changes are alike, one; `summary`: counts and problems.",
	"REPORT":               "See [a page to look at](operations.md#a-page-to-look-at).",
	"LOG_LEVEL":            "Records go to stderr; on a terminal, or beside JSON lines, not what these have told.",
	"COLOR":                "`TERM=dumb` counts, too.",
	"METRICS_FILE":         "See [metrics](metrics.md).",
	"METRICS_PUSH_URL":     "A login goes into the address.",
}

// docs/configuration.md is the settings, as the program has them; go test -run
// Configuration -update . writes it anew.
func TestConfigurationIsDocumented(t *testing.T) {
	t.Parallel()
	const file, begins, ends = "docs/configuration.md", "<!-- settings -->\n", "<!-- end of settings -->\n"
	text := string(readFile(t, file))
	head, rest, begun := strings.Cut(text, begins)
	_, tail, ended := strings.Cut(rest, ends)
	if !begun || !ended {
		t.Fatalf("%s has no place for the settings", file)
	}
	told := map[string]bool{}
	var table bytes.Buffer
	for _, f := range fields() {
		told[f.env] = true
		if group := f.Tag.Get("group"); group != "" {
			fmt.Fprintf(&table, "\n## %s\n\n| flag, variable | default | |\n|---|---|---|\n", group)
		}
		flag := "`" + strings.TrimSpace(flagName(f.env)+" "+f.valueName()) + "`"
		if short := f.Tag.Get("short"); short != "" {
			flag = "`-" + short + "`, " + flag
		}
		fallback := f.fallback()
		switch {
		case fallback != "":
			fallback = "`" + fallback + "`"
		case f.toggle():
			fallback = "`false`"
		}
		what := strings.ToUpper(f.Tag.Get("help")[:1]) + f.Tag.Get("help")[1:] + "."
		if f.Tag.Get("max") != "" || f.Type.Kind() == reflect.Int64 {
			what += " Takes " + f.want() + "."
		}
		fmt.Fprintf(&table, "| %s<br>`%s%s` | %s | %s |\n", strings.ReplaceAll(flag, "|", `\|`), envPrefix, f.env, fallback, strings.TrimSpace(what+" "+more[f.env]))
	}
	table.WriteString("\n")
	for name := range more {
		if !told[name] {
			t.Errorf("there is more to know of %s, which is no setting", name)
		}
	}
	want := head + begins + table.String() + ends + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("go test -run Configuration -update . writes it anew (-want +got):\n%s", diff)
	}
}
