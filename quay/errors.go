package quay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// The kinds of failure a caller tells apart with [errors.Is].
var (
	// ErrUnauthorized: Quay does not know the token (401, or the CSRF refusal
	// that every write with a bad token gets).
	ErrUnauthorized = errors.New("quay rejects the token")
	// ErrForbidden: the token is known, its user or its scopes do not reach.
	// Quay's own word; what stands before it and says 403 is ErrUnexpected.
	ErrForbidden = errors.New("quay denies access")
	// ErrPaymentRequired: the organization's plan has no private repository left.
	ErrPaymentRequired = errors.New("the quay plan does not allow more private repositories")
	// ErrNotFound: Quay answered that the thing is not there. Nothing else is
	// ever read as absence.
	ErrNotFound = errors.New("not found at quay")
	// ErrInvalid: Quay refused the request as it stands. "Already exists" is
	// among these: only reading again tells. What it refuses to everybody has
	// kinds of its own.
	ErrInvalid = errors.New("quay refused the request")
	// ErrRobotsDisabled: Quay makes no robot for anybody (ROBOTS_DISALLOW,
	// endpoints/api/robot.py).
	ErrRobotsDisabled = errors.New("quay makes no robots: they are disabled there (ROBOTS_DISALLOW)")
	// ErrMirrored: Quay makes no repository in the organization, which as a
	// whole is a mirror of another registry's (endpoints/api/repository.py).
	ErrMirrored = errors.New("quay makes no repositories in an organization that is a mirror of another")
	// ErrRateLimited: 429 for minutes, as when others use up what the registry allows.
	ErrRateLimited = errors.New("quay limits the rate")
	// ErrReadOnly: the registry is in maintenance and takes no writes.
	ErrReadOnly = errors.New("quay is read-only")
	// ErrUnavailable: no usable answer, and the call may be repeated safely.
	ErrUnavailable = errors.New("quay is unavailable")
	// ErrTimeout, beside ErrUnavailable or ErrUncertain: Quay took longer than
	// a call may. The end of the caller's own context is a context error.
	ErrTimeout = errors.New("quay did not answer in time")
	// ErrEnded: the caller's context ended before there was an answer, or would
	// before there could be one. It is the context's error, too. A call that may
	// have taken effect is ErrUncertain all the same.
	ErrEnded = errors.New("the run ended before quay answered")
	// ErrUncertain: no usable answer to a call that must not be repeated
	// blindly; whether it took effect is unknown.
	ErrUncertain = errors.New("quay gave no usable answer; the request may have taken effect")
	// ErrUnexpected: an answer that Quay's API does not give, such as a
	// redirect, an HTML page, or a list that contradicts itself.
	ErrUnexpected = errors.New("unexpected answer from quay")
	// ErrWriteRefused: the client was made read-only and sent nothing.
	ErrWriteRefused = errors.New("this client does not write")
)

// Error is a failed call. Its text is one sentence, never a response body or
// a URL.
type Error struct {
	Op      string // what was tried, such as "create robot acme+x"
	Status  int    // HTTP status, 0 when there was no answer
	Message string // what Quay said, cleaned and bounded; may be empty
	kind    error
	cause   error
}

func (e *Error) Error() string {
	text := e.Op + ": " + e.kind.Error()
	if e.Status != 0 {
		text += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Is matches the kinds above.
func (e *Error) Is(target error) bool { return target == e.kind }

// Unwrap gives the cause below the answer, so that a cancelled context is
// still seen as one.
func (e *Error) Unwrap() error { return e.cause }

// silent reports whether Quay itself answered nothing: nobody did, or the gateway
// before it said so, as it does while Quay is started again.
func (e *Error) silent() bool {
	switch e.Status {
	case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.Is(e.kind, ErrUnavailable) || errors.Is(e.kind, ErrUncertain)
	}
	return false
}

// ended is what becomes of a call when its context does not last.
func ended(ctx context.Context, op string, err error) *Error {
	e := &Error{Op: op, kind: ErrEnded, Message: cause(err), cause: err}
	if why := context.Cause(ctx); why != nil && !errors.Is(why, err) {
		e.Message, e.cause = clean(why.Error()), errors.Join(err, why)
	}
	return e
}

// The only English that is matched: to these Quay answers 400, or 403, and
// nothing else in the body tells.
const (
	robotMissing = "Could not find robot with specified username"
	noPermission = "User does not have permission for repo."
	// How these begin:
	csrfRefused    = "CSRF token"
	robotsDisabled = "Robot accounts have been disabled"
	orgMirrored    = "Cannot create repository: organization is managed by"
)

// says reports whether an error is Quay's refusal of a request in these words.
func says(err error, text string) bool {
	own, ok := errors.AsType[*Error](err)
	return ok && errors.Is(own, ErrInvalid) && own.Message == text
}

// maxErrorBody bounds what is read of an error answer.
const maxErrorBody = 64 << 10

// answer reads the body of an error answer. Quay has six shapes: two JSON
// forms of its API, one more under text/html, the registry's, the read-only
// notice, and HTML pages, of which nothing is kept.
type answer struct {
	ErrorType    string          `json:"error_type"`
	Detail       string          `json:"detail"`
	ErrorMessage string          `json:"error_message"`
	Message      json.RawMessage `json:"message"`
	ErrorText    string          `json:"error"`
	ReadOnly     bool            `json:"is_readonly"`
	Errors       []registryError `json:"errors"`
}

type registryError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func readAnswer(body io.Reader) answer {
	var a answer
	raw, err := io.ReadAll(io.LimitReader(body, maxErrorBody))
	if err != nil || json.Unmarshal(raw, &a) != nil {
		return answer{}
	}
	return a
}

// text is the first thing the answer says, without what must not be repeated.
func (a answer) text() string {
	message := ""
	if json.Unmarshal(a.Message, &message) != nil {
		message = "" // an object of arguments: ours are well-formed, so it has nothing for the reader
	}
	texts := []string{a.Detail, a.ErrorMessage, message, a.ErrorText}
	for _, e := range a.Errors {
		texts = append(texts, e.Message)
	}
	for _, s := range texts {
		if s = clean(s); s != "" {
			return s
		}
	}
	return ""
}

var longWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/=]{32,}`) })

// clean makes foreign text safe to print: one line, no control characters,
// nothing long enough to be a token, at most 200 characters.
func clean(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	s = longWord().ReplaceAllString(s, redacted)
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:200]) + "…"
	}
	return strings.TrimSpace(s)
}
