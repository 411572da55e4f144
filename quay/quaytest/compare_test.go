package quaytest_test

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// comparison compares JSON values with what a transcript expects.
type comparison struct {
	unordered []string // paths of arrays in any order; * stands for any index
}

var placeholders = map[string]*regexp.Regexp{
	"<token64>":      regexp.MustCompile(`^[A-Z0-9]{64}$`),
	"<date-rfc2822>": regexp.MustCompile(`^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000$`),
	"<page-token>":   regexp.MustCompile(`^\S{8,}$`),
	"<hash>":         regexp.MustCompile(`^[0-9a-f]{32,64}$`),
	"<color>":        regexp.MustCompile(`^#[0-9a-fA-F]{6}$`),
	"<uuid>":         regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`),
}

var anyHost = regexp.MustCompile(`^https?://[^/]+`)

// compare returns the differences below a path such as robots.0.name.
func (c comparison) compare(at string, want, got any) []string {
	differ := func(got any) []string { return []string{fmt.Sprintf("%s: want %v, got %v", at, want, got)} }
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return differ(got)
		}
		return c.compareObjects(at, w, g)
	case []any:
		g, ok := got.([]any)
		switch {
		case !ok || len(w) != len(g):
			return differ(got)
		case c.isUnordered(at):
			return c.compareSets(at, w, g)
		}
		return c.compareArrays(at, w, g)
	case string:
		if !matches(w, got) {
			return differ(got)
		}
	default:
		if !reflect.DeepEqual(want, got) {
			return differ(got)
		}
	}
	return nil
}

func matches(want string, got any) bool {
	if want == "<any>" {
		return true
	}
	if n, ok := strings.CutPrefix(want, "<array:"); ok {
		array, isArray := got.([]any)
		return isArray && strconv.Itoa(len(array))+">" == n
	}
	text, ok := got.(string)
	if !ok {
		return false
	}
	if start, ok := strings.CutPrefix(want, "<starts-with>"); ok {
		return strings.HasPrefix(text, start)
	}
	if rest, ok := strings.CutPrefix(want, "<host>"); ok {
		return anyHost.MatchString(text) && anyHost.ReplaceAllString(text, "") == rest
	}
	if pattern := placeholders[want]; pattern != nil {
		return pattern.MatchString(text)
	}
	return want == text
}

func (c comparison) compareObjects(at string, want, got map[string]any) (differences []string) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[key]; !ok {
			differences = append(differences, join(at, key)+": missing")
			continue
		}
		differences = append(differences, c.compare(join(at, key), want[key], got[key])...)
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			differences = append(differences, join(at, key)+": the real server does not say this")
		}
	}
	return differences
}

func (c comparison) compareArrays(at string, want, got []any) (differences []string) {
	for i := range want {
		differences = append(differences, c.compare(join(at, strconv.Itoa(i)), want[i], got[i])...)
	}
	return differences
}

// compareSets finds an element for each that is wanted, the placeholders last.
func (c comparison) compareSets(at string, want, got []any) (differences []string) {
	want, got = slices.Clone(want), slices.Clone(got)
	slices.SortStableFunc(want, func(a, b any) int { return placeholderRank(a) - placeholderRank(b) })
	for _, w := range want {
		i := slices.IndexFunc(got, func(g any) bool { return len(c.compare(join(at, "0"), w, g)) == 0 })
		if i < 0 {
			differences = append(differences, fmt.Sprintf("%s: %v is missing among %v", at, w, got))
			continue
		}
		got = slices.Delete(got, i, i+1)
	}
	return differences
}

func placeholderRank(value any) int {
	if text, ok := value.(string); ok && strings.HasPrefix(text, "<") {
		return 1
	}
	return 0
}

func (c comparison) isUnordered(at string) bool {
	return slices.ContainsFunc(c.unordered, func(pattern string) bool {
		matched, err := path.Match(strings.ReplaceAll(pattern, ".", "/"), strings.ReplaceAll(at, ".", "/"))
		return err == nil && matched
	})
}

func join(at, key string) string { return strings.TrimPrefix(at+"."+key, ".") }

// A comparison that sees nothing would pass any server.
func TestComparisonSeesDifferences(t *testing.T) {
	t.Parallel()
	object := func(pairs ...any) map[string]any {
		m := make(map[string]any)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	tests := []struct {
		reason    string
		want, got any
		unordered []string
		same      bool
	}{
		{"equal objects", object("a", 1.0), object("a", 1.0), nil, true},
		{"more than the real server says", object("a", 1.0), object("a", 1.0, "role", "read"), nil, false},
		{"less than it says", object("a", nil), object(), nil, false},
		{"null is not false", object("a", nil), object("a", false), nil, false},
		{"a token of 64", "<token64>", strings.Repeat("A", 64), nil, true},
		{"a token of 63", "<token64>", strings.Repeat("A", 63), nil, false},
		{"a token must be a string", "<token64>", nil, nil, false},
		{"order counts", []any{"a", "b"}, []any{"b", "a"}, nil, false},
		{"unless it is arbitrary", object("r", []any{"a", "b"}), object("r", []any{"b", "a"}), []string{"r"}, true},
		{"at any index", []any{object("r", []any{"a", "b"})}, []any{object("r", []any{"b", "a"})}, []string{"*.r"}, true},
		{"elements are used once", object("r", []any{"a", "b"}), object("r", []any{"a", "a"}), []string{"r"}, false},
		{"placeholders take what is left", object("r", []any{"<any>", "a"}), object("r", []any{"a", "b"}), []string{"r"}, true},
		{"an array too long", []any{"a"}, []any{"a", "b"}, nil, false},
		{"an array of two", "<array:2>", []any{"a", "b"}, nil, true},
		{"not of one", "<array:2>", []any{"a"}, nil, false},
		{"another host", "<host>/x", "http://127.0.0.1/x", nil, true},
		{"another path", "<host>/x", "http://127.0.0.1/y", nil, false},
		{"a beginning", "<starts-with>ab", "abc", nil, true},
		{"not in the middle", "<starts-with>bc", "abc", nil, false},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			differences := comparison{unordered: test.unordered}.compare("", test.want, test.got)
			if same := len(differences) == 0; same != test.same {
				t.Errorf("same: %v, want %v: %v", same, test.same, differences)
			}
		})
	}
}
