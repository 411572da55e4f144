package quaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// schema is as much of JSON schema as the calls here use. Unknown properties
// are accepted.
type schema struct {
	required   []string
	properties []property
}

type property struct {
	name      string
	types     []string // string, object, null
	enum      []any    // nil: anything
	maxLength int      // in characters; zero: any
}

// requiredJSON decodes an object that has to be there.
func (q *request) requiredJSON(s schema) (map[string]any, *response) {
	value, refused := q.anyJSON()
	if refused != nil {
		return nil, refused
	}
	if violation := s.check(value); violation != "" {
		return nil, q.invalid(violation)
	}
	return value.(map[string]any), nil
}

// anyJSON decodes a body that has to be there.
func (q *request) anyJSON() (any, *response) {
	if !isJSON(q.contentType) {
		return nil, message(http.StatusUnsupportedMediaType,
			"Did not attempt to load JSON data because the request Content-Type was not 'application/json'.")
	}
	value, ok := decode(q.body)
	if !ok {
		return nil, malformed()
	}
	if value == nil {
		return nil, q.invalid("Missing JSON body")
	}
	return value, nil
}

// optionalJSON decodes a body that may be missing. Quay takes one that it cannot
// read for a missing one: what it said is lost.
func (q *request) optionalJSON(s schema) (map[string]any, *response) {
	if !isJSON(q.contentType) {
		return nil, nil
	}
	value, ok := decode(q.body)
	if !ok || value == nil {
		return nil, nil
	}
	if violation := s.check(value); violation != "" {
		return nil, q.invalid(violation)
	}
	return value.(map[string]any), nil
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

func decode(body []byte) (value any, ok bool) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return nil, false
	}
	_, err := d.Token()
	return value, err == io.EOF
}

// check returns the text of the first violation, several lines of it, or "".
func (s schema) check(value any) string {
	object, ok := value.(map[string]any)
	if !ok {
		return violation("type", "%s is not of type 'object'", python(value))
	}
	for _, name := range s.required {
		if _, ok := object[name]; !ok {
			return violation("required", "%s is a required property", python(name))
		}
	}
	for _, p := range s.properties {
		if value, ok := object[p.name]; ok {
			if text := p.check(value); text != "" {
				return text
			}
		}
	}
	return ""
}

func (p property) check(value any) string {
	switch {
	case !slices.Contains(p.types, jsonTypeOf(value)):
		return violation("type", "%s is not of type '%s'", python(value), strings.Join(p.types, "', '"))
	case p.enum != nil && !slices.Contains(p.enum, value):
		return violation("enum", "%s is not one of %s", python(value), python(p.enum))
	}
	if text, ok := value.(string); ok && p.maxLength > 0 && utf8.RuneCountInString(text) > p.maxLength {
		return violation("maxLength", "%s is too long", python(value))
	}
	return ""
}

func violation(validator, format string, args ...any) string {
	return fmt.Sprintf(format, args...) + "\n\nFailed validating '" + validator + "' in schema"
}

func jsonTypeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case map[string]any:
		return "object"
	case []any:
		return "array"
	}
	return "other"
}

// python writes a value as Python's repr does, which Quay's messages quote.
func python(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		return strings.ToUpper(fmt.Sprint(v)[:1]) + fmt.Sprint(v)[1:]
	case string:
		return pythonString(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = python(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for k, e := range v {
			parts = append(parts, python(k)+": "+python(e))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(value)
}

func pythonString(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	return quote + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, quote, `\`+quote).Replace(s) + quote
}
