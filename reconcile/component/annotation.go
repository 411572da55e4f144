package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"berth/kube"
	"berth/quay"
)

// Annotations of a Component. A tenant can write each of them; none is
// authority over anything but that tenant's own Component.
const (
	AnnotationGenerate   = "image.redhat.com/generate"   // requests, which come off when they are taken on
	AnnotationVisibility = "image.redhat.com/visibility" // the owner's statement, which stands
	AnnotationImage      = "image.redhat.com/image"
	AnnotationRotation   = "image.redhat.com/rotation"
)

// RotateRequest is the value of image.redhat.com/generate that asks for a rotation which
// revokes; [Graceful] is asked for by an object.
const RotateRequest = "true"

// maxAnnotation bounds what is parsed of an annotation, in bytes.
const maxAnnotation = 4 << 10

// Request is what the annotation image.redhat.com/generate asks for.
type Request struct {
	Rotate     How             // "" for no request
	Visibility quay.Visibility // to be stated from now on; "": no word of it
}

// StatementOf is the visibility that a Component's owner states, "" for none: what stands
// in image.redhat.com/visibility, unless a request to write something else is there. Of two
// statements on a Component and its twin the one that closes counts. The error is for the
// owner.
func StatementOf(c *kube.Component) (stated quay.Visibility, err error) {
	for _, one := range Both(c) {
		v, err := statementOf(one)
		if err != nil {
			return "", err
		}
		if stated == "" || v == quay.Private {
			stated = v
		}
	}
	return stated, nil
}

func statementOf(c *kube.Component) (quay.Visibility, error) {
	asked, err := RequestOf(c)
	if err != nil || asked.Visibility != "" {
		return asked.Visibility, err
	}
	word := c.Annotations[AnnotationVisibility]
	if strings.TrimSpace(word) == "" {
		return "", nil
	}
	v, ok := parseVisibility(word)
	if !ok {
		return "", fmt.Errorf("annotation %s is neither 'private' nor 'public'", AnnotationVisibility)
	}
	return v, nil
}

// Unwritten is the visibility that a Component's owner asks to have stated and that does
// not stand yet; "" for none. A request for what stands is left alone: what applies the
// same manifest again and again asks for nothing new.
func Unwritten(c *kube.Component) quay.Visibility {
	asked, _ := RequestOf(c) // what cannot be read asks for nothing
	if stands, _ := parseVisibility(c.Annotations[AnnotationVisibility]); stands == asked.Visibility {
		return ""
	}
	return asked.Visibility
}

// RequestOf reads a Component's request; the error is for its owner.
func RequestOf(c *kube.Component) (Request, error) {
	return ParseRequest(c.Annotations[AnnotationGenerate])
}

// AsksRotation reports whether a Component carries a request for rotation.
func AsksRotation(c *kube.Component) bool {
	r, err := RequestOf(c)
	return err == nil && r.Rotate != ""
}

// ParseRequest reads the annotation in its forms: 'true' asks for a rotation, 'false' is
// what image-controller left behind, and 'failed' where it could not make a repository,
// from March to June 2023; an object asks by its keys. What people
// and YAML put around and into the words, white space and capitals, is read as meant.
// The errors are for the annotation's author.
func ParseRequest(value string) (Request, error) {
	if len(value) > maxAnnotation {
		return Request{}, fmt.Errorf("annotation %s is longer than %d bytes", AnnotationGenerate, maxAnnotation)
	}
	value = strings.TrimSpace(value)
	switch strings.ToLower(value) {
	case "", "false", "failed":
		return Request{}, nil
	case RotateRequest:
		return Request{Rotate: Revoke}, nil
	}
	var w wish
	d := json.NewDecoder(strings.NewReader(value))
	var kind *json.UnmarshalTypeError
	err := d.Decode(&w)
	if err != nil && !errors.As(err, &kind) {
		return Request{}, fmt.Errorf("annotation %s is not valid JSON: %s", AnnotationGenerate, jsonProblem(err))
	}
	if _, more := d.Token(); err != nil || more != io.EOF {
		return Request{}, errNoRequest
	}
	return w.request()
}

var errNoRequest = errors.New("annotation " + AnnotationGenerate + " is neither a request for rotation nor a statement of visibility")

// wish is the object in the annotation; each key is a request of its own.
type wish struct {
	Visibility *string `json:"visibility"`
	Rotate     *string `json:"rotate"`
}

func (w wish) request() (Request, error) {
	switch {
	case w.Visibility != nil && w.Rotate != nil:
		return Request{}, errors.New("annotation " + AnnotationGenerate + " asks for two things at once, a rotation and a visibility")
	case w.Rotate != nil && How(strings.ToLower(strings.TrimSpace(*w.Rotate))) == Graceful:
		return Request{Rotate: Graceful}, nil
	case w.Rotate != nil:
		return Request{}, fmt.Errorf("invalid value: %.40q in rotate field in %s annotation", *w.Rotate, AnnotationGenerate)
	case w.Visibility == nil:
		return Request{}, errNoRequest
	}
	v, ok := parseVisibility(*w.Visibility)
	if !ok {
		return Request{}, fmt.Errorf("invalid value: %.40q in visibility field in %s annotation", *w.Visibility, AnnotationGenerate)
	}
	return Request{Visibility: v}, nil
}

func parseVisibility(word string) (quay.Visibility, bool) {
	v := quay.Visibility(strings.ToLower(strings.TrimSpace(word)))
	return v, v == quay.Private || v == quay.Public
}

// jsonProblem says what is wrong without repeating what was written.
func jsonProblem(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "unexpected end of input"
	case errors.As(err, &syntax):
		return fmt.Sprintf("unexpected character at byte %d", syntax.Offset)
	}
	return "it cannot be read"
}

// Announcement is the annotation image.redhat.com/image, in the shape that
// image-controller gave it, with pullSecret added.
type Announcement struct {
	Image      string          `json:"image,omitempty"`
	Visibility quay.Visibility `json:"visibility,omitempty"`
	Secret     string          `json:"secret,omitempty"`
	PullSecret string          `json:"pullSecret,omitempty"`
	Message    string          `json:"message,omitempty"`
	Rotated    string          `json:"rotated,omitempty"`   // when last, RFC 3339
	Rotations  int             `json:"rotations,omitempty"` // how many within a day of it, this one too
}

// LastRotated is when the Component was last rotated, and how often within a day of it.
func (a Announcement) LastRotated(now time.Time) (at time.Time, times int) {
	at, err := time.Parse(time.RFC3339, a.Rotated)
	if err != nil || at.After(now) || now.Sub(at) >= 24*time.Hour {
		return time.Time{}, 0
	}
	return at, max(a.Rotations, 1)
}

// After is the announcement after one more rotation.
func (a Announcement) After(now time.Time) Announcement {
	_, times := a.LastRotated(now)
	a.Rotated, a.Rotations = now.UTC().Format(time.RFC3339), times+1
	return a
}

// Encode is the annotation's value.
func (a Announcement) Encode() string {
	raw, _ := json.Marshal(a) // strings always encode
	return string(raw)
}

// QuotaMessage tells a Component's owner what only writing can find out. It does not say
// which object there was no room for: that may be another one in every run.
const QuotaMessage = "A quota of this namespace is used up, so not all that the Component needs could be written. Raise it, or delete what is not needed; the next run goes on."

// announced is what an annotation says; what cannot be read says nothing.
func announced(value string) Announcement {
	if a, ok := plainly(value); ok {
		return a
	}
	var a Announcement
	if len(value) > maxAnnotation || json.Unmarshal([]byte(value), &a) != nil {
		return Announcement{}
	}
	return a
}

// plainly reads an annotation that has the four things that are announced of every
// Component, letter by letter as Encode writes them, and nothing more: that of nearly all.
func plainly(value string) (a Announcement, ok bool) {
	rest := value
	for i, name := range [...]string{`{"image":"`, `","visibility":"`, `","secret":"`, `","pullSecret":"`} {
		if rest, ok = strings.CutPrefix(rest, name); !ok {
			return Announcement{}, false
		}
		end := strings.IndexByte(rest, '"')
		if end <= 0 || strings.ContainsFunc(rest[:end], escaped) {
			return Announcement{}, false
		}
		switch text := rest[:end]; i {
		case 0:
			a.Image = text
		case 1:
			a.Visibility = quay.Visibility(text)
		case 2:
			a.Secret = text
		default:
			a.PullSecret = text
		}
		rest = rest[end:]
	}
	return a, rest == `"}`
}

// escaped reports whether JSON writes a letter otherwise than it is.
func escaped(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == '<' || r == '>' || r == '&' }

// Says reports whether a Component bears an announcement, letter by letter.
func Says(c *kube.Component, a Announcement) bool {
	value := c.Announced
	if plain, ok := plainly(value); ok {
		return plain == a
	}
	return value == a.Encode()
}

// Announced is what stands on a Component, and whether it is what Berth announces of
// Secrets of these names, whatever the image and the message.
func Announced(c *kube.Component, n Names) (a Announcement, ours bool) {
	a = announced(c.Announced)
	return a, a.Image != "" && a.Secret == n.Push.Secret && a.PullSecret == n.Pull.Secret
}

// WithMessage is the annotation that tells the tenant of a problem. What an
// earlier run announced stays, as far as it is what Berth would say: the
// image and its Secrets still work.
func WithMessage(c *kube.Component, n Names, image, message string) string {
	told, ours := Announced(c, n)
	if !ours || told.Image != image || told.Visibility != quay.Private && told.Visibility != quay.Public {
		told = Announcement{Rotated: told.Rotated, Rotations: told.Rotations}
	}
	told.Message = message
	return told.Encode()
}

// Rewords reports whether an announcement differs from the one that stands on a Component
// in nothing but what it says is wrong. Whether the old word still holds, only the work
// may tell.
func Rewords(c *kube.Component, announcement string) bool {
	old, wanted := announced(c.Announced), announced(announcement)
	was := old.Message
	old.Message = wanted.Message
	return was != "" && old == wanted
}
