package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/deploy"
	"berth/deploy/deploytest"
	"berth/kube/kubetest/controlplane"
)

// operations is a cluster with controllers and a node, and the working folder of the
// engineer who follows docs/operations.md.
type operations struct {
	*realCluster
	node  *node
	dir   string
	shell []string // its environment
}

func newOperations(t *testing.T) *operations {
	t.Helper()
	cp := controlplane.Start(t, controlplane.AppStudio, controlplane.WithControllers)
	o := &operations{realCluster: &realCluster{cp: cp, platform: newPlatform(t), objects: asAdmin(t, cp)}, dir: t.TempDir()}
	o.apply(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")
	o.apply(t, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: appstudio-pipeline, namespace: shop}}")
	for _, name := range []string{"cart", "till", "safe"} {
		o.apply(t, fmt.Sprintf(`{apiVersion: appstudio.redhat.com/v1alpha1, kind: Component, metadata: {name: %s, namespace: shop}, spec: {componentName: %[1]s, application: shop}}`, name))
	}
	o.apply(t, `
{apiVersion: appstudio.redhat.com/v1alpha1, kind: Environment, metadata: {name: dev, namespace: shop}, spec: {displayName: dev, deploymentStrategy: Manual, type: POC}}
---
{apiVersion: appstudio.redhat.com/v1alpha1, kind: SnapshotEnvironmentBinding, metadata: {name: dev, namespace: shop},
 spec: {application: shop, environment: dev, snapshot: s, components: [{name: safe, configuration: {}}]}}`)
	manifests(t, filepath.Join(o.dir, "deploy"))
	bin := t.TempDir()
	cp.InstallKubectl(t, bin)
	cp.Kubeconfig(t, filepath.Join(o.dir, "kubeconfig"), controlplane.Admin)
	roots := o.platform.env["BERTH_QUAY_CA_FILE"]
	o.shell = []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GORACE=atexit_sleep_ms=0", "GOGC=" + os.Getenv("GOGC"),
		"KUBECONFIG=" + filepath.Join(o.dir, "kubeconfig"), "SSL_CERT_FILE=" + roots,
		"CA_FILE=" + roots, "IMAGE=quay.io/acme/berth", "TAG=v0.1.0", "COMPONENT=shop/cart",
		"BERTH_QUAY_URL=" + o.platform.env["BERTH_QUAY_URL"], "BERTH_QUAY_ORG=" + deploytest.Org, "BERTH_QUAY_TOKEN_FILE=" + o.platform.env["BERTH_QUAY_TOKEN_FILE"],
	}
	o.node = startNode(t, cp, roots)
	return o
}

// manifests lays down all that is shipped, with the next start half an hour off: one that came
// while a test looks would be a pod too many.
func manifests(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, deploy.Manifests); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "base/cronjob.yaml")
	whole := string(readFile(t, path))
	schedule := regexp.MustCompile(`(?m)^  schedule: "[^"]*"`)
	if len(schedule.FindAllString(whole, -1)) != 1 {
		t.Fatal("the CronJob has no schedule, or several")
	}
	later := time.Now().Add(30 * time.Minute).Minute()
	if err := os.WriteFile(path, []byte(schedule.ReplaceAllString(whole, fmt.Sprintf(`  schedule: "%d * * * *"`, later))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// section is what stands under one heading.
type section struct {
	heading string
	scripts []string
}

// sections are those of a document that hold commands.
func sections(t *testing.T, document string) []section {
	t.Helper()
	var all []section
	for text := range strings.SplitSeq(document, "\n## ") {
		heading, rest, _ := strings.Cut(text, "\n")
		s := section{heading: heading}
		for i, part := range strings.Split(rest, "\n```") {
			if i%2 == 1 {
				script, ok := strings.CutPrefix(part, "sh\n")
				if strings.HasPrefix(part, "yaml\n") {
					continue // TestDeploy applies it
				}
				if !ok {
					t.Errorf("%s: a block that is no sh: %s", heading, part)
				}
				s.scripts = append(s.scripts, script)
			}
		}
		if s.scripts != nil {
			all = append(all, s)
		}
	}
	return all
}

// export sets a variable for the scripts that follow.
func (o *operations) export(variable string) { o.shell = append(o.shell, variable) }

// do runs a script and returns what it wrote.
func (o *operations) do(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the waits in the document are a real cluster's
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-euc", script)
	cmd.WaitDelay = time.Second // what the shell started may outlive it
	cmd.Dir, cmd.Env = o.dir, o.shell
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s\n%s", err, script, out)
	}
	return string(out)
}

// TestOperations runs every command of docs/operations.md and looks at what became of
// it.
func TestOperations(t *testing.T) {
	t.Parallel()
	o := newOperations(t)
	checks := []struct {
		heading string
		before  func(o *operations)
		check   func(t *testing.T, o *operations, said string)
	}{
		{"Install, and look", nil, looked},
		{"Take over from image-controller", func(o *operations) { o.filled(t) }, tookOver},
		{"Go live", nil, wentLive},
		{"One run", nil, ranOnce},
		{"Suspend", nil, suspended},
		{"Upgrade", func(o *operations) { o.export("TAG=v0.2.0") }, upgraded},
		{"A Quay with certificates of your own", func(o *operations) { o.node.trust("") }, trusting},
		{"Shards", nil, sharded},
		{"A page to look at", nil, paged},
		{"Take rights away", nil, narrowed},
		{"Go back to image-controller", nil, wentBack},
		{"Remove", nil, removed},
	}
	all := sections(t, string(readFile(t, "../docs/operations.md")))
	if len(all) != len(checks) {
		t.Fatalf("%d sections hold commands, %d are looked at", len(all), len(checks))
	}
	for i, s := range all {
		passed := t.Run(s.heading, func(t *testing.T) {
			if s.heading != checks[i].heading {
				t.Fatalf("the section is not %q", checks[i].heading)
			}
			if before := checks[i].before; before != nil {
				before(o)
			}
			var said strings.Builder
			for _, script := range s.scripts {
				said.WriteString(o.do(t, script))
			}
			checks[i].check(t, o, said.String())
			if s.heading == "Upgrade" { // as good a platform as any to be called to
				o.runbook(t)
			}
		})
		if !passed {
			return // the rest goes on from there
		}
	}
}
