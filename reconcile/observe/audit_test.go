package observe

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Quay has no call that shows all roles at once, so each run looks at a share;
// none may be left out, and no share may be larger than it must.
func TestAudited(t *testing.T) {
	t.Parallel()
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		n, want int
		why     string
	}{
		{0, 0, "nothing to look at"},
		{1, 1, "all there is"},
		{9, 9, "fewer than the floor: all of them"},
		{10, 10, "as many as the floor"},
		{11, 10, "one more than the floor"},
		{95, 10, "fewer than there are slots"},
		{96, 10, "one for each slot, but the floor is higher"},
		{97, 10, "more than there are slots"},
		{500, 10, "six would do"},
		{960, 10, "exactly the floor for each slot"},
		{961, 11, "one more than that"},
		{1000, 11, "the share outgrows the floor"},
		{5000, 53, "a large organization"},
	} {
		t.Run(fmt.Sprint(row.n), func(t *testing.T) {
			t.Parallel()
			all := make([]string, row.n)
			for i := range all {
				all[i] = fmt.Sprintf("tenant-%d/component-%d", i%7, i)
			}
			seen := map[string]bool{}
			for slot := range slots {
				share := audited(all, midnight.Add(time.Duration(slot)*15*time.Minute))
				distinct := map[string]bool{}
				for _, r := range share {
					distinct[r], seen[r] = true, true
				}
				if len(share) != row.want || len(distinct) != row.want {
					t.Fatalf("%s: slot %d has %d repositories, %d of them distinct; want %d", row.why, slot, len(share), len(distinct), row.want)
				}
			}
			if len(seen) != row.n {
				t.Errorf("%s: a day shows %d of %d", row.why, len(seen), row.n)
			}
		})
	}
}

func TestAuditedDependsOnTheSetAndTheQuarterAlone(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("tenant/component-%d", i))
	}
	now := time.Date(2026, 3, 1, 13, 30, 0, 0, time.UTC)
	want := audited(all, now)

	shuffled := slices.Clone(all)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	given := slices.Clone(shuffled)
	for _, row := range []struct {
		why string
		in  []string
		at  time.Time
	}{
		{"another order", shuffled, now},
		{"each of them twice", append(slices.Clone(all), all...), now},
		{"the end of the quarter", all, now.Add(15*time.Minute - time.Nanosecond)},
		{"another day", all, now.AddDate(0, 0, 17)},
		{"another time zone", all, now.In(time.FixedZone("", 5*3600+1800))},
	} {
		if d := cmp.Diff(want, audited(row.in, row.at)); d != "" {
			t.Errorf("%s changes the share (-want +got):\n%s", row.why, d)
		}
	}
	if !slices.Equal(shuffled, given) {
		t.Error("audited reordered its input")
	}
	if slices.Equal(want, audited(all, now.Add(15*time.Minute))) {
		t.Error("the next quarter looks at the same share")
	}
}
