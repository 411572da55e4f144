package deploy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	fences   = regexp.MustCompile("(?ms)^```.*?^```$")
	unslug   = regexp.MustCompile(`[^\p{L}\p{N}_ -]+`)
)

// slug is the anchor that a heading gets.
func slug(heading string) string {
	return strings.ReplaceAll(unslug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// document is a page without what is quoted in it.
func document(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return fences.ReplaceAllString(string(raw), "")
}

// Every link of a document leads to a file that is there, and to a heading in it.
func TestLinks(t *testing.T) {
	t.Parallel()
	var pages []string
	for _, pattern := range []string{"../*.md", "../docs/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	checked := 0
	for _, page := range pages {
		for _, link := range links.FindAllStringSubmatch(document(t, page), -1) {
			target, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, link[1])
				continue
			}
			if anchor == "" {
				continue
			}
			known := false
			for _, h := range headings.FindAllStringSubmatch(document(t, file), -1) {
				known = known || slug(h[1]) == anchor
			}
			if !known {
				t.Errorf("%s leads to %s, which has no such heading", page, link[1])
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d links were found: are they written otherwise now?", checked)
	}
}
