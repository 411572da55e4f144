package component

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"berth/kube"
	"berth/quay"
)

// The names are a contract with everything that was made before: they must not
// change between versions.
func TestNamesStay(t *testing.T) {
	t.Parallel()
	n, err := someNaming().Names(new(componentOf("acme-tenant", "billing")), "uid-of-acme-tenant")
	if err != nil {
		t.Fatal(err)
	}
	want := Names{
		Repository: "acme-tenant/billing",
		Mark:       "berth/1 key=6uzsm4ppj76oghbdscatdc35a2 ns=rms4frmmxvxq2pth acme-tenant/billing",
		Push: Account{
			Robot: "berth_acme_tenant_billing_22zump6qwde4wons_push", First: "berth_acme_tenant_billing_22zump6qwde4wons_push", Role: quay.Write, Secret: "billing-image-push",
			Mark: "berth/1 key=6uzsm4ppj76oghbdscatdc35a2 uid=pwwph5qmozb252g6 push acme-tenant/billing",
		},
		Pull: Account{
			Robot: "berth_acme_tenant_billing_22zump6qwde4wons_pull", First: "berth_acme_tenant_billing_22zump6qwde4wons_pull", Role: quay.Read, Secret: "billing-image-pull",
			Mark: "berth/1 key=6uzsm4ppj76oghbdscatdc35a2 uid=pwwph5qmozb252g6 pull acme-tenant/billing",
		},
	}
	if d := cmp.Diff(want, n); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
}

// hostile are Components whose names invite a mistake. All of them are told
// apart by everything that must differ.
var hostile = []struct{ namespace, name, why string }{
	{"a-b", "c", "the readable part of the robot folds this and the next to one"},
	{"a", "b-c", "the same letters, cut elsewhere"},
	{"a", "b.c", "a dot folds to the same"},
	{"ab", "c", "glued without a separator this and the next are one"},
	{"a", "bc", "as image-controller glued them in 2023"},
	{"a--b", "c", "Quay refuses robots with two separators in a row"},
	{"a", "b--c", "the same in the Component"},
	{"a", "b---c", "and once more"},
	{"a", "b-c.d", "a separator of each kind"},
	{"a", "b.c-d", "the same two, exchanged"},
	{"x", "x", "namespace and Component alike"},
	{"x", "x-pull", "ends as the pull Secret of 2023 did"},
	{"x", "x-image-pull", "is called as the pull Secret of its neighbour"},
	{"x", "x-image-push", "is called as the push Secret of its neighbour"},
	{"x", "x-image-pull-image-pull", "is called as the pull Secret of that one"},
	{"0", "0", "digits alone"},
	{"push", "pull", "is called as the ends of the robots"},
	{"berth", "1", "is called as the mark begins"},
	{"x", "key", "looks like a field of the mark"},
	{"permissions", "user", "looks like a route of Quay, and is none without a repository before it"},
	{strings.Repeat("n", 63), strings.Repeat("c", 191), "a repository of 255 characters"},
	{"n", strings.Repeat("c", 242), "the longest whose Secret is not cut"},
	{"n", strings.Repeat("c", 243), "the shortest whose Secret is cut"},
	{"n", strings.Repeat("c", 253), "the longest that Kubernetes allows"},
	{"n", strings.Repeat("c", 252) + "d", "differs from it in the last character"},
	{"n", strings.Repeat("c", 224) + "-" + strings.Repeat("d", 28), "is cut at a dash"},
	{"n", strings.Repeat("c", 223) + "-d" + strings.Repeat(".d", 14), "is cut at a dot"},
	{"n", strings.Repeat("c.", 126) + "c", "every other character a dot"},
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	taken := map[string]string{}
	for _, row := range hostile {
		c := componentOf(row.namespace, row.name)
		n, err := someNaming().Names(&c, "uid-of-"+row.namespace)
		if err != nil {
			t.Errorf("%.40s (%s): %v", KeyOf(&c), row.why, err)
			continue
		}
		checkNames(t, c, n)
		for _, claim := range claimsOf(c, n) {
			if other, ok := taken[claim]; ok {
				t.Errorf("%.40s and %.40s both get %s (%s)", KeyOf(&c), other, claim, row.why)
			}
			taken[claim] = KeyOf(&c).String()
		}
	}
}

func TestInvalidNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("c", 63)
	for _, row := range []struct {
		why     string
		c       kube.Component
		edit    func(*Naming)
		message string
	}{
		{why: "no uid", c: kube.Component{Namespace: "a", Name: "b"}, message: "Kubernetes allows"},
		{why: "no name", c: componentOf("a", ""), message: "Kubernetes allows"},
		{why: "no namespace", c: componentOf("", "b"), message: "Kubernetes allows"},
		{why: "upper case", c: componentOf("a", "B"), message: "Kubernetes allows"},
		{why: "upper case in the namespace", c: componentOf("A", "b"), message: "Kubernetes allows"},
		{why: "a slash would be another repository", c: componentOf("a", "b/c"), message: "Kubernetes allows"},
		{why: "a way out of the path", c: componentOf("a", ".."), message: "Kubernetes allows"},
		{why: "a namespace is a label, without dots", c: componentOf("a.b", "c"), message: "Kubernetes allows"},
		{why: "a namespace of 64 characters", c: componentOf(long+"c", "c"), message: "Kubernetes allows"},
		{why: "a name of 254 characters", c: componentOf("a", strings.Repeat("c", 254)), message: "Kubernetes allows"},
		{why: "begins with a dash", c: componentOf("a", "-b"), message: "Kubernetes allows"},
		{why: "ends with a dash", c: componentOf("a", "b-"), message: "Kubernetes allows"},
		{why: "two dots", c: componentOf("a", "b..c"), message: "Kubernetes allows"},
		{why: "a line's end, which $ lets pass in other languages", c: componentOf("a", "b\n"), message: "Kubernetes allows"},
		{why: "an underscore", c: componentOf("a", "b_c"), message: "Kubernetes allows"},
		{why: "a percent sign", c: componentOf("a", "b%2fc"), message: "Kubernetes allows"},
		{why: "not ASCII", c: componentOf("a", "bäc"), message: "Kubernetes allows"},
		{why: "one character too long for Quay", c: componentOf(long, strings.Repeat("c", 192)), message: "would be 256 characters long; Quay allows 255"},
		{why: "a route of Quay", c: componentOf("a", "changevisibility"), message: "cannot be the name of a repository"},
		{
			why: "the prefix makes it too long", c: componentOf(long, strings.Repeat("c", 191)),
			edit: func(n *Naming) { n.Prefix = "p" }, message: "would be 257 characters long",
		},
		{
			why: "the prefix makes it a route of Quay", c: componentOf("user", "b"),
			edit: func(n *Naming) { n.Prefix = "p/permissions" }, message: "cannot be the name of a repository",
		},
		{
			why: "no application where the layout needs one", c: kube.Component{Namespace: "a", Name: "b", UID: "u"},
			edit: func(n *Naming) { n.Layout = LayoutApplication }, message: "spec.application is not a valid name",
		},
		{
			why: "an application with a slash would reach a neighbour's repository", c: kube.Component{Namespace: "a", Name: "b", UID: "u", Application: "x/y"},
			edit: func(n *Naming) { n.Layout = LayoutApplication }, message: "spec.application is not a valid name",
		},
		{
			why: "an application that is a route of Quay", c: kube.Component{Namespace: "permissions", Name: "b", UID: "u", Application: "user"},
			edit: func(n *Naming) { n.Layout, n.Prefix = LayoutApplication, "p" }, message: "cannot be the name of a repository",
		},
	} {
		naming := someNaming()
		if row.edit != nil {
			row.edit(&naming)
		}
		n, err := naming.Names(&row.c, "uid")
		if err == nil || !strings.Contains(err.Error(), row.message) {
			t.Errorf("%s: error %v, want one with %q", row.why, err, row.message)
		}
		if n != (Names{}) {
			t.Errorf("%s: names in spite of the error: %+v", row.why, n)
		}
	}
}

func TestRepositoryLayouts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		layout Layout
		prefix string
		want   string
	}{
		{"today's form", LayoutComponent, "", "tenant/api"},
		{"the form of 2023", LayoutApplication, "", "tenant/shop/api"},
		{"two clusters in one organization", LayoutComponent, "east", "east/tenant/api"},
		{"a prefix may have segments", LayoutComponent, "east/one", "east/one/tenant/api"},
		{"both", LayoutApplication, "east", "east/tenant/shop/api"},
	} {
		naming := someNaming()
		naming.Layout, naming.Prefix = row.layout, row.prefix
		n, err := naming.Names(new(componentOf("tenant", "api")), "uid")
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if n.Repository != row.want {
			t.Errorf("%s: repository %s, want %s", row.why, n.Repository, row.want)
		}
		if got, want := naming.Image(n.Repository), "quay.example/acme/"+row.want; got != want {
			t.Errorf("%s: image %s, want %s", row.why, got, want)
		}
		plain, _ := someNaming().Names(new(componentOf("tenant", "api")), "uid")
		if n.Push != plain.Push || n.Pull != plain.Pull {
			t.Errorf("%s: the layout reaches robots or Secrets", row.why)
		}
	}
}

// Each part of a Component's identity reaches what it must, and nothing else.
func TestNamesDependOnIdentity(t *testing.T) {
	t.Parallel()
	c := componentOf("tenant", "api")
	base, _ := someNaming().Names(&c, "uid")
	again, _ := someNaming().Names(&c, "uid")
	if base != again {
		t.Error("the same Component has other names the second time")
	}

	reborn := c
	reborn.UID = "another"
	n, _ := someNaming().Names(&reborn, "uid")
	if n.Push.Robot == base.Push.Robot || n.Push.Mark == base.Push.Mark {
		t.Error("a Component made again gets its predecessor's robot")
	}
	if n.Repository != base.Repository || n.Mark != base.Mark || n.Push.Secret != base.Push.Secret {
		t.Error("a Component made again does not keep its repository and Secrets")
	}

	n, _ = someNaming().Names(&c, "another")
	if n.Mark == base.Mark {
		t.Error("a namespace made again gets its predecessor's repository")
	}
	if n.Push != base.Push || n.Pull != base.Pull {
		t.Error("the uid of the namespace reaches the robots")
	}

	elsewhere := someNaming()
	elsewhere.Cluster = "cluster-2"
	n, _ = elsewhere.Names(&c, "uid")
	if n.Mark == base.Mark || n.Push.Robot == base.Push.Robot || n.Push.Mark == base.Push.Mark {
		t.Error("another cluster gets the same robot or mark")
	}

	for _, edit := range []func(*kube.Component){
		func(c *kube.Component) { c.ResourceVersion = "2" },
		func(c *kube.Component) { c.SourceURL = "https://git.example/x" },
		func(c *kube.Component) { c.Application = "other" },
		func(c *kube.Component) {
			c.Announced = `{"image":"quay.example/acme/other/api"}`
		},
	} {
		same := c
		edit(&same)
		if n, _ := someNaming().Names(&same, "uid"); n != base {
			t.Error("what a tenant can write reaches the names")
		}
	}
}

// Few letters and many separators make what folds together frequent.
var (
	drawLabel = rapid.StringMatching(`[ab](-{0,2}[ab]){0,3}`)
	drawName  = rapid.StringMatching(`[ab]((-{1,2}|\.)?[ab]){0,4}(-image-(push|pull))?`)
)

func TestNamesAreInjective(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		robots, repositories, secrets := map[string]string{}, map[string]string{}, map[string]string{}
		for range 30 {
			naming := someNaming()
			naming.Cluster = rapid.SampledFrom([]string{"a", "b", "aa", "ab"}).Draw(t, "cluster")
			c := componentOf(drawLabel.Draw(t, "namespace"), drawName.Draw(t, "name"))
			c.UID = rapid.SampledFrom([]string{"a", "b", "ba"}).Draw(t, "uid")
			n, err := naming.Names(&c, "uid")
			if err != nil {
				t.Fatalf("%s: %v", KeyOf(&c), err)
			}
			claim := func(taken map[string]string, name string, identity ...string) {
				who := fmt.Sprintf("%q", identity)
				if other, ok := taken[name]; ok && other != who {
					t.Fatalf("%s and %s both get %s", other, who, name)
				}
				taken[name] = who
			}
			for i, a := range n.Accounts() {
				claim(robots, a.Robot, naming.Cluster, c.Namespace, c.Name, c.UID, fmt.Sprint(i))
				claim(secrets, c.Namespace+"/"+a.Secret, c.Namespace, c.Name, fmt.Sprint(i))
			}
			claim(repositories, n.Repository, c.Namespace, c.Name)
		}
	})
}

// someNaming and componentOf are what names are made of in these tests.
func someNaming() Naming {
	return Naming{Cluster: "cluster-1", Host: "quay.example", Organization: "acme", Layout: LayoutComponent}
}

func componentOf(namespace, name string) kube.Component {
	return kube.Component{
		Namespace: namespace, Name: name, UID: "uid-of-" + namespace + "/" + name, ResourceVersion: "1",
		Application: "shop", Annotations: map[string]string{},
	}
}
