package quay

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Token is a credential that cannot be printed by accident. It holds a
// closure, not a string: fmt reaches unexported fields, and slog and cmp
// resolve methods only on the outermost value, but none of them calls a
// function.
type Token struct {
	reveal func() string
}

// NewToken wraps s.
func NewToken(s string) Token {
	return Token{reveal: func() string { return s }}
}

// Reveal returns the credential itself, "" for the zero Token. Every call of
// it is a place to look at when reading for leaks.
func (t Token) Reveal() string {
	if t.reveal == nil {
		return ""
	}
	return t.reveal()
}

// IsZero reports whether there is no credential.
func (t Token) IsZero() bool { return t.Reveal() == "" }

// Format writes a placeholder for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue logs a placeholder.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText encodes a placeholder, in JSON too.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }
