package act

import (
	"slices"
	"testing"

	"berth/quay"
	"berth/reconcile/component"
)

// Of what a look shows, only what is older than the Secret's generation is revoked: a
// younger one may be in a Secret by now, by a run beside this one.
func TestOnlyOlderGenerationsAreRevoked(t *testing.T) {
	t.Parallel()
	const first, second, third = "berth_shop_cart_x_push", "berth_shop_cart_x_push_20260101000000", "berth_shop_cart_x_push_20260102000000"
	push := component.Account{Robot: second, First: first, Role: quay.Write}
	for _, row := range []struct {
		why  string
		than string
		all  []string
		want []string
	}{
		{"the first is the oldest", second, []string{first, second}, []string{first}},
		{"all that are older", third, []string{second, third, first}, []string{first, second}},
		{"never the Secret's own", second, []string{second}, nil},
		{"never a younger one", second, []string{third, second, first}, []string{first}},
		{"nothing is older than the first", first, []string{third, second, first}, nil},
		{"the other role's are not this one's", third, []string{"berth_shop_cart_x_pull", "berth_shop_cart_x_pull_20260101000000"}, nil},
		{"what only begins like one is none", third, []string{first + "er", first + "_2026", first + "_20269999999999"}, nil},
	} {
		roles := map[string]quay.Role{}
		for _, robot := range row.all {
			roles[robot] = quay.Write
		}
		if got := older(push, roles, row.than); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
}
