package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sethvargo/go-envconfig"
	"github.com/spf13/pflag"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
)

// settings declares every setting once. The env tag gives its environment
// variable, without the prefix, and its default; the flag's name follows from
// it. group begins a part of the help, short is a one-letter flag, arg the value's
// name in the help, min, max and oneof its bounds.
type settings struct {
	QuayURL            string  `group:"Quay" env:"QUAY_URL, default=https://quay.io" arg:"URL" help:"the registry"`
	QuayOrg            string  `env:"QUAY_ORG" arg:"NAME" help:"the Quay organization that holds the repositories"`
	QuayTokenFile      string  `env:"QUAY_TOKEN_FILE" arg:"FILE" help:"the OAuth token, scopes org:admin repo:admin; or set BERTH_QUAY_TOKEN"`
	QuayCredentialsDir string  `env:"QUAY_CREDENTIALS_DIR" arg:"DIR" help:"a folder with image-controller's files quayapiurl, quaytoken, organization"`
	QuayCAFile         string  `env:"QUAY_CA_FILE" arg:"FILE" help:"certificates (PEM) to trust besides the system's"`
	ImageHost          string  `env:"IMAGE_HOST" arg:"HOST" help:"that images are called by, when it is not the registry URL's"`
	QuayQPS            ceiling `env:"QUAY_QPS, default=auto" min:"0.1" max:"1000" arg:"auto|N" help:"requests per second of the whole run, at most; auto: what Quay allows"`
	QuayBurst          int     `env:"QUAY_BURST, default=10" min:"1" max:"1000" arg:"N" help:"requests at once beyond that"`

	Kubeconfig string  `group:"The cluster" env:"KUBECONFIG" arg:"FILE" help:"instead of kubectl's rules; without any, a pod's ServiceAccount"`
	Context    string  `env:"CONTEXT" arg:"NAME" help:"of the kubeconfig"`
	KubeQPS    float64 `env:"KUBE_QPS, default=200" min:"0.1" max:"10000" arg:"N" help:"requests per second to the cluster"`
	KubeBurst  int     `env:"KUBE_BURST, default=400" min:"1" max:"10000" arg:"N" help:"requests at once beyond that"`

	Namespace []string `group:"Which Components" env:"NAMESPACE" short:"n" arg:"NAME" help:"only this namespace; may be repeated"`
	Selector  string   `env:"SELECTOR" short:"l" arg:"QUERY" help:"only Components with these labels"`

	ShardCount int `env:"SHARD_COUNT, default=1" min:"1" max:"64" arg:"N" help:"runs that divide the namespaces, and the Quay limit, among them"`
	ShardIndex int `env:"SHARD_INDEX" min:"0" max:"63" arg:"N" help:"which of them this is, from 0; in an indexed Job, the pod's"`

	DryRun           bool `group:"What a run may do" env:"DRY_RUN" help:"plan, print, change nothing"`
	DetailedExitcode bool `env:"DETAILED_EXITCODE" help:"with --dry-run: exit 2 when changes are pending"`
	Yes              bool `env:"YES" short:"y" help:"do not ask before the first write"`

	Rotate           []string      `env:"ROTATE" arg:"NAMESPACE/NAME" help:"new credentials for it, the old ones revoked; may be repeated"`
	RotateGracefully []string      `env:"ROTATE_GRACEFULLY" arg:"NAMESPACE/NAME" help:"new credentials for it, breaking nothing; may be repeated"`
	RotationOverlap  time.Duration `env:"ROTATION_OVERLAP, default=1h" min:"0" arg:"TIME" help:"that old credentials live on after a graceful rotation"`
	MaxTokenAge      time.Duration `env:"MAX_TOKEN_AGE, default=0s" min:"0" arg:"TIME" help:"rotate gracefully what is older; 0s: never"`

	Visibility   string        `group:"Repositories" env:"VISIBILITY, default=auto" oneof:"auto private public" help:"of repositories whose Component states none; auto: as the source"`
	AllowPublish bool          `env:"ALLOW_PUBLISH" help:"let --visibility open private repositories"`
	Adopt        bool          `env:"ADOPT" help:"take over repositories that carry no live mark, and from image-controller"`
	AdoptGrace   time.Duration `env:"ADOPT_GRACE, default=168h" min:"0" arg:"TIME" help:"unused for so long, what image-controller made for a Component that was taken over is removed"`
	Release      bool          `env:"RELEASE" help:"give back to image-controller what was taken over from it"`
	Prune        string        `env:"PRUNE, default=report" oneof:"off report robots" help:"robots and repositories without a Component: tell of them, or delete unused robots, too"`
	PruneAfter   time.Duration `env:"PRUNE_AFTER, default=720h" arg:"TIME" help:"for which robots are not used when they go into quarantine, a week before they are deleted"`

	PushServiceAccount []string `env:"PUSH_SERVICE_ACCOUNT, default=appstudio-pipeline,build-pipeline-{component}" arg:"NAME" help:"linked to the push Secret; {component} is replaced; may be repeated"`

	NoContainerImage bool `env:"NO_CONTAINER_IMAGE" help:"leave spec.containerImage of Components empty where it is"`

	RemoteSecrets      string   `group:"Environments" env:"REMOTE_SECRETS, default=auto" oneof:"auto off require" help:"deliver pull Secrets to environments; auto: where the cluster has RemoteSecrets"`
	PullServiceAccount []string `env:"PULL_SERVICE_ACCOUNT, default=default" arg:"NAME" help:"pulls images, in each environment; {component} is replaced; may be repeated"`

	NamespacePullSecret string `env:"NAMESPACE_PULL_SECRET, default=auto" oneof:"auto on off" help:"one for all of a namespace, too; auto: where components-namespace-pull is empty, or Berth's"`

	SourceHosts  []string `group:"Where sources are" env:"SOURCE_HOSTS" arg:"HOST" help:"only ask these git hosts (*.example.com for all below); may be repeated"`
	SourceCAFile string   `env:"SOURCE_CA_FILE" arg:"FILE" help:"certificates (PEM) to trust for git hosts besides the system's"`
	SourceProxy  string   `env:"SOURCE_PROXY" arg:"URL" help:"an HTTP proxy for asking git hosts; no other is used"`

	ClusterID        string `group:"Names" env:"CLUSTER_ID" arg:"ID" help:"instead of the uid of namespace kube-system"`
	TakeOverFrom     string `env:"TAKE_OVER_FROM" arg:"ID" help:"a cluster whose Components of the same names have moved to this one"`
	RepositoryLayout string `env:"REPOSITORY_LAYOUT, default=component" oneof:"component application" help:"NAMESPACE/COMPONENT or NAMESPACE/APPLICATION/COMPONENT"`
	RepositoryPrefix string `env:"REPOSITORY_PREFIX" arg:"PATH" help:"in front of every repository's name"`

	MaxChangeRatio float64       `group:"Limits" env:"MAX_CHANGE_RATIO, default=0.3" min:"0" max:"1" arg:"SHARE" help:"of all Components, and of a namespace's, that may change unasked"`
	MaxRotations   int           `env:"MAX_ROTATIONS, default=50" min:"0" max:"100000" arg:"N" help:"rotations in one run, or all shards'; the rest wait"`
	Force          bool          `env:"FORCE" help:"let this run pass the guard"`
	Concurrency    int           `env:"CONCURRENCY, default=8" min:"1" max:"64" arg:"N" help:"Components in flight"`
	Timeout        time.Duration `env:"TIMEOUT, default=10m" arg:"TIME" help:"for the run; a summary is always written"`

	LockNamespace string        `group:"One run at a time" env:"LOCK_NAMESPACE" arg:"NAME" help:"of the Lease that one run holds; in a pod, its own"`
	LockTimeout   time.Duration `env:"LOCK_TIMEOUT, default=0s" min:"0" arg:"TIME" help:"to wait for another run's lock, within --timeout"`

	Output     string `group:"What it says" env:"OUTPUT, default=text" short:"o" oneof:"text json" help:"of the plan and the summary"`
	Plan       string `env:"PLAN, default=auto" oneof:"auto full folded summary problems" help:"how much of it to tell; auto: folded, in a pod summary"`
	Report     string `env:"REPORT" arg:"FILE" help:"replaced by a page that tells of the run; {shard} is replaced by the shard's index"`
	LogLevel   string `env:"LOG_LEVEL, default=auto" oneof:"auto debug info warn error" help:"auto: info, on a terminal warn"`
	LogFormat  string `env:"LOG_FORMAT, default=auto" oneof:"auto text json" help:"auto: JSON, on a terminal text"`
	Color      string `env:"COLOR, default=auto" oneof:"auto always never" help:"auto: on a terminal, unless NO_COLOR is set"`
	NoProgress bool   `env:"NO_PROGRESS" help:"no line on a terminal that says what is read and applied"`

	MetricsFile    string `group:"Metrics" env:"METRICS_FILE" arg:"FILE" help:"replaced at the end of a run, in Prometheus' text format"`
	MetricsPushURL string `env:"METRICS_PUSH_URL" arg:"URL" help:"of a Pushgateway, told at the end of a run"`

	Demo bool `group:"To try it" env:"DEMO" help:"a story on a simulated Quay and cluster; touches nothing"`

	only       []component.Key
	rotate     []component.Key
	gracefully []component.Key
	called     func(key string) string // a setting, as the user does
	roots      func() *x509.CertPool   // for Quay; nil: the system's
	git        gitsource.Options
	token      func() (quay.Token, error)
	tokenFrom  string // in words
}

const envPrefix = "BERTH_"

// jobIndex is where Kubernetes tells a pod of an indexed Job which one it is.
const jobIndex = "JOB_COMPLETION_INDEX"

// problem is what is wrong with one setting, in the words of its reader.
type problem struct{ name, text string }

// problems are all that is wrong with the settings; a value is never repeated.
type problems []problem

func (p problems) Error() string {
	var b strings.Builder
	if len(p) == 1 {
		b.WriteString("Error: 1 problem with the settings\n\n")
	} else {
		fmt.Fprintf(&b, "Error: %d problems with the settings\n\n", len(p))
	}
	width := 0
	for _, x := range p {
		width = max(width, len(x.name))
	}
	for _, x := range p {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, x.name, x.text)
	}
	b.WriteString("\nberth --help lists every setting.")
	return b.String()
}

// field is one setting: its place in the struct and what its tags say.
type field struct {
	reflect.StructField
	env string
}

// fields are all settings in the order of the struct, which is read once.
var fields = sync.OnceValue(func() []field {
	all := make([]field, 0, reflect.TypeFor[settings]().NumField())
	for f := range reflect.TypeFor[settings]().Fields() {
		if tag, ok := f.Tag.Lookup("env"); ok {
			name, _, _ := strings.Cut(tag, ",")
			all = append(all, field{f, name})
		}
	}
	return all
})

// fallback is the value of the env tag's default.
func (f field) fallback() string {
	_, after, _ := strings.Cut(f.Tag.Get("env"), "default=")
	return after
}

// flagValue keeps what was typed; the decoding comes later, alike for flags
// and the environment.
type flagValue struct {
	typed  []string
	name   string // of the value, in the help
	toggle bool
}

func (v *flagValue) String() string     { return "" }
func (v *flagValue) Set(s string) error { v.typed = append(v.typed, s); return nil }
func (v *flagValue) Type() string       { return v.name }

// newFlags declares the flags.
func newFlags() (*pflag.FlagSet, map[string]*flagValue) {
	set := pflag.NewFlagSet("berth", pflag.ContinueOnError)
	set.SortFlags = false
	set.Usage = func() {}
	values := make(map[string]*flagValue, len(fields()))
	for _, f := range fields() {
		v := &flagValue{name: f.valueName(), toggle: f.toggle()}
		flag := set.VarPF(v, flagName(f.env)[2:], f.Tag.Get("short"), f.Tag.Get("help"))
		flag.DefValue = f.fallback()
		if v.toggle {
			flag.NoOptDefVal = "true"
		}
		values[f.env] = v
	}
	return set, values
}

// sources looks a setting up: flag, environment, and what the platform says:
// image-controller's files, a Job's index.
type sources struct {
	flags       map[string]*flagValue
	environment envconfig.Lookuper // without the prefix
	platform    map[string]said
}

// said is a value and what to call its source.
type said struct{ value, by string }

func (s sources) Lookup(key string) (string, bool) {
	if v := s.flags[key]; v != nil && len(v.typed) > 0 {
		if v.toggle {
			return v.typed[len(v.typed)-1], true
		}
		return strings.Join(v.typed, ","), true
	}
	if v, ok := s.environment.Lookup(key); ok && v != "" { // manifests write value: ""
		return v, true
	}
	v, ok := s.platform[key]
	return v.value, ok
}

// blank reports whether a flag was given with nothing in it, as --cluster-id "$ID" is where
// ID is not set. That is a slip, never the default.
func (s sources) blank(key string) bool {
	v := s.flags[key]
	return v != nil && len(v.typed) > 0 && strings.TrimSpace(v.typed[len(v.typed)-1]) == ""
}

// name calls a setting as the user did, by its environment variable when it is
// set nowhere.
func (s sources) name(key string) string {
	if v := s.flags[key]; v != nil && len(v.typed) > 0 {
		return flagName(key)
	}
	if v, _ := s.environment.Lookup(key); v == "" && s.platform[key].value != "" {
		return s.platform[key].by
	}
	return envPrefix + key
}

// flagName is the flag of the setting with this key.
func flagName(key string) string {
	return "--" + strings.ToLower(strings.ReplaceAll(key, "_", "-"))
}

// loadSettings decodes and checks every setting and reports all problems at once.
func loadSettings(flags map[string]*flagValue, args []string, environment environ) (settings, problems) {
	src := sources{flags: flags, environment: envconfig.PrefixLookuper(envPrefix, environment), platform: map[string]said{}}
	s := settings{called: src.name}
	found := environment.strangers()
	if src.demo() {
		src.environment, environment, found = environ(nil), nil, nil // it is about something real
	}
	if dir, ok := src.Lookup("QUAY_CREDENTIALS_DIR"); ok && !src.demo() {
		found = append(found, src.readCredentials(dir)...)
	}
	if index, ok := environment.Lookup(jobIndex); ok && index != "" {
		src.platform["SHARD_INDEX"] = said{index, jobIndex}
	}
	found = append(found, s.decode(src)...)
	s.only = found.keys("argument", args)
	s.rotate = found.keys(src.name("ROTATE"), named(s.Rotate))
	s.gracefully = found.keys(src.name("ROTATE_GRACEFULLY"), named(s.RotateGracefully))
	if len(s.only) > 0 || len(s.Namespace) == 0 && s.Selector == "" {
		for _, k := range slices.Concat(s.rotate, s.gracefully) { // who names one to rotate means that one
			if !slices.Contains(s.only, k) {
				s.only = append(s.only, k)
			}
		}
	}
	return s, append(found, s.check(src)...)
}

// decode sets all fields. envconfig stops at its first error and repeats the value in it: what
// it looked up last is then left out, told in our words, and zero in the end.
func (s *settings) decode(src sources) problems {
	var found problems
	last, wrong := "", map[string]bool{}
	lookup := envconfig.LookuperFunc(func(key string) (string, bool) {
		if last = key; wrong[key] {
			return "", false
		}
		return src.Lookup(key)
	})
	for envconfig.ProcessWith(context.Background(), &envconfig.Config{Target: s, Lookuper: lookup}) != nil && !wrong[last] {
		wrong[last] = true
	}
	for _, f := range fields() {
		value := reflect.ValueOf(s).Elem().FieldByIndex(f.Index)
		switch {
		case f.Type.Kind() != reflect.Slice && src.blank(f.env):
			found = append(found, problem{src.name(f.env), "is empty."})
		case wrong[f.env] || !f.inBounds(value):
			found = append(found, problem{src.name(f.env), "is not " + f.want() + "."})
		default:
			continue
		}
		value.SetZero()
	}
	return found
}
