package quaytest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/quay/quaytest"
)

// TestTranscript replays the recording of a real Quay, which testdata/README.md
// describes, against the simulated one.
func TestTranscript(t *testing.T) {
	t.Parallel()
	lines := readTranscript(t)
	setup, err := quaytest.ReadSetup(bytes.NewReader(lines[0]))
	if err != nil {
		t.Fatal(err)
	}
	server := quaytest.New(quaytest.Options{PageSize: setup.PageSize})
	p := &player{server: server, tokens: server.Prepare(setup), saved: make(map[string]any)}
	p.seed(t, lines[0])

	differences := 0
	for _, line := range lines[1:] {
		var x exchange
		decodeInto(t, line, &x)
		for _, difference := range p.play(t, x) {
			differences++
			t.Errorf("%d [%s] %s, as %s: %s %s\n\t%s", x.Seq, x.Scenario, x.Name, x.As, x.Request.Method, x.Request.Path, difference)
		}
	}
	fmt.Fprintf(t.Output(), "transcript: %d exchanges, %d differences\n", len(lines)-1, differences)
}

type exchange struct {
	Seq                int
	Scenario, Name, As string
	Request            recordedRequest
	Response           recordedResponse
	Config             json.RawMessage
	ID                 string
	Unordered          []string
	Assert             [][3]string
	Unstable           *struct {
		Families []string `json:"content_type_families"`
	}
}

type recordedRequest struct {
	Method, Path string
	ContentType  string `json:"content_type"`
	Body         any    // a string is sent as it is, nil is no body
	Headers      map[string]string
}

type recordedResponse struct {
	Status      int
	ContentType string `json:"content_type"`
	Location    string
	Body        any
	Empty       bool // no bytes
	JSON        bool // Body is JSON although it is a string
}

func readTranscript(t *testing.T) [][]byte {
	t.Helper()
	file, err := os.Open("testdata/transcript.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if len(lines) < 900 {
		t.Fatalf("the transcript has only %d lines", len(lines))
	}
	return lines
}

func decodeInto(t *testing.T, line []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(line, into); err != nil {
		t.Fatal(err)
	}
}

// player sends requests and remembers answers.
type player struct {
	server *quaytest.Server
	tokens map[string]string
	saved  map[string]any // bodies by the id of their exchange
}

// seed sends the requests of the setup that make the state, some of them once
// for each n.
func (p *player) seed(t *testing.T, setup []byte) {
	t.Helper()
	var s struct {
		Setup struct {
			Seed []struct {
				As           string
				Method, Path string
				Body         json.RawMessage
				ForN         [2]int   `json:"for_n"`
				Visibilities []string `json:"visibility_cycle"`
			}
		}
	}
	decodeInto(t, setup, &s)
	for _, seed := range s.Setup.Seed {
		for n := seed.ForN[0]; n <= seed.ForN[1]; n++ {
			request := recordedRequest{Method: seed.Method, Path: seed.Path, ContentType: "application/json"}
			decodeInto(t, bytes.ReplaceAll(seed.Body, []byte("{{n}}"), fmt.Appendf(nil, "%03d", n)), &request.Body)
			if len(seed.Visibilities) > 0 {
				request.Body.(map[string]any)["visibility"] = seed.Visibilities[n%len(seed.Visibilities)]
			}
			if answer := p.send(t, seed.As, request); answer.Code >= http.StatusMultipleChoices {
				t.Fatalf("seed %s %s: %d %s", request.Method, request.Path, answer.Code, answer.Body)
			}
		}
	}
}

func (p *player) send(t *testing.T, as string, request recordedRequest) *httptest.ResponseRecorder {
	t.Helper()
	var body string
	switch value := p.fill(t, request.Body).(type) {
	case nil:
	case string:
		body = value
	default:
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		body = string(text)
	}
	r := httptest.NewRequestWithContext(t.Context(), request.Method, p.fill(t, request.Path).(string), strings.NewReader(body))
	if token := p.tokens[as]; token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if request.ContentType != "" {
		r.Header.Set("Content-Type", request.ContentType)
	}
	for name, value := range request.Headers {
		r.Header.Set(name, p.fill(t, value).(string))
	}
	recorder := httptest.NewRecorder()
	p.server.ServeHTTP(recorder, r)
	return recorder
}

var reference = regexp.MustCompile(`\{\{([^{}]+)\}\}`)

// fill replaces {{token:kind}} and {{id.path}} in the strings of a value.
func (p *player) fill(t *testing.T, value any) any {
	t.Helper()
	switch v := value.(type) {
	case string:
		return reference.ReplaceAllStringFunc(v, func(m string) string { return p.lookUp(t, strings.Trim(m, "{}")) })
	case map[string]any:
		for key := range v {
			v[key] = p.fill(t, v[key])
		}
	}
	return value
}

func (p *player) lookUp(t *testing.T, name string) string {
	t.Helper()
	if kind, ok := strings.CutPrefix(name, "token:"); ok {
		return p.tokens[kind]
	}
	id, path, _ := strings.Cut(name, ".")
	value := p.saved[id]
	for key := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(v) {
				t.Fatalf("there is no %s", name)
			}
			value = v[i]
		}
	}
	text, ok := value.(string)
	if !ok {
		t.Fatalf("%s is not a string", name)
	}
	return text
}

// play sends an exchange's request and returns how the answer differs.
func (p *player) play(t *testing.T, x exchange) []string {
	t.Helper()
	if x.Config == nil {
		x.Config = json.RawMessage("{}")
	}
	config, err := quaytest.ParseConfig(x.Config)
	if err != nil {
		t.Fatal(err)
	}
	p.server.Configure(config)
	got := p.send(t, x.As, x.Request)

	if x.ID != "" {
		p.saved[x.ID], _ = parseJSON(got.Body.Bytes())
	}
	differences := compareAnswers(x, got)
	for _, a := range x.Assert {
		left, right := p.fill(t, a[1]), p.fill(t, a[2])
		if (a[0] == "eq") != (left == right) {
			differences = append(differences, fmt.Sprintf("%s must be %s %s", a[1], a[0], a[2]))
		}
	}
	return differences
}

func compareAnswers(x exchange, got *httptest.ResponseRecorder) []string {
	var differences []string
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	want, contentType := x.Response, got.Header().Get("Content-Type")

	if got.Code != want.Status {
		differ("status: want %d, got %d", want.Status, got.Code)
	}
	families := []string{family(want.ContentType)}
	if x.Unstable != nil {
		families = x.Unstable.Families
	}
	if !slices.Contains(families, family(contentType)) {
		differ("content type: want one of %v, got %q", families, contentType)
	}
	differences = append(differences, comparison{}.compare("location", want.Location, got.Header().Get("Location"))...)

	body, err := parseJSON(got.Body.Bytes())
	text, isText := want.Body.(string)
	switch {
	case x.Unstable != nil:
	case want.Empty:
		if got.Body.Len() > 0 {
			differ("body: want none, got %s", got.Body)
		}
	case isText && !want.JSON:
		if err == nil || got.Body.Len() == 0 {
			differ("body: want text such as %.40q, got %s", text, got.Body)
		}
	case err != nil:
		differ("body: want JSON, got %q", got.Body)
	default:
		differences = append(differences, comparison{unordered: x.Unordered}.compare("", want.Body, body)...)
	}
	return differences
}

func parseJSON(body []byte) (value any, err error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, errors.New("empty")
	}
	err = json.Unmarshal(body, &value)
	return value, err
}

// family of a content type: json, html or none.
func family(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return "none"
	case media == "application/json":
		return "json"
	case media == "text/html":
		return "html"
	}
	return media
}
