package api

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	redacted   = "[redacted]"
	maxMessage = 256
)

var (
	longWord  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/=_-]{32,}`) })
	plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z]{1,64}$`) })
)

// line makes one line of a text, of what can be seen of it.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// Clean makes foreign text safe to print: one line, nothing long enough to be a
// token, at most maxMessage bytes.
func Clean(s string) string {
	s = longWord().ReplaceAllString(line(s), redacted)
	if len(s) <= maxMessage {
		return s
	}
	const more = "…"
	end := maxMessage - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}

// word passes what can only be a word.
func word(s string) string {
	if plainWord().MatchString(s) {
		return s
	}
	return ""
}

// credential is where an address, a header or a field may carry one that is too short
// for [Clean] to take for it: after a word that announces it, or several.
var credential = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`//[^/\s]*@|(?i)(\b\w*(token|passw(or)?d|_secret|authorization|bearer|basic)["'\\]*[=:\s][\s"'\\\[({]*)+\S+`)
})

// CleanForeign makes text safe to print that another cluster's API may have written.
// What is not printed could hide such a word, so it goes first.
func CleanForeign(s string) string { return Clean(credential().ReplaceAllString(line(s), redacted)) }
