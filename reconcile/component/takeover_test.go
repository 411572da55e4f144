package component_test

import (
	"testing"

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
