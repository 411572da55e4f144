package quay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const canary = "CANARY0TOKEN0CANARY0TOKEN0CANARY0TOKEN0CANARY0TOKEN0CANARY0TOKEN"

// A token must not be printed whatever it is wrapped in.
func TestTokenIsNeverShown(t *testing.T) {
	t.Parallel()
	token := NewToken(canary)
	containers := map[string]any{
		"value":             token,
		"pointer":           &token,
		"slice":             []Token{token},
		"map":               map[string]Token{"k": token},
		"exported field":    struct{ T Token }{token},
		"unexported field":  struct{ t Token }{token},
		"nested":            struct{ in struct{ t *Token } }{struct{ t *Token }{&token}},
		"interface":         []any{token},
		"robot in an error": fmt.Errorf("robot: %v", Robot{Name: "r", Token: token}),
	}
	for where, v := range containers {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			if got := fmt.Sprintf(verb, v); leaks(got) {
				t.Errorf("%s of %s shows the token: %s", verb, where, got)
			}
		}
		raw, _ := json.Marshal(v)
		var text, object bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&object, nil)).Info("m", "v", v)
		for how, got := range map[string]string{"json": string(raw), "slog text": text.String(), "slog JSON": object.String()} {
			if leaks(got) {
				t.Errorf("%s of %s shows the token: %s", how, where, got)
			}
		}
	}
	if got := cmp.Diff(map[string]string{"t": fmt.Sprint(token)}, map[string]string{"t": fmt.Sprint(NewToken("x"))}); leaks(got) {
		t.Errorf("cmp.Diff shows the token: %s", got)
	}
	if token.Reveal() != canary {
		t.Error("Reveal does not give the token")
	}
	if !(Token{}).IsZero() || token.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func leaks(s string) bool {
	return strings.Contains(s, canary[:12]) || strings.Contains(strings.ToLower(s), fmt.Sprintf("%x", canary[:12]))
}
