package main

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	"berth/quay"
	"berth/reconcile/component"
	"berth/reconcile/gitsource"
	"berth/reconcile/world"
)

// demo reports whether the settings are of a demo, which reads no file.
func (s sources) demo() bool {
	v, _ := s.Lookup("DEMO")
	return v == "true"
}

// check looks at what a setting's type cannot tell.
func (s *settings) check(src sources) problems {
	var found problems
	add := func(key, text string) { found = append(found, problem{src.name(key), text}) }
	if s.DetailedExitcode && !s.DryRun {
		add("DETAILED_EXITCODE", "goes with --dry-run.")
	}
	if s.Adopt && s.Release {
		add("RELEASE", "does not go with --adopt, which it undoes.")
	}
	selector, given := src.Lookup("SELECTOR")
	if parsed, err := labels.Parse(s.Selector); err != nil || given && !src.blank("SELECTOR") && (parsed.Empty() || strings.TrimSpace(selector) == "") {
		add("SELECTOR", "is not a label selector, such as app=web,tier!=test.")
	}
	if s.TakeOverFrom != "" && s.TakeOverFrom == s.ClusterID {
		add("TAKE_OVER_FROM", "is this cluster's own id.")
	}
	if s.PruneAfter > 0 && s.PruneAfter < 24*time.Hour { // a quarantine is noted by the day
		add("PRUNE_AFTER", "is shorter than a day.")
	}
	found = append(found, s.checkLists(src)...)
	if s.RepositoryPrefix != "" && !component.ValidRepository(s.RepositoryPrefix) {
		add("REPOSITORY_PREFIX", "cannot begin the name of a repository: lower-case letters, digits, single . _ or -, and / between.")
	}
	if s.LockNamespace != "" && len(validation.IsDNS1123Label(s.LockNamespace)) > 0 {
		add("LOCK_NAMESPACE", "is not the name of a namespace.")
	}
	if s.ImageHost != "" {
		var err error
		if s.ImageHost, err = quay.ParseImageHost(s.ImageHost); err != nil {
			add("IMAGE_HOST", "is not a host that an image's name can begin with, such as quay.example.com or quay.example.com:8443.")
		}
	}
	if s.ShardCount > 0 && s.ShardIndex >= s.ShardCount {
		add("SHARD_INDEX", "is not below --shard-count.")
	}
	found = append(found, s.checkSources(src)...)
	found = append(found, s.checkMetrics(src)...)
	if s.Demo {
		for _, key := range notOnStage {
			if len(src.flags[key].typed) > 0 {
				add(key, "does not go with --demo, which touches nothing real.")
			}
		}
		return found
	}
	if s.QuayOrg == "" {
		add("QUAY_ORG", "is not set. The Quay organization that holds the repositories.  (--quay-org)")
	} else if !quay.ValidOrganization(s.QuayOrg) {
		add("QUAY_ORG", "is not the name of a Quay organization: lower-case letters and digits, single . _ or - between, at most 100.")
	}
	if address, err := quay.ParseAddress(s.QuayURL); err != nil {
		add("QUAY_URL", err.Error()+".")
	} else if _, err := quay.ParseImageHost(address.Host); err != nil && s.ImageHost == "" {
		add("QUAY_URL", "has a host that no image's name can begin with. Say by which its images are called.  (--image-host)")
	}
	if s.QuayCAFile != "" {
		var err error
		if s.roots, err = trusted(s.QuayCAFile); err != nil {
			add("QUAY_CA_FILE", told(s.QuayCAFile)+err.Error()+". Mount the certificates, as PEM, there.")
		}
	}
	return append(found, s.findToken(src)...)
}

// elements are what the lists hold, where that can be told; variables are filled in.
var elements = map[string]struct {
	valid func(string) bool
	text  string
}{
	"NAMESPACE":            {component.ValidNamespace, "is not the name of a namespace."},
	"PUSH_SERVICE_ACCOUNT": {validAccount, "is not the name of a ServiceAccount."},
	"PULL_SERVICE_ACCOUNT": {validAccount, "is not the name of a ServiceAccount."},
}

func validAccount(name string) bool { return component.ValidName(world.ComponentName(name, "x")) }

// checkLists looks into the lists. An element that is empty is a slip, such as a comma too
// many or a variable that is not set, and must not widen what a run does.
func (s *settings) checkLists(src sources) problems {
	var found problems
	for _, f := range fields() {
		list, given := src.Lookup(f.env)
		if f.Type.Kind() != reflect.Slice || !given {
			continue
		}
		for element := range strings.SplitSeq(list, ",") {
			element = strings.TrimSpace(element)
			if element == "" {
				found = append(found, problem{src.name(f.env), "has an empty element."})
				break
			}
			if of, known := elements[f.env]; known && !of.valid(element) {
				found = append(found, problem{src.name(f.env), of.text})
				break
			}
		}
	}
	return found
}

// checkSources prepares how git hosts are asked.
func (s *settings) checkSources(src sources) problems {
	var found problems
	s.git = gitsource.Options{Hosts: s.SourceHosts, UserAgent: "git/2.0 berth/" + version()} // some hosts answer git alone
	for _, host := range s.SourceHosts {
		if host != "" && !gitsource.ValidHost(host) {
			found = append(found, problem{src.name("SOURCE_HOSTS"), "is not a host name, such as git.example.com or *.example.com."})
			break
		}
	}
	if s.SourceProxy != "" {
		proxy, err := url.Parse(s.SourceProxy)
		if err != nil || proxy.Host == "" || proxy.Scheme != "http" && proxy.Scheme != "https" {
			found = append(found, problem{src.name("SOURCE_PROXY"), "is not a URL of the form http://HOST:PORT."})
		}
		s.git.Proxy = proxy
	}
	if s.SourceCAFile != "" {
		var err error
		if s.git.RootCAs, err = trusted(s.SourceCAFile); err != nil {
			found = append(found, problem{src.name("SOURCE_CA_FILE"), told(s.SourceCAFile) + err.Error() + ". Mount the certificates, as PEM, there."})
		}
	}
	return found
}

// replaceable reports whether a file can be put in the place of this one: in a folder, and
// not over a device.
func replaceable(file string) bool {
	folder, err := os.Stat(filepath.Dir(file))
	there, missing := os.Stat(file)
	return err == nil && folder.IsDir() && (missing != nil || there.Mode().IsRegular())
}

// checkMetrics looks at where metrics, and the page, are to go before a run has something
// to tell.
func (s *settings) checkMetrics(src sources) problems {
	var found problems
	for _, f := range []struct{ key, name string }{{"METRICS_FILE", s.MetricsFile}, {"REPORT", s.Report}} {
		if f.name != "" && !replaceable(f.name) {
			found = append(found, problem{src.name(f.key), "is not a file in a folder that exists."})
		}
	}
	if s.MetricsPushURL != "" {
		to, err := url.Parse(s.MetricsPushURL)
		if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" || to.RawQuery != "" || to.Fragment != "" {
			found = append(found, problem{src.name("METRICS_PUSH_URL"), "is not a URL of the form http://HOST:PORT."})
		}
	}
	return found
}

// trusted are a file's certificates besides the system's, which take long to read and are
// not looked at before they are needed.
func trusted(file string) (func() *x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fileProblem(err)
	}
	own := x509.NewCertPool()
	if !own.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate")
	}
	return func() *x509.CertPool {
		all, err := x509.SystemCertPool()
		if err != nil {
			return own // the system has none
		}
		all.AppendCertsFromPEM(pem)
		return all
	}, nil
}

// findToken decides where the token is read, each time it is needed: the
// platform exchanges the file while programs run.
func (s *settings) findToken(src sources) problems {
	name, file := src.name("QUAY_TOKEN_FILE"), s.QuayTokenFile
	if value, ok := src.environment.Lookup("QUAY_TOKEN"); ok && value != "" && file == "" {
		s.tokenFrom = "variable BERTH_QUAY_TOKEN"
		s.token = func() (quay.Token, error) { return quay.NewToken(strings.TrimSpace(value)), nil }
		return nil
	}
	if file == "" && s.QuayCredentialsDir != "" {
		name, file = src.name("QUAY_CREDENTIALS_DIR"), filepath.Join(s.QuayCredentialsDir, "quaytoken")
	}
	if file == "" {
		return problems{{name, "is not set. A file with the OAuth token of the organization.  (--quay-token-file, or BERTH_QUAY_TOKEN)"}}
	}
	s.tokenFrom = "file " + file + " (" + name + ")"
	s.token = func() (quay.Token, error) {
		raw, err := os.ReadFile(file)
		if err != nil {
			return quay.Token{}, fileProblem(err)
		}
		return quay.NewToken(strings.TrimSpace(string(raw))), nil
	}
	token, err := s.token()
	switch {
	case err != nil:
		return problems{{name, told(file) + err.Error() + ". Mount the Secret with the OAuth token there."}}
	case token.IsZero():
		return problems{{name, told(file) + "is empty. It should hold the OAuth token."}}
	}
	return nil
}

// readCredentials takes address and organization from the files that
// image-controller mounts; what is set explicitly wins over them.
func (s sources) readCredentials(dir string) problems {
	var found problems
	for _, f := range []struct{ key, name string }{{"QUAY_URL", "quayapiurl"}, {"QUAY_ORG", "organization"}} {
		if _, explicit := s.Lookup(f.key); explicit {
			continue
		}
		file := filepath.Join(dir, f.name)
		raw, err := os.ReadFile(file)
		switch {
		case errors.Is(err, os.ErrNotExist) && f.key == "QUAY_URL": // image-controller has a default for it too
		case err != nil:
			found = append(found, problem{s.name("QUAY_CREDENTIALS_DIR"), told(file) + fileProblem(err).Error() + "."})
		default:
			s.platform[f.key] = said{strings.TrimSpace(string(raw)), s.name("QUAY_CREDENTIALS_DIR")}
		}
	}
	return found
}

// told names a file that something is wrong with, unless it is no path: a token
// given where its file's name belongs must not be repeated.
func told(file string) string {
	if !strings.ContainsRune(file, filepath.Separator) {
		return ""
	}
	return file + ": "
}

func fileProblem(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("no such file")
	case errors.Is(err, os.ErrPermission):
		return errors.New("permission denied")
	}
	return errors.New("cannot be read")
}

// named leaves out what is empty, which is told as what it is.
func named(typed []string) []string {
	return slices.DeleteFunc(slices.Clone(typed), func(name string) bool { return name == "" })
}

// keys reads names of Components.
func (p *problems) keys(source string, names []string) []component.Key {
	var keys []component.Key
	for _, typed := range names {
		namespace, name, ok := strings.Cut(typed, "/")
		if !ok || !component.ValidNamespace(namespace) || !component.ValidName(name) {
			*p = append(*p, problem{source, "is not of the form NAMESPACE/NAME."})
			continue
		}
		keys = append(keys, component.Key{Namespace: namespace, Name: name})
	}
	return keys
}
