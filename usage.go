package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

const usageHead = `Berth gives every Component its place at Quay: a repository, a robot that may
push, a robot that may only pull, the Secrets that carry their tokens, and a
RemoteSecret that brings the pull Secret to every environment.

  berth [flags] [NAMESPACE/NAME ...]
  berth version | completion bash|zsh|fish|powershell

One run looks at everything, prints what differs, mends it, and exits. With
names, only at those Components. Every flag is also an environment variable;
the flag beats the variable.

  berth --dry-run --namespace acme-tenant
      shows what would be done for a namespace, and changes nothing
  berth --rotate acme-tenant/billing acme-tenant/billing
      gives one Component new credentials, after a question
`

const usageTail = `
  -h, --help
      --version

Exit codes: 0 done   1 some Components failed, or an end was out of reach
  2 changes pending (--detailed-exitcode)   3 the guard refused the plan
  64 usage, or nobody to ask   70 a bug   75 another run holds the lock
  77 credentials rejected   78 settings
  129, 130, 143 interrupted: what was in flight was finished
`

// printUsage names each setting as a flag and as a variable with its default.
func printUsage(w io.Writer, set *pflag.FlagSet) {
	_, _ = io.WriteString(w, usageHead)
	for _, f := range fields() {
		if group := f.Tag.Get("group"); group != "" {
			_, _ = fmt.Fprintf(w, "\n%s\n", group)
		}
		short := "    "
		if s := f.Tag.Get("short"); s != "" {
			short = "-" + s + ", "
		}
		variable := envPrefix + f.env
		if f.fallback() != "" {
			variable += "=" + f.fallback()
		}
		flag := strings.TrimRight(short+flagName(f.env)+" "+f.valueName(), " ")
		both := fmt.Sprintf("  %-40s %s", flag, variable)
		if len(both) > 110 {
			both = "  " + flag + "\n        " + variable
		}
		_, _ = fmt.Fprintf(w, "%s\n        %s\n", both, set.Lookup(flagName(f.env)[2:]).Usage)
	}
	_, _ = io.WriteString(w, usageTail)
}

// What the linker was told (-X main.release=v1.2.3): where an image is built there is
// no git to ask.
var release, revision, committed string

// program is what there is to know about this program.
type program struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"` // of the commit
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisBuild asks the linker, and git or the module through the compiler.
func thisBuild() program {
	b := program{Version: release, Commit: revision, Date: committed, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	stamped := map[string]string{}
	for _, s := range info.Settings {
		stamped[s.Key] = s.Value
	}
	b.Commit, b.Date = cmp.Or(b.Commit, stamped["vcs.revision"]), cmp.Or(b.Date, stamped["vcs.time"])
	b.Modified = stamped["vcs.modified"] == "true"
	if info.Main.Version != "(devel)" {
		b.Version = cmp.Or(b.Version, info.Main.Version)
	}
	b.Version = cmp.Or(b.Version, "devel")
	return b
}

// version of the program; a tree that nothing is known of is devel.
var version = sync.OnceValue(func() string { return thisBuild().Version })

// print tells of the build, in text or as JSON.
func (b program) print(w io.Writer, output string) {
	if output == "json" {
		_ = json.NewEncoder(w).Encode(b)
		return
	}
	_, _ = fmt.Fprintf(w, "berth %s\n", b.Version)
	if b.Modified {
		b.Commit += ", modified"
	}
	for _, row := range [][2]string{{"commit", b.Commit}, {"date", b.Date}, {"go", b.Go}, {"platform", b.Platform}} {
		if row[1] != "" {
			_, _ = fmt.Fprintf(w, "  %-9s %s\n", row[0], row[1])
		}
	}
}

// environ is the environment. That it can be listed lets misspelt settings be found.
type environ map[string]string

// Lookup makes it an envconfig.Lookuper.
func (e environ) Lookup(key string) (string, bool) {
	v, ok := e[key]
	return v, ok
}

// fromService is a variable that Kubernetes gives a pod for a Service called berth, or
// berth-something.
var fromService = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)$`)
})

// strangers are variables that look like settings and are none.
func (e environ) strangers() problems {
	known := []string{envPrefix + "QUAY_TOKEN"}
	for _, f := range fields() {
		known = append(known, envPrefix+f.env)
	}
	var found problems
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if !strings.HasPrefix(name, envPrefix) || e[name] == "" || slices.Contains(known, name) || fromService().MatchString(name) {
			continue
		}
		found = append(found, problem{name, "is not a setting" + cmp.Or(meant(name, known), ".")})
	}
	return found
}

// suggest completes the message about an unknown flag with the one that was
// probably meant.
func suggest(err error, set *pflag.FlagSet) string {
	message := err.Error()
	_, typed, found := strings.Cut(message, "unknown flag: --")
	if !found {
		return message
	}
	var known []string
	set.VisitAll(func(f *pflag.Flag) { known = append(known, "--"+f.Name) })
	typed = strings.ToLower(strings.ReplaceAll(typed, "_", "-"))
	return message + meant("--"+strings.TrimPrefix(typed, "berth-"), known)
}

// oneDash finds a flag with a dash too few, which would be read as short ones with
// a value: -namespace as -n amespace.
func oneDash(args []string, set *pflag.FlagSet) string {
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		switch {
		case arg == "--":
			return ""
		case strings.HasPrefix(arg, "-") && len(name) > 1 && set.Lookup(name) != nil:
			return name
		}
	}
	return ""
}

// meant names what was probably typed wrongly: what differs in a third of its letters
// and three at most, else what begins or ends alike.
func meant(typed string, known []string) string {
	word := strings.TrimPrefix(strings.TrimPrefix(typed, envPrefix), "--")
	best, distance := "", min(3, len(word)/3)+1
	var like []string
	for _, k := range known {
		if d := editDistance(typed, k); d < distance {
			best, distance = k, d
		}
		if word != "" && (strings.HasPrefix(k, typed) || strings.HasSuffix(k, word) || len(k) > len(envPrefix)+4 && strings.HasPrefix(typed, k)) {
			like = append(like, k)
		}
	}
	if best != "" {
		like = []string{best}
	}
	switch last := len(like) - 1; last {
	case -1:
		return ""
	case 0:
		return "; did you mean " + like[0] + "?"
	default:
		return "; did you mean " + strings.Join(like[:last], ", ") + " or " + like[last] + "?"
	}
}

// editDistance counts the letters to change, add or drop to make a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// ceiling is what is not to be passed; zero, which is written auto: no more than the
// other end allows.
type ceiling float64

// EnvDecode reads auto or a number.
func (c *ceiling) EnvDecode(value string) error {
	if value == "auto" {
		*c = 0
		return nil
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || n == 0 {
		return errors.New("neither auto nor a number above zero")
	}
	*c = ceiling(n)
	return nil
}

// inBounds reports whether a value is one that the setting takes.
func (f field) inBounds(v reflect.Value) bool {
	low, _ := strconv.ParseFloat(f.Tag.Get("min"), 64)
	high, bounded := strconv.ParseFloat(f.Tag.Get("max"), 64)
	switch v.Kind() {
	case reflect.Int:
		return bounded != nil || float64(v.Int()) >= low && float64(v.Int()) <= high
	case reflect.Float64:
		return bounded != nil || v.Float() >= low && v.Float() <= high || v.Float() == 0 && v.Type() == reflect.TypeFor[ceiling]()
	case reflect.Int64: // a duration
		return v.Int() > 0 || v.Int() == 0 && f.Tag.Get("min") == "0"
	case reflect.String:
		choices := strings.Fields(f.Tag.Get("oneof"))
		return len(choices) == 0 || slices.Contains(choices, v.String())
	}
	return true
}

// want says what a setting takes.
func (f field) want() string {
	between := " from " + f.Tag.Get("min") + " to " + f.Tag.Get("max")
	switch f.Type.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number" + between
	case reflect.Float64:
		if f.Type == reflect.TypeFor[ceiling]() {
			return "auto or a number" + between
		}
		return "a number" + between
	case reflect.Int64:
		if f.Tag.Get("min") == "0" {
			return "a duration, such as 10m"
		}
		return "a duration above zero, such as 10m"
	case reflect.String:
		return "one of " + strings.Join(strings.Fields(f.Tag.Get("oneof")), ", ")
	}
	return "valid"
}
