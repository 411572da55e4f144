package component_test

import (
	"strings"
	"testing"

	"berth/reconcile/component"
)

func TestBuilt(t *testing.T) {
	t.Parallel()
	n := component.Naming{Host: "quay.io", Organization: "acme"}
	digest := "sha256:" + strings.Repeat("0f", 32)
	for _, row := range []struct {
		why, image string
		want       component.Built
	}{
		{"nothing", "", component.BuiltNowhere},
		{"ours", "quay.io/acme/shop/cart", component.BuiltHere},
		{"ours with a tag", "quay.io/acme/shop/cart:latest", component.BuiltHere},
		{"ours with a digest", "quay.io/acme/shop/cart@" + digest, component.BuiltHere},
		{"ours with both", "quay.io/acme/shop/cart:v1@" + digest, component.BuiltHere},
		{"upper case in the host", "Quay.io/acme/shop/cart", component.BuiltMisspelt},
		{"the default port", "quay.io:443/acme/shop/cart:v1", component.BuiltMisspelt},
		{"a dot at the host's end", "quay.io./acme/shop/cart", component.BuiltMisspelt},
		{"another Component's", "quay.io/acme/shop/till", component.BuiltBeside},
		{"below ours", "quay.io/acme/shop/cart/cache", component.BuiltBeside},
		{"above ours", "quay.io/acme/shop", component.BuiltBeside},
		{"of 2023", "quay.io/acme/shop/app/cart", component.BuiltBeside},
		{"another's, misspelt", "quay.io:443/acme/shop/till", component.BuiltBeside},
		{"another organization", "quay.io/globex/shop/cart", component.BuiltAway},
		{"an organization that begins alike", "quay.io/acme-2/shop/cart", component.BuiltAway},
		{"another host", "ghcr.io/acme/shop/cart", component.BuiltAway},
		{"a host that begins alike", "quay.io.example.com/acme/shop/cart", component.BuiltAway},
		{"another port", "quay.io:8443/acme/shop/cart", component.BuiltAway},
		{"a registry within the cluster", "registry:5000/acme/shop/cart:v1", component.BuiltAway},
		{"Docker Hub, without saying so", "acme/cart", component.BuiltAway},
		{"Docker Hub, shorter still", "cart:v1", component.BuiltAway},
		{"the organization alone", "quay.io/acme", component.BuiltNonsense},
		{"a URL", "https://quay.io/acme/shop/cart", component.BuiltNonsense},
		{"blanks", " ", component.BuiltNonsense},
		{"a line end", "quay.io/acme/shop/cart\n", component.BuiltNonsense},
		{"upper case in the path", "quay.io/acme/Shop/cart", component.BuiltNonsense},
		{"an empty tag", "quay.io/acme/shop/cart:", component.BuiltNonsense},
		{"an empty digest", "quay.io/acme/shop/cart@", component.BuiltNonsense},
		{"half a digest", "quay.io/acme/shop/cart@sha256:12", component.BuiltNonsense},
		{"a slash too many", "quay.io/acme//cart", component.BuiltNonsense},
		{"a slash at the end", "quay.io/acme/shop/cart/", component.BuiltNonsense},
		{"dots", "quay.io/acme/../globex/cart", component.BuiltNonsense},
		{"too long", "quay.io/acme/" + strings.Repeat("a", 2000), component.BuiltNonsense},
		{"a template that nobody filled in", "quay.io/acme/{{ name }}", component.BuiltNonsense},
	} {
		if got := n.Built(row.image, "shop/cart"); got != row.want {
			t.Errorf("%s: %q is %d, want %d", row.why, row.image, got, row.want)
		}
	}
}
