package component_test

import (
	"slices"
	"testing"

	"berth/kube"
	"berth/quay"
	"berth/reconcile/component"
)

// Only a robot that works on one repository that is there is image-controller's for it: a
// deleted one shows as a UUID, and one without a slash is somebody's all the same.
func TestFormerRobot(t *testing.T) {
	t.Parallel()
	const name, description, deleted = "shop_cart_0123456789", "Robot account for Konflux Component", "0b0e7a3e-7b1f-4f6f-9d58-0d1b5c1c2f3a"
	for _, row := range []struct {
		why     string
		worksOn []string
		former  bool
	}{
		{"one repository", []string{"shop/cart"}, true},
		{"and a deleted one", []string{deleted, "shop/cart"}, true},
		{"a deleted one alone", []string{deleted}, false},
		{"two", []string{"shop/cart", "shop/till"}, false},
		{"and one without a slash", []string{"shop/cart", "tools"}, false},
		{"none", nil, false},
	} {
		repository, role, former := component.FormerRobot(name, description, row.worksOn)
		if former != row.former || former && (repository != "shop/cart" || role != quay.Write) {
			t.Errorf("%s: %q, %s, %v", row.why, repository, role, former)
		}
	}
}

// An ImageRepository is believed of its own namespace alone.
func TestRequestedBy(t *testing.T) {
	t.Parallel()
	n := component.Naming{Host: "quay.test", Organization: "acme", Prefix: "prod"}
	here := func(names ...string) (keys []component.Key) {
		for _, name := range names {
			keys = append(keys, component.Key{Namespace: "shop", Name: name})
		}
		return keys
	}
	for _, row := range []struct {
		why, image, label string
		repository        string
		of                []component.Key
	}{
		{"its own, by the label", "quay.test/acme/prod/shop/cart", "cart", "prod/shop/cart", here("cart")},
		{"its own, by its image", "quay.test/acme/prod/shop/shop/cart", "", "prod/shop/shop/cart", here("cart")},
		{"of both, where they differ", "quay.test/acme/prod/shop/cart", "till", "prod/shop/cart", here("till", "cart")},
		{"another namespace's", "quay.test/acme/prod/bank/vault", "cart", "", here("cart")},
		{"another namespace's, without a label", "quay.test/acme/prod/bank/vault", "", "", nil},
		{"another namespace's that begins like it", "quay.test/acme/prod/shop-2/cart", "cart", "", here("cart")},
		{"another registry's", "quay.example/acme/prod/shop/cart", "cart", "", here("cart")},
	} {
		repository, of := n.RequestedBy(kube.ImageRepository{Namespace: "shop", Name: "r", Image: row.image, Component: row.label})
		if repository != row.repository || !slices.Equal(of, row.of) {
			t.Errorf("%s: %q, %v", row.why, repository, of)
		}
	}
}
