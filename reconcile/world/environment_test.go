package world_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"berth/kube"
	"berth/reconcile/world"
	"berth/testdata/scene"
)

var resolutions = []struct {
	why         string
	Deployments world.Deployments
	authorizing int  // ServiceAccounts with the operator's label; 0 counts as 1
	none        bool // really none
	taken       string
	known       bool           // what is open is a place that is known, and refused
	component   kube.Component // zero: tenant/billing of shop
	want        world.Resolution
}{
	{why: "nothing is bound anywhere"},
	{
		why:         "an Environment without a binding is none of the Component's",
		Deployments: world.Deployments{Environments: []kube.Environment{scene.Plainly("dev")}},
	},
	{
		why:         "an Environment that states no place is the namespace itself",
		Deployments: world.Deployments{Environments: []kube.Environment{scene.Plainly("dev")}, Bindings: scene.Bind("dev")},
		want:        world.Resolution{Here: []string{"dev"}},
	},
	{
		why: "two bindings for one application and Environment are one",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Plainly("dev")}, Bindings: scene.Bind("dev", "dev"),
		},
		want: world.Resolution{Here: []string{"dev"}},
	},
	{
		why: "a binding calls the Component by its spec.componentName",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Plainly("dev"), scene.Plainly("test")},
			Bindings: []kube.EnvironmentBinding{
				{Namespace: "tenant", Application: "shop", Environment: "dev", Components: []string{"bill"}},
				{Namespace: "tenant", Application: "shop", Environment: "test", Components: []string{"billing"}},
			},
		},
		component: kube.Component{Namespace: "tenant", Name: "billing", Application: "shop", ComponentName: "bill"},
		want:      world.Resolution{Here: []string{"dev", "test"}},
	},
	{
		why: "a Component without a spec.componentName is not what a binding without a name means",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Plainly("dev")},
			Bindings:     []kube.EnvironmentBinding{{Namespace: "tenant", Application: "shop", Environment: "dev", Components: []string{""}}},
		},
	},
	{
		why: "a binding of another application is not for this one",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Plainly("dev")},
			Bindings:     []kube.EnvironmentBinding{{Namespace: "tenant", Application: "bakery", Environment: "dev", Components: []string{"billing"}}},
		},
	},
	{
		why: "a binding that does not name the Component is not for it",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Plainly("dev")},
			Bindings:     []kube.EnvironmentBinding{{Namespace: "tenant", Application: "shop", Environment: "dev", Components: []string{"billing-2", "bill"}}},
		},
	},
	{
		why: "a binding in another namespace does not reach here",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Plainly("dev")},
			Bindings:     []kube.EnvironmentBinding{{Namespace: "other", Application: "shop", Environment: "dev", Components: []string{"billing"}}},
		},
	},
	{
		why: "a Component without an application runs nowhere, whatever a binding without one says",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Plainly("dev")},
			Bindings:     []kube.EnvironmentBinding{{Namespace: "tenant", Environment: "dev", Components: []string{"billing"}}},
		},
		component: kube.Component{Namespace: "tenant", Name: "billing"},
	},
	{
		why:         "the binding outlived its Environment",
		Deployments: world.Deployments{Bindings: scene.Bind("gone")},
		want:        world.Resolution{Open: []world.Open{{Environment: "gone", Why: "there is no such Environment"}}},
	},
	{
		why: "an Environment of the name in another namespace is not meant",
		Deployments: world.Deployments{
			Environments: []kube.Environment{{Namespace: "other", Name: "dev"}}, Bindings: scene.Bind("dev"),
		},
		want: world.Resolution{Open: []world.Open{{Environment: "dev", Why: "there is no such Environment"}}},
	},
	{
		why: "the claim names its target",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims: []kube.DeploymentTargetClaim{scene.Bound("c", "t")}, Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "c", "prod-ns", scene.Api, "creds")},
		},
		want: world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "prod-ns", "creds", "prod")}},
	},
	{
		why: "the one target that says it is for the claim is meant when the claim names none",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims:  []kube.DeploymentTargetClaim{scene.Bound("c", "")},
			Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "c", "prod-ns", scene.Api, "creds"), scene.DeploymentTarget("u", "d", "x", scene.Api, "creds")},
		},
		want: world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "prod-ns", "creds", "prod")}},
	},
	{
		why: "two targets for one claim: nobody can tell which",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims:  []kube.DeploymentTargetClaim{scene.Bound("c", "")},
			Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "c", "a", scene.Api, "creds"), scene.DeploymentTarget("u", "c", "b", scene.Api, "creds")},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTargetClaim c has 2 DeploymentTargets, not one"}}},
	},
	{
		why: "two targets for one claim that names one of them",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims:  []kube.DeploymentTargetClaim{scene.Bound("c", "u")},
			Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "c", "a", scene.Api, "creds"), scene.DeploymentTarget("u", "c", "b", scene.Api, "creds")},
		},
		want: world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "b", "creds", "prod")}},
	},
	{
		why: "no target is for the claim",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"), Claims: []kube.DeploymentTargetClaim{scene.Bound("c", "")},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTargetClaim c has 0 DeploymentTargets, not one"}}},
	},
	{
		why: "the target that the claim names does not exist",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"), Claims: []kube.DeploymentTargetClaim{scene.Bound("c", "t")},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "the DeploymentTarget t of its claim c does not exist"}}},
	},
	{
		why: "the target that the claim names is for another claim",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims: []kube.DeploymentTargetClaim{scene.Bound("c", "t")}, Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "d", "prod-ns", scene.Api, "creds")},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "the DeploymentTarget t of its claim c is bound to another claim"}}},
	},
	{
		why: "a pending claim",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims:  []kube.DeploymentTargetClaim{{Namespace: "tenant", Name: "c", Target: "t", Phase: "Pending"}},
			Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "c", "prod-ns", scene.Api, "creds")},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTargetClaim c is not bound yet"}}},
	},
	{
		why: "a claim that nobody has looked at yet",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims: []kube.DeploymentTargetClaim{{Namespace: "tenant", Name: "c"}},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTargetClaim c is not bound yet"}}},
	},
	{
		why: "a lost claim",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims: []kube.DeploymentTargetClaim{{Namespace: "tenant", Name: "c", Phase: "Lost"}},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTargetClaim c has lost its DeploymentTarget"}}},
	},
	{
		why:         "a claim that does not exist, or whose kind the cluster does not have",
		Deployments: world.Deployments{Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod")},
		want:        world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTargetClaim c does not exist"}}},
	},
	{
		why: "a name that is no name is shown as what it is, and shortened",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c\n\x1b[31m"+strings.Repeat("x", 1000))}, Bindings: scene.Bind("prod"),
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: `its DeploymentTargetClaim "c\n\x1b[31m` + strings.Repeat("x", 33) + `" does not exist`}}},
	},
	{
		why: "a claim comes before the credentials in the Environment",
		Deployments: world.Deployments{
			Environments: []kube.Environment{{Namespace: "tenant", Name: "prod", Claim: "c", Credentials: &kube.Credentials{Namespace: "unstable", APIURL: scene.Api, Secret: "creds"}}},
			Bindings:     scene.Bind("prod"), Claims: []kube.DeploymentTargetClaim{scene.Bound("c", "t")},
			Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "", "stable", scene.Api, "creds")},
		},
		want: world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "stable", "creds", "prod")}},
	},
	{
		why: "an unresolved claim does not fall back to the credentials in the Environment",
		Deployments: world.Deployments{
			Environments: []kube.Environment{{Namespace: "tenant", Name: "prod", Claim: "c", Credentials: &kube.Credentials{Namespace: "unstable", APIURL: scene.Api, Secret: "creds"}}},
			Bindings:     scene.Bind("prod"),
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTargetClaim c does not exist"}}},
	},
	{
		why:         "the credentials in the Environment",
		Deployments: world.Deployments{Environments: []kube.Environment{scene.Stating("prod", "prod-ns", scene.Api, "creds")}, Bindings: scene.Bind("prod")},
		want:        world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "prod-ns", "creds", "prod")}},
	},
	{
		why:         "credentials without a namespace are their author's mistake",
		Deployments: world.Deployments{Environments: []kube.Environment{scene.Stating("prod", "", scene.Api, "creds")}, Bindings: scene.Bind("prod")},
		want:        world.Resolution{Open: []world.Open{{Environment: "prod", Why: "it names no namespace"}}},
	},
	{
		why: "a DeploymentTarget without a namespace",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("prod", "c")}, Bindings: scene.Bind("prod"),
			Claims: []kube.DeploymentTargetClaim{scene.Bound("c", "t")}, Targets: []kube.DeploymentTarget{scene.DeploymentTarget("t", "c", "", scene.Api, "creds")},
		},
		want: world.Resolution{Open: []world.Open{{Environment: "prod", Why: "its DeploymentTarget t names no namespace"}}},
	},
	{
		why:         "a namespace that cannot be one",
		Deployments: world.Deployments{Environments: []kube.Environment{scene.Stating("prod", "../kube-system", "", "")}, Bindings: scene.Bind("prod")},
		want:        world.Resolution{Open: []world.Open{{Environment: "prod", Why: "it names a namespace that cannot exist"}}},
	},
	{
		why: "a cluster's address is https and a host, without a login, a query or anything else",
		Deployments: world.Deployments{
			Environments: []kube.Environment{
				scene.Stating("a", "ns", "http://api.prod.example", "creds"), scene.Stating("b", "ns", "https://", "creds"), scene.Stating("c", "ns", "https://user:pass@h", "creds"),
				scene.Stating("d", "ns", "https://h?x=y", "creds"), scene.Stating("e", "ns", "ftp://h", "creds"), scene.Stating("f", "ns", "https://h/\x00", "creds"),
				scene.Stating("g", "ns", "https://h/"+strings.Repeat("x", 2048), "creds"),
			},
			Bindings: scene.Bind("a", "b", "c", "d", "e", "f", "g"),
		},
		want: world.Resolution{Open: func() (open []world.Open) {
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
				open = append(open, world.Open{Environment: name, Why: "it names a cluster by something else than https://HOST"})
			}
			return open
		}()},
	},
	{
		why: "another cluster takes credentials, by a name that can be one",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("a", "ns", scene.Api, ""), scene.Stating("b", "ns", scene.Api, "no name")}, Bindings: scene.Bind("a", "b"),
		},
		want: world.Resolution{Open: []world.Open{
			{Environment: "a", Why: "it names no Secret with credentials for its cluster"}, {Environment: "b", Why: "it names a Secret with credentials that cannot exist"},
		}},
	},
	{
		why: "another namespace of this cluster; credentials for it mean nothing",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("stage", "tenant-stage", "", "creds")}, Bindings: scene.Bind("stage"),
		},
		want: world.Resolution{Targets: []world.Target{scene.Here("tenant-stage", "stage")}},
	},
	{
		known: true,
		why:   "another namespace of this cluster, without a ServiceAccount of the tenant's that authorizes it",
		none:  true,
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("stage", "elsewhere", "", "")}, Bindings: scene.Bind("stage"),
		},
		want: world.Resolution{Open: []world.Open{{Environment: "stage", Why: "namespace elsewhere is not the Component's own, which takes exactly one ServiceAccount here with the label " +
			"appstudio.redhat.com/remotesecret-auth-sa; there are 0"}}},
	},
	{
		known:       true,
		why:         "with two such ServiceAccounts the operator would refuse, too",
		authorizing: 2,
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("stage", "tenant-stage", "", "")}, Bindings: scene.Bind("stage"),
		},
		want: world.Resolution{Open: []world.Open{{Environment: "stage", Why: "namespace tenant-stage is not the Component's own, which takes exactly one ServiceAccount here with the label " +
			"appstudio.redhat.com/remotesecret-auth-sa; there are 2"}}},
	},
	{
		known: true,
		why:   "the platform's namespaces are nobody's target, whatever the tenant's ServiceAccount may do",
		Deployments: world.Deployments{
			Environments: []kube.Environment{
				scene.Stating("a", "kube-system", "", ""), scene.Stating("b", "openshift", "", ""), scene.Stating("c", "openshift-config", "", ""), scene.Stating("d", "kubeflow", "", ""),
			},
			Bindings: scene.Bind("a", "b", "c", "d"),
		},
		want: world.Resolution{
			Targets: []world.Target{scene.Here("kubeflow", "d")},
			Open: []world.Open{
				{Environment: "a", Why: "namespace kube-system is the platform's"}, {Environment: "b", Why: "namespace openshift is the platform's"}, {Environment: "c", Why: "namespace openshift-config is the platform's"},
			},
		},
	},
	{
		why:         "another cluster takes no ServiceAccount of this one",
		none:        true,
		Deployments: world.Deployments{Environments: []kube.Environment{scene.Stating("prod", "kube-system", scene.Api, "creds")}, Bindings: scene.Bind("prod")},
		want:        world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "kube-system", "creds", "prod")}},
	},
	{
		known: true,
		why:   "the pull Secret of a Component there would be overwritten",
		taken: "globex",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("stage", "globex", "", "")}, Bindings: scene.Bind("stage"),
		},
		want: world.Resolution{Open: []world.Open{{Environment: "stage", Why: "a Component in namespace globex has a Secret of the same name; rename one of the two, or let this Environment lead elsewhere"}}},
	},
	{
		why:   "its own namespace, written out, is its own namespace: never a target",
		none:  true,
		taken: "tenant",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("dev", "tenant", "", ""), scene.Plainly("test")}, Bindings: scene.Bind("dev", "test"),
		},
		want: world.Resolution{Here: []string{"dev", "test"}},
	},
	{
		why: "the namespace of this name in another cluster is a target like any other",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("prod", "tenant", scene.Api, "creds")}, Bindings: scene.Bind("prod"),
		},
		want: world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "tenant", "creds", "prod")}},
	},
	{
		why: "two Environments in one place are one target, also when one writes a slash more",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("b", "ns", scene.Api, "creds"), scene.Stating("a", "ns", scene.Api+"/", "creds")}, Bindings: scene.Bind("b", "a"),
		},
		want: world.Resolution{Targets: []world.Target{scene.Remote(scene.Api, "ns", "creds", "a", "b")}},
	},
	{
		known: true,
		why:   "two Environments in one place with different credentials: the first by name counts",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Stating("b", "ns", scene.Api, "theirs"), scene.Stating("a", "ns", scene.Api, "creds")}, Bindings: scene.Bind("b", "a"),
		},
		want: world.Resolution{
			Targets: []world.Target{scene.Remote(scene.Api, "ns", "creds", "a")},
			Open:    []world.Open{{Environment: "b", Why: "it leads to the same place as a, with other credentials"}},
		},
	},
	{
		why: "what is unresolved keeps nothing else from being found",
		Deployments: world.Deployments{
			Environments: []kube.Environment{scene.Claiming("a", "c"), scene.Stating("b", "x", "", ""), scene.Plainly("d")}, Bindings: scene.Bind("a", "b", "d", "gone"),
		},
		want: world.Resolution{
			Here: []string{"d"}, Targets: []world.Target{scene.Here("x", "b")},
			Open: []world.Open{{Environment: "a", Why: "its DeploymentTargetClaim c does not exist"}, {Environment: "gone", Why: "there is no such Environment"}},
		},
	},
}

func TestResolve(t *testing.T) {
	t.Parallel()
	if len(resolutions) < 25 {
		t.Errorf("only %d rows", len(resolutions))
	}
	for _, row := range resolutions {
		e := row.Deployments.ByNamespace()["tenant"]
		if e != nil && !row.none {
			e.Authorizing = max(1, row.authorizing)
		}
		c := row.component
		if c.Name == "" {
			c = scene.Component("tenant", "billing")
		}
		row.want.Unknown = len(row.want.Open) > 0 && !row.known
		got := e.Resolve(&c, heldIn(row.taken))
		if diff := cmp.Diff(row.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

// heldIn says that a Component has the Secret's name in one namespace.
func heldIn(taken string) func(string) world.Holder {
	return func(namespace string) world.Holder {
		if namespace == taken {
			return world.Another
		}
		return world.Nobody
	}
}

// A tenant can write as many Environments as it likes.
func TestTargetsAreBounded(t *testing.T) {
	t.Parallel()
	var d world.Deployments
	var names []string
	for i := range 24_000 {
		name := fmt.Sprintf("e%05d", i)
		names = append(names, name)
		d.Environments = append(d.Environments, scene.Stating(name, "ns-"+name, scene.Api, "creds"))
	}
	d.Bindings = scene.Bind(names...)
	r := d.ByNamespace()["tenant"].Resolve(new(scene.Component("tenant", "billing")), heldIn(""))
	if len(r.Targets) != 100 || len(r.Open) != 100 || r.More != 24_000-200 || r.Unknown {
		t.Errorf("%d targets, %d unresolved, %d more, unknown: %v", len(r.Targets), len(r.Open), r.More, r.Unknown)
	}
}

// drawDeployments makes an inventory in which names meet often.
func drawDeployments(t *rapid.T) world.Deployments {
	namespace := rapid.SampledFrom([]string{"tenant", "other"})
	name := rapid.SampledFrom([]string{"a", "b", "c"})
	place := rapid.SampledFrom([]string{"", "tenant", "other", "stage", "no namespace", "kube-system"})
	address := rapid.SampledFrom([]string{"", "", scene.Api, scene.Api + "/", "https://b.example", "http://c.example"})
	maybe := rapid.SampledFrom([]string{"", "a", "b", "c"})
	credentials := rapid.Custom(func(t *rapid.T) kube.Credentials {
		return kube.Credentials{Namespace: place.Draw(t, "place"), APIURL: address.Draw(t, "address"), Secret: maybe.Draw(t, "secret")}
	})
	var d world.Deployments
	unique := func(namespace, name string) string { return namespace + "/" + name }
	d.Environments = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) kube.Environment {
		e := kube.Environment{Namespace: namespace.Draw(t, "ns"), Name: name.Draw(t, "name"), Claim: maybe.Draw(t, "claim")}
		if rapid.Bool().Draw(t, "stated") {
			c := credentials.Draw(t, "credentials")
			e.Credentials = &c
		}
		return e
	}), 0, 6, func(e kube.Environment) string { return unique(e.Namespace, e.Name) }).Draw(t, "environments")
	d.Claims = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) kube.DeploymentTargetClaim {
		return kube.DeploymentTargetClaim{
			Namespace: namespace.Draw(t, "ns"), Name: name.Draw(t, "name"), Target: maybe.Draw(t, "target"),
			Phase: rapid.SampledFrom([]string{"Bound", "Bound", "Pending", "Lost", ""}).Draw(t, "phase"),
		}
	}), 0, 6, func(c kube.DeploymentTargetClaim) string { return unique(c.Namespace, c.Name) }).Draw(t, "claims")
	d.Targets = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) kube.DeploymentTarget {
		return kube.DeploymentTarget{
			Namespace: namespace.Draw(t, "ns"), Name: name.Draw(t, "name"), Claim: maybe.Draw(t, "claim"), Credentials: credentials.Draw(t, "credentials"),
		}
	}), 0, 6, func(x kube.DeploymentTarget) string { return unique(x.Namespace, x.Name) }).Draw(t, "targets")
	d.Bindings = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) kube.EnvironmentBinding {
		return kube.EnvironmentBinding{
			Namespace: namespace.Draw(t, "ns"), Application: rapid.SampledFrom([]string{"shop", "bakery", ""}).Draw(t, "application"),
			Environment: name.Draw(t, "environment"), Components: rapid.SliceOfN(rapid.SampledFrom([]string{"billing", "api"}), 0, 2).Draw(t, "components"),
		}
	}), 0, 6).Draw(t, "bindings")
	return d
}

// Resolution depends on no order, accounts for every Environment that asks exactly
// once, and never invents a place: each stands, letter by letter, in something that the
// Component's own namespace holds.
func TestResolutionProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := drawDeployments(t)
		c := scene.Component("tenant", "billing")
		resolve := func(d world.Deployments) world.Resolution {
			e := d.ByNamespace()["tenant"]
			if e != nil {
				e.Authorizing = 1
			}
			return e.Resolve(&c, heldIn(""))
		}
		r := resolve(d)
		shuffled := world.Deployments{Environments: slices.Clone(d.Environments), Bindings: slices.Clone(d.Bindings), Claims: slices.Clone(d.Claims), Targets: slices.Clone(d.Targets)}
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		scene.Shuffle(order, shuffled.Environments)
		scene.Shuffle(order, shuffled.Bindings)
		scene.Shuffle(order, shuffled.Claims)
		scene.Shuffle(order, shuffled.Targets)
		if diff := cmp.Diff(r, resolve(shuffled)); diff != "" {
			t.Fatalf("the order matters:\n%s", diff)
		}
		checkAsked(t, d, r)
		for _, target := range r.Targets {
			if target.APIURL == "" && target.Namespace == c.Namespace {
				t.Fatal("the Component's own namespace is a target")
			}
			if !slices.ContainsFunc(stated(d), func(s kube.Credentials) bool {
				return s.Namespace == target.Namespace && strings.TrimRight(s.APIURL, "/") == target.APIURL && (s.APIURL == "" || s.Secret == target.Credentials)
			}) {
				t.Fatalf("nobody states %+v", target)
			}
		}
	})
}

// stated lists the places that the namespace tenant holds.
func stated(d world.Deployments) []kube.Credentials {
	var all []kube.Credentials
	for _, e := range d.Environments {
		if e.Namespace == "tenant" && e.Credentials != nil {
			all = append(all, *e.Credentials)
		}
	}
	for _, x := range d.Targets {
		if x.Namespace == "tenant" {
			all = append(all, x.Credentials)
		}
	}
	return all
}

// checkAsked compares the Environments that a resolution accounts for with those that
// the bindings name.
func checkAsked(t *rapid.T, d world.Deployments, r world.Resolution) {
	var asked, told []string
	for _, b := range d.Bindings {
		if b.Namespace == "tenant" && b.Application == "shop" && slices.Contains(b.Components, "billing") {
			asked = append(asked, b.Environment)
		}
	}
	slices.Sort(asked)
	told = append(told, r.Here...)
	for _, target := range r.Targets {
		told = append(told, target.Environments...)
	}
	for _, o := range r.Open {
		told = append(told, o.Environment)
	}
	slices.Sort(told)
	if !slices.Equal(slices.Compact(asked), told) {
		t.Fatalf("asked %q, told %q", asked, told)
	}
}
