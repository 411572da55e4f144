package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"berth/kube"
	"berth/quay"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	const (
		noJSON   = "annotation image.redhat.com/generate is not valid JSON: "
		neither  = "annotation image.redhat.com/generate is neither a request for rotation nor a statement of visibility"
		noValue  = "invalid value: "
		tooLong  = "annotation image.redhat.com/generate is longer than 4096 bytes"
		noChange = ""
	)
	private := Request{Visibility: quay.Private}
	public := Request{Visibility: quay.Public}
	for _, row := range []struct {
		why, value string
		want       Request
		problem    string // the error begins so
	}{
		{"absent", "", Request{}, noChange},
		{"left behind by the controller of 2023", "false", Request{}, noChange},
		{"left behind where it failed", "failed", Request{}, noChange},
		{"the same in other letters", "Failed \n", Request{}, noChange},
		{"a word that only begins so, too", "failed: quota", Request{}, noJSON},
		{"asks for a rotation", "true", Request{Rotate: Revoke}, noChange},
		{"asks for a graceful rotation", `{"rotate":"graceful"}`, Request{Rotate: Graceful}, noChange},
		{"asks for a rotation that there is not", `{"rotate":"revoke"}`, Request{}, noValue},
		{"a rotation that is true", `{"rotate":true}`, Request{}, neither},
		{"a rotation is taken off, a statement stays", `{"rotate":"graceful","visibility":"public"}`, Request{}, "annotation image.redhat.com/generate asks for two things"},
		{"states private", `{"visibility":"private"}`, private, noChange},
		{"states public", `{"visibility":"public"}`, public, noChange},
		{"space around and within", " {\n\t\"visibility\" : \"public\" } \n", public, noChange},
		{"keys of a later form are let pass", `{"visibility":"public","tags":["a"]}`, public, noChange},
		{"of a key given twice the last counts, as in every decoder", `{"visibility":"public","visibility":"private"}`, private, noChange},
		{"an escaped letter is the letter", `{"visibility":"p\u0075blic"}`, public, noChange},

		{"true as a block of YAML leaves it", "true\n", Request{Rotate: Revoke}, noChange},
		{"true with space around it", " \t true ", Request{Rotate: Revoke}, noChange},
		{"true as Python writes it", "True", Request{Rotate: Revoke}, noChange},
		{"true as a spreadsheet writes it", "TRUE", Request{Rotate: Revoke}, noChange},
		{"false as a block of YAML leaves it", "False\n", Request{}, noChange},
		{"space alone says nothing", " \n", Request{}, noChange},
		{"an object as a block of YAML leaves it", "{\"visibility\":\"private\"}\n", private, noChange},
		{"capitals within", `{"visibility":"Public"}`, public, noChange},
		{"space within", `{"visibility":" private "}`, private, noChange},

		{"true and more", "true true", Request{}, neither},
		{"a word that only begins so", "truest", Request{}, neither},
		{"a string of JSON", `"true"`, Request{}, neither},
		{"a number", "1", Request{}, neither},
		{"a list", `["public"]`, Request{}, neither},
		{"a word", "public", Request{}, noJSON},
		{"cut short", `{"visibility":"pub`, Request{}, noJSON + "unexpected end of input"},
		{"cut before the end", `{"visibility":"public"`, Request{}, noJSON + "unexpected end of input"},
		{"no quotes", `{visibility:"public"}`, Request{}, noJSON + "unexpected character at byte 2"},
		{"not a number of JSON", `{"visibility":NaN}`, Request{}, noJSON + "unexpected character at byte 15"},
		{"a control character", "{\"visibility\":\"\x1b[2J\"}", Request{}, noJSON},
		{"a visibility that is a number", `{"visibility":1}`, Request{}, neither},
		{"a visibility that is a long number", `{"visibility":` + strings.Repeat("9", 99) + `}`, Request{}, neither},
		{"a visibility that is true", `{"visibility":true}`, Request{}, neither},
		{"a visibility that is an object", `{"visibility":{}}`, Request{}, neither},

		{"null", "null", Request{}, neither},
		{"an empty object", "{}", Request{}, neither},
		{"no statement", `{"visibility":null}`, Request{}, neither},
		{"another key", `{"visible":"public"}`, Request{}, neither},
		{"a second object", `{"visibility":"public"}{"visibility":"private"}`, Request{}, neither},
		{"something behind it", `{"visibility":"public"} x`, Request{}, neither},
		{"a brace too many", `{"visibility":"public"}}`, Request{}, neither},

		{"neither of the two", `{"visibility":"internal"}`, Request{}, noValue + `"internal" in visibility field`},
		{"two words", `{"visibility":"public private"}`, Request{}, noValue + `"public private" in visibility field`},
		{"empty", `{"visibility":""}`, Request{}, noValue + `"" in visibility field`},
		{"an escape that a terminal obeys", `{"visibility":"\u001b[2J"}`, Request{}, noValue + `"\x1b[2J" in`},
		{"a line's end", `{"visibility":"public\nError: x"}`, Request{}, noValue + `"public\nError: x" in`},
		{"letters that look alike", `{"visibility":"рublic"}`, Request{}, noValue + `"рublic" in`},
		{"a mark that turns the line around", "{\"visibility\":\"\u202eetavirp\"}", Request{}, noValue + `"\u202eetavirp" in`},
		{"not UTF-8", "{\"visibility\":\"\xff\"}", Request{}, noValue},
		{"long, so only its beginning is told", `{"visibility":"` + strings.Repeat("x", 1000) + `"}`, Request{}, noValue + `"` + strings.Repeat("x", 40) + `" in`},

		{"as long as is read", `{"visibility":"public"}` + strings.Repeat(" ", maxAnnotation-23), public, noChange},
		{"a byte longer", `{"visibility":"public"}` + strings.Repeat(" ", maxAnnotation-22), Request{}, tooLong},
		{"a quarter of a mebibyte", strings.Repeat("x", 256<<10), Request{}, tooLong},
		{"deep", strings.Repeat("[", maxAnnotation), Request{}, noJSON},
		{"deep within", `{"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `,"visibility":"public"}`, public, noChange},
	} {
		got, err := ParseRequest(row.value)
		if got != row.want {
			t.Errorf("%s: %+v, want %+v", row.why, got, row.want)
		}
		if row.problem == noChange {
			if err != nil {
				t.Errorf("%s: %v", row.why, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), row.problem) {
			t.Errorf("%s: error %q, want one that begins with %q", row.why, err, row.problem)
			continue
		}
		checkPrintable(t, row.why, err.Error())
	}
}

// checkPrintable holds a message to one short line without anything that a
// terminal obeys.
func checkPrintable(t *testing.T, why, message string) {
	t.Helper()
	if i := strings.IndexFunc(message, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s: the message %q has a character that does not print", why, message)
	}
	if len(message) > 300 {
		t.Errorf("%s: the message has %d bytes", why, len(message))
	}
}

func TestJSONProblemOfAnotherKind(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		errors.New("secret words"):                  "it cannot be read",
		fmt.Errorf("read: %w", io.ErrUnexpectedEOF): "unexpected end of input",
		fmt.Errorf("read: %w", &json.SyntaxError{}): "unexpected character at byte 0",
	} {
		if got := jsonProblem(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestAnnouncement(t *testing.T) {
	t.Parallel()
	got := Announcement{
		Image: "quay.example/acme/tenant/api", Visibility: quay.Private, Secret: "api-image-push", PullSecret: "api-image-pull", Message: "m",
	}.Encode()
	const want = `{"image":"quay.example/acme/tenant/api","visibility":"private","secret":"api-image-push","pullSecret":"api-image-pull","message":"m"}`
	if got != want {
		t.Errorf("announcement %s, want %s", got, want)
	}
	if got := (Announcement{Message: "m"}).Encode(); got != `{"message":"m"}` {
		t.Errorf("a message alone: %s", got)
	}
}

func TestWithMessage(t *testing.T) {
	t.Parallel()
	const (
		image   = "quay.example/acme/tenant/api"
		kept    = `{"image":"quay.example/acme/tenant/api","visibility":"private","secret":"api-image-push","pullSecret":"api-image-pull","message":"trouble"}`
		dropped = `{"message":"trouble"}`
	)
	for _, row := range []struct{ why, before, want string }{
		{"nothing was announced", "", dropped},
		{"what Berth announced stays", `{"image":"quay.example/acme/tenant/api","visibility":"private","secret":"api-image-push","pullSecret":"api-image-pull"}`, kept},
		{"an earlier message goes", kept[:len(kept)-len(`trouble"}`)] + `old"}`, kept},
		{"keys that Berth does not write go", kept[:len(kept)-1] + `,"x":"y"}`, kept},
		{"another image", strings.Replace(kept, "tenant/api", "other/api", 1), dropped},
		{"another push Secret", strings.Replace(kept, "api-image-push", "admin-token", 1), dropped},
		{"another pull Secret", strings.Replace(kept, "api-image-pull", "admin-token", 1), dropped},
		{"no pull Secret, as image-controller wrote it", strings.Replace(kept, `"pullSecret":"api-image-pull",`, "", 1), dropped},
		{"no such visibility", strings.Replace(kept, "private", "internal", 1), dropped},
		{"no visibility", strings.Replace(kept, `"visibility":"private",`, "", 1), dropped},
		{"no JSON", "{", dropped},
		{"a list", `["x"]`, dropped},
		{"half of it is of another type", strings.Replace(kept, `"api-image-push"`, "7", 1), dropped},
		{"too long to be read", kept + strings.Repeat(" ", maxAnnotation), dropped},
	} {
		c := componentOf("tenant", "api")
		c.Announced = row.before
		n, err := someNaming().Names(&c, "uid")
		if err != nil {
			t.Fatal(err)
		}
		if got := WithMessage(&c, n, image, "trouble"); got != row.want {
			t.Errorf("%s: %s, want %s", row.why, got, row.want)
		}
	}
}

// A Component whose name cannot be used has neither image nor Secrets, however
// it is annotated.
func TestWithMessageWithoutNames(t *testing.T) {
	t.Parallel()
	c := componentOf("tenant", "api")
	c.Announced = `{"image":"quay.example/acme/other/api","visibility":"public","secret":"x"}`
	if got := WithMessage(&c, Names{}, "", "trouble"); got != `{"message":"trouble"}` {
		t.Errorf("announced %s", got)
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why              string
		request, stands  string
		stated, unstated quay.Visibility
		problem          string
	}{
		{"nothing said", "", "", "", "", ""},
		{"a statement", "", "public", quay.Public, "", ""},
		{"a statement as people write it", "", " Private\n", quay.Private, "", ""},
		{"space alone states nothing", "", " ", "", "", ""},
		{"a statement outlives a request for rotation", "true", "private", quay.Private, "", ""},
		{"a request to state something", `{"visibility":"public"}`, "", quay.Public, quay.Public, ""},
		{"a request to state something else", `{"visibility":"public"}`, "private", quay.Public, quay.Public, ""},
		{"a request for what stands", `{"visibility":"public"}`, "public", quay.Public, "", ""},
		{"a request for what stands in other letters", `{"visibility":"Public"}`, "PUBLIC ", quay.Public, "", ""},
		{"a request instead of what nobody can read", `{"visibility":"private"}`, "secret", quay.Private, quay.Private, ""},
		{"what nobody can read", "", "secret", "", "", "annotation image.redhat.com/visibility is neither 'private' nor 'public'"},
		{"JSON where a word belongs", "", `{"visibility":"public"}`, "", "", "annotation image.redhat.com/visibility is neither"},
		{"a request that nobody can read", "{", "public", "", "", "annotation image.redhat.com/generate is not valid JSON"},
	} {
		c := kube.Component{Annotations: map[string]string{AnnotationGenerate: row.request, AnnotationVisibility: row.stands}}
		stated, err := StatementOf(&c)
		if stated != row.stated || Unwritten(&c) != row.unstated {
			t.Errorf("%s: %q is stated and %q asked for, want %q and %q", row.why, stated, Unwritten(&c), row.stated, row.unstated)
		}
		if (err == nil) != (row.problem == "") || err != nil && !strings.HasPrefix(err.Error(), row.problem) {
			t.Errorf("%s: %v, want %q", row.why, err, row.problem)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		"true", "false", `{"visibility":"public"}`, `{"visibility":"private"} `, `{"visibility":"\u001b"}`, `{"visibility":1e999}`,
		"{\"visibility\":\"\xff\u202e\"}", "[[[[", `{"VISIBILITY":"public"}`, strings.Repeat(" ", 5000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := ParseRequest(value)
		if err != nil {
			checkPrintable(t, "fuzzed", err.Error())
			if got != (Request{}) {
				t.Errorf("%+v in spite of the error", got)
			}
			return
		}
		if (got.Rotate == Revoke) != (len(value) <= maxAnnotation && strings.EqualFold(strings.TrimSpace(value), "true")) {
			t.Errorf("%q asks for a rotation: %v", value, got.Rotate)
		}
		if got.Visibility != "" && !strings.Contains(strings.ToLower(value), "visibility") && !strings.Contains(value, `\`) {
			t.Errorf("%q states %s", value, got.Visibility)
		}
	})
}
