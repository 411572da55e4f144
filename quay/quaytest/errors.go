package quaytest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

const (
	jsonType = "application/json"
	htmlType = "text/html; charset=utf-8"
)

// response is an answer, complete in memory.
type response struct {
	status      int
	contentType string
	location    string
	challenge   string // WWW-Authenticate
	body        []byte
}

func (a response) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.contentType)
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	if a.challenge != "" {
		w.Header().Set("WWW-Authenticate", a.challenge)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}

// reply is a JSON answer: one line.
func reply(status int, value any) *response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // only values of this package get here
	}
	return &response{status: status, contentType: jsonType, body: b.Bytes()}
}

// noContent is an empty answer. Quay calls it JSON nevertheless.
func noContent() *response { return &response{status: http.StatusNoContent, contentType: jsonType} }

func page(status int, html string) *response {
	return &response{status: status, contentType: htmlType, body: []byte(html)}
}

// problem is the error shape of Quay's own exceptions (endpoints/exception.py).
func (q *request) problem(status int, kind, detail string) *response {
	return reply(status, map[string]any{
		"detail":        detail,
		"error_message": detail,
		"error_type":    kind,
		"title":         kind,
		"type":          q.origin + apiPrefix + "/error/" + kind,
		"status":        status,
	})
}

func (q *request) invalid(detail string) *response {
	return q.problem(http.StatusBadRequest, "invalid_request", detail)
}

func (q *request) notFound() *response {
	return q.problem(http.StatusNotFound, "not_found", "Not Found")
}

func (q *request) exceedsLicense() *response {
	return q.problem(http.StatusPaymentRequired, "exceeds_license", "Payment Required")
}

// unauthorized is 401 for nobody and 403 for somebody without the right.
func (q *request) unauthorized() *response {
	if q.user == "" {
		return q.problem(http.StatusUnauthorized, "invalid_token", "Requires authentication")
	}
	return q.problem(http.StatusForbidden, "insufficient_scope", "Unauthorized")
}

// message is the error shape of the data model and of flask-restful.
func message(status int, text any) *response { return reply(status, map[string]any{"message": text}) }

func malformed() *response {
	return message(http.StatusBadRequest, "The browser (or proxy) sent a request that this server could not understand.")
}

// legacyError is the error shape of util.http.abort: JSON that says it is HTML.
func legacyError(status int, text string) *response {
	answer := reply(status, map[string]any{"error": text})
	answer.contentType = htmlType
	return answer
}

func readOnly() *response {
	return reply(http.StatusServiceUnavailable, map[string]any{
		"is_readonly": true,
		"message":     "System is currently read-only. Pulls will succeed but all write operations are currently suspended.",
	})
}

// serverError is what an exception nobody caught looks like.
func serverError() *response {
	return &response{status: http.StatusInternalServerError, contentType: "text/html", body: []byte(
		"<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n" +
			"    <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n")}
}
