package quay

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// classify says what kind of failure an answer is, and what Quay says with it.
// What speaks of the whole run (a token that is refused, a right that is
// missing) or of absence is believed in Quay's own form alone: firewalls and
// gateways answer with the same numbers.
func classify(c *call, resp *http.Response) (message string, kind error) {
	a, status := readAnswer(resp.Body), resp.StatusCode
	switch {
	case c.recent && unknownCall(c, resp):
		return "", errNoSuchCall
	case status >= 300 && status < 400:
		return "a redirect", ErrUnexpected
	case status == http.StatusTooManyRequests:
		return "", ErrRateLimited
	case status == http.StatusServiceUnavailable && isJSON(resp) && a.ReadOnly:
		return "", ErrReadOnly
	case status == http.StatusNotImplemented:
		return a.text(), ErrUnexpected
	case status >= 500 && c.repeatable:
		return a.text(), ErrUnavailable
	case status >= 500:
		return a.text(), ErrUncertain
	case c.login != nil:
		return a.text(), classifyLogin(resp, a)
	}
	return a.text(), classifyRefusal(resp, a)
}

func classifyRefusal(resp *http.Response, a answer) error {
	status := resp.StatusCode
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden && strings.HasPrefix(a.ErrorText, csrfRefused):
		// A request with a valid token is not asked for a CSRF token.
		return ErrUnauthorized
	case status == http.StatusForbidden && isJSON(resp) && a.ErrorType != "":
		return ErrForbidden
	case status == http.StatusPaymentRequired:
		return ErrPaymentRequired
	case status == http.StatusNotFound && isJSON(resp) && a.ErrorType == "not_found",
		status == http.StatusBadRequest && isJSON(resp) && a.text() == robotMissing:
		return ErrNotFound
	case status == http.StatusForbidden, status == http.StatusNotFound, !isJSON(resp):
		return ErrUnexpected
	case status == http.StatusBadRequest && strings.HasPrefix(a.text(), robotsDisabled):
		return ErrRobotsDisabled
	case status == http.StatusBadRequest && strings.HasPrefix(a.text(), orgMirrored):
		return ErrMirrored
	}
	return ErrInvalid
}

// classifyLogin is for the registry's token endpoint. Nothing that it says is
// about the organization's token.
func classifyLogin(resp *http.Response, a answer) error {
	status := resp.StatusCode
	unknown := slices.ContainsFunc(a.Errors, func(e registryError) bool { return e.Code == "UNAUTHORIZED" })
	switch {
	case status == http.StatusUnauthorized && unknown,
		// Where nobody may be anonymous, a wrong login is told so: JSON under text/html.
		status == http.StatusUnauthorized && !isJSON(resp) && a.ErrorText != "":
		return errLoginRefused
	case status == http.StatusBadRequest && isJSON(resp):
		return ErrInvalid
	}
	return ErrUnexpected
}

// unknownCall is how a Quay answers a path that it has no call for: its web
// pages take it, after a redirect to the same path with a slash.
func unknownCall(c *call, resp *http.Response) bool {
	if resp.StatusCode == http.StatusPermanentRedirect {
		to, err := url.Parse(resp.Header.Get("Location"))
		return err == nil && to.EscapedPath() == c.path+"/"
	}
	return resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed
}
