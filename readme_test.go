package main

import (
	"os"
	"strings"
	"testing"
)

// The README names every setting with its default, and every file it links to is
// there.
func TestReadme(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			for word := range strings.FieldsSeq(strings.NewReplacer("`", " ", ",", " ").Replace(cells[1])) {
				rows[word] = cells[2]
			}
		}
	}
	for _, f := range fields() {
		told, ok := rows[flagName(f.env)]
		if !ok {
			t.Errorf("%s is not in the table of settings", flagName(f.env))
		}
		if !strings.Contains(told, "`"+f.fallback()+"`") && f.fallback() != "" {
			t.Errorf("the default of %s is %s, not %s", flagName(f.env), f.fallback(), told)
		}
	}
	for part := range strings.SplitSeq(string(raw), "](") {
		target, _, _ := strings.Cut(part, ")")
		if strings.HasPrefix(part, "https://") || part == string(raw)[:len(part)] {
			continue
		}
		if _, err := os.Stat(target); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
	}
}
