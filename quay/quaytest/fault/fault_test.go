package fault_test

import (
	"slices"
	"testing"

	"berth/quay/quaytest/fault"
)

// A call is a letter here. Each row makes six calls and tells which fault befalls
// each: 1 the first, 2 the second, 0 none.
func TestWhichCallsGoWrong(t *testing.T) {
	t.Parallel()
	of := func(letter rune) func(rune) bool { return func(c rune) bool { return c == letter } }
	type faults = []fault.Fault[rune]
	for _, row := range []struct {
		why    string
		faults faults
		calls  string
		want   []int
	}{
		{"the first, unless told otherwise", faults{{Matches: of('a')}}, "bababa", []int{0, 1, 0, 0, 0, 0}},
		{"the third of those that match", faults{{Matches: of('a'), Skip: 2}}, "bababa", []int{0, 0, 0, 0, 0, 1}},
		{"two after the first", faults{{Matches: of('a'), Skip: 1, Times: 2}}, "aaaaaa", []int{0, 1, 1, 0, 0, 0}},
		{"all", faults{{Matches: of('a'), Times: -1}}, "aabaaa", []int{1, 1, 0, 1, 1, 1}},
		{
			"the first injected one of two, then the other",
			faults{{Matches: of('a'), Times: 2}, {Matches: of('a'), Times: 2}},
			"aaaaaa",
			[]int{1, 1, 2, 2, 0, 0},
		},
		{
			"both count the calls that the other befalls",
			faults{{Matches: of('a'), Times: 2}, {Matches: of('a'), Skip: 3}},
			"aaaaaa",
			[]int{1, 1, 0, 2, 0, 0},
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			var log fault.Log[rune]
			var injected []*fault.Injected
			for i, f := range row.faults {
				f.Outcome = fault.Outcome(i + 1)
				injected = append(injected, log.Inject(f))
			}
			var got []int
			hits := make([]int, len(row.faults)+1)
			for _, c := range row.calls {
				outcome := fault.Outcome(0)
				if f := log.Record(c); f != nil {
					outcome = f.Outcome
				}
				got = append(got, int(outcome))
				hits[outcome]++
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("the calls %s met %v, want %v", row.calls, got, row.want)
			}
			for i, in := range injected {
				if in.Hits() != hits[i+1] {
					t.Errorf("fault %d says %d hits of %d", i+1, in.Hits(), hits[i+1])
				}
			}
		})
	}
}

func TestRemovedFault(t *testing.T) {
	t.Parallel()
	var log fault.Log[rune]
	always := log.Inject(fault.Fault[rune]{Matches: func(rune) bool { return true }, Times: -1})
	if log.Record('a') == nil {
		t.Error("the fault does not befall the call it is for")
	}
	always.Remove()
	if log.Record('a') != nil || always.Hits() != 1 {
		t.Errorf("a fault that was removed befalls a call; %d hits", always.Hits())
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	var log fault.Log[rune]
	for _, c := range "abca" {
		log.Record(c)
	}
	calls := log.Calls()
	if string(calls) != "abca" {
		t.Errorf("the calls are %q", string(calls))
	}
	calls[0] = 'z'
	if n := log.Count(func(c rune) bool { return c == 'a' }); n != 2 {
		t.Errorf("%d calls of a, want 2", n)
	}
	log.Reset()
	if left := log.Calls(); len(left) != 0 {
		t.Errorf("after Reset there are %q", string(left))
	}
}
