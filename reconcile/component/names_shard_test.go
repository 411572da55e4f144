package component

import (
	"testing"

	"pgregory.net/rapid"

	"berth/kube"
)

// Components of two namespaces never meet in a name, whatever prefix and layout: so a
// shard sees every collision there is among its own.
func TestNoNameIsTwoNamespaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := someNaming()
		n.Layout = rapid.SampledFrom([]Layout{LayoutComponent, LayoutApplication}).Draw(t, "layout")
		n.Prefix = rapid.SampledFrom([]string{"", "a", "a/b", "a/b/c"}).Draw(t, "prefix")
		part := rapid.SampledFrom([]string{"a", "b", "c", "a-b", "b-c", "a--b"})
		draw := func(which string) kube.Component {
			c := componentOf(part.Draw(t, which+" namespace"), part.Draw(t, which+" name"))
			c.Application = part.Draw(t, which+" application")
			return c
		}
		one, other := draw("one"), draw("other")
		first, err := n.Names(&one, "1")
		if err != nil {
			t.Fatal(err)
		}
		second, err := n.Names(&other, "2")
		if err != nil {
			t.Fatal(err)
		}
		if first.Repository == second.Repository && one.Namespace != other.Namespace {
			t.Fatalf("%s and %s lead to %s", KeyOf(&one), KeyOf(&other), first.Repository)
		}
	})
}
