package main

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// more is what there is to know of a setting beyond what --help has room for.
var more = map[string]string{
	"QUAY_URL":             "The spellings of an address (case, default port, dot at the end, `/api/v1`) are one.",
	"QUAY_ORG":             "Required.",
	"QUAY_TOKEN_FILE":      "Required. The token is granted by a member of a team with the role admin, and read again in each run.",
	"QUAY_CREDENTIALS_DIR": "Explicit settings win over them.",
	"IMAGE_HOST":           "`HOST` or `HOST:PORT`, where the registry's API has another name. To change it rewrites all Secrets, which takes `--force`.",
	"QUAY_QPS":             "Of all shards together; see [what Quay allows](#what-quay-allows).",
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
