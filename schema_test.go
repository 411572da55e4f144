package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"berth/kube/kubetest"
	"berth/reconcile/plan"
)

// schema is docs/output.schema.json: whole, to check lines by, and what tests read in it.
type schema struct {
	*jsonschema.Schema `json:"-"`

	Defs       map[string]schema `json:"$defs"`
	Properties map[string]schema `json:"properties"`
	Enum       []string          `json:"enum"`
}

func readSchema(t *testing.T) schema {
	t.Helper()
	const file = "docs/output.schema.json"
	var s schema
	if err := json.Unmarshal(readFile(t, file), &s); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.Schema, err = jsonschema.NewCompiler().Compile(file); err != nil {
		t.Fatal(err)
	}
	return s
}

// undescribed lists keys of a line that the schema allows but does not name.
func (s schema) undescribed(line map[string]any) []string {
	var missing []string
	for key := range line {
		_, ofAll := s.Properties[key]
		if _, ofType := s.Defs[line["type"].(string)].Properties[key]; !ofAll && !ofType {
			missing = append(missing, key)
		}
	}
	return missing
}

func TestEveryLineIsAsTheSchemaSays(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	seen := map[string]bool{}
	for name, output := range outputs(t) {
		all := lines(t, output)
		if all[0]["type"] != "version" || all[len(all)-1]["type"] != "change_summary" {
			t.Errorf("%s: the first line is %v, the last %v", name, all[0], all[len(all)-1])
		}
		for _, line := range all {
			if err := s.Validate(line); err != nil {
				t.Errorf("%s: %v\n%v", name, err, line)
			}
			if missing := s.undescribed(line); len(missing) > 0 {
				t.Errorf("%s: the schema does not describe %v of %v", name, missing, line["type"])
			}
			seen[line["type"].(string)] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(s.Properties["type"].Enum)), slices.Sorted(maps.Keys(seen))); diff != "" {
		t.Errorf("types of the schema and types seen (-schema +seen):\n%s", diff)
	}
}

// outputs are of runs that end in every way there is.
func outputs(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, args := range map[string][]string{"demo": {"--demo", "-o", "json"}, "dry run": {"--demo", "-o", "json", "--dry-run"}} {
		all[name] = runProgram(t, nil, args...).must(t, 0).stdout
	}
	p := newPlatform(t, "cart", "till")
	all["missing"] = p.run(t, "-o", "json", "--dry-run", "shop/cat").must(t, 1).stdout
	fault := p.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Times: -1, Status: http.StatusUnprocessableEntity})
	all["partial"] = p.run(t, "-o", "json").must(t, 1).stdout
	fault.Remove()
	all["held"] = p.run(t, "-o", "json", "--visibility", "public").must(t, 0).stdout
	p.cluster.Delete("components", "shop", "till")
	all["orphans"] = p.run(t, "-o", "json").must(t, 0).stdout
	all["asked"] = p.run(t, "-o", "json", "--dry-run", "shop/cart").must(t, 0).stdout
	p.quay.ExpireToken(oauthToken)
	all["failed"] = p.run(t, "-o", "json").must(t, 77).stdout
	return all
}

// TestTheSchemaNotices what a change of the format would be.
func TestTheSchemaNotices(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	good := lines(t, runProgram(t, nil, "--demo", "-o", "json", "--dry-run").stdout)
	for _, test := range []struct {
		reason string
		change func(line map[string]any)
		ok     bool
	}{
		{"a key more is allowed", func(l map[string]any) { l["more"] = 1.0 }, true},
		{"a key less", func(l map[string]any) { delete(l, "ts") }, false},
		{"a key of its type less", func(l map[string]any) { delete(l, "change") }, false},
		{"an unknown type", func(l map[string]any) { l["type"] = "drift" }, false},
		{"another type's", func(l map[string]any) { l["type"] = "version" }, false},
		{"an unknown operation", func(l map[string]any) { l["change"].(map[string]any)["op"] = "drop" }, false},
		{"a number for a word", func(l map[string]any) { l["msg"] = 1.0 }, false},
		{"values that are no text", func(l map[string]any) { l["change"].(map[string]any)["after"] = map[string]any{"role": 1.0} }, false},
		{"local time", func(l map[string]any) { l["ts"] = "2026-01-01T00:00:00.000+02:00" }, false},
	} {
		line := maps.Clone(ofType(good, "planned_change")[0])
		line["change"] = maps.Clone(line["change"].(map[string]any))
		test.change(line)
		if err := s.Validate(line); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.reason, err)
		}
	}
}

// TestTheSchemaKnowsEveryConstant, and no other.
func TestTheSchemaKnowsEveryConstant(t *testing.T) {
	t.Parallel()
	s := readSchema(t)
	declared := constants(t)
	var known []string
	for _, r := range plan.Reasons {
		known = append(known, string(r))
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(declared["Reason"])), slices.Sorted(slices.Values(known))); diff != "" {
		t.Errorf("reasons (-declared +listed):\n%s", diff)
	}
	for typeName, definition := range map[string]string{"Op": "op", "Kind": "kind", "Reason": "reason", "Operation": "operation", "Result": "result"} {
		if diff := cmp.Diff(slices.Sorted(slices.Values(declared[typeName])), slices.Sorted(slices.Values(s.Defs[definition].Enum))); diff != "" {
			t.Errorf("%s (-reconcile +schema):\n%s", typeName, diff)
		}
	}
}

// constants are the values of reconcile's typed text constants, by type.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("reconcile/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := map[string][]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			value, ok := n.(*ast.ValueSpec)
			if !ok || len(value.Values) != 1 {
				return true
			}
			typed, named := value.Type.(*ast.Ident)
			literal, text := value.Values[0].(*ast.BasicLit)
			if named && text && literal.Kind == token.STRING {
				s, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[typed.Name] = append(found[typed.Name], s)
			}
			return true
		})
	}
	return found
}

// jqLines are the questions that documents put to the output.
var jqLines = regexp.MustCompile(`(?m)^    jq (?:-r )?'(.*)' run\.jsonl$`)

// What the runbook asks of the JSON lines is answered.
func TestTheRunbooksQuestions(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "cart")
	p.cluster.Inject(kubetest.Fault{Verb: "create", Resource: "secrets", Times: 1, Status: 422, Message: "no room"})
	run := lines(t, p.run(t, "-o", "json").must(t, 1).stdout)
	answers := map[string]string{ // by what stands in the question
		`"change_summary"`:  `"exit_code":1`,
		`.level == "error"`: "shop\tcart\t",
		`.name == "cart"`:   "create repository shop/cart",
		`.audit`:            "ADD\tcreate robot ",
		`"apply_errored"`:   "shop\tcart\tkube_conflict\t",
	}
	asked := 0
	for _, question := range jqLines.FindAllStringSubmatch(string(readFile(t, "docs/runbook.md")), -1) {
		asked++
		query, err := gojq.Parse(question[1])
		if err != nil {
			t.Errorf("%s: %v", question[1], err)
			continue
		}
		var said strings.Builder
		for _, line := range run {
			answer := query.Run(line)
			for v, more := answer.Next(); more; v, more = answer.Next() {
				if text, ok := v.(string); ok {
					fmt.Fprintln(&said, text)
					continue
				}
				raw, err := gojq.Marshal(v)
				if err != nil {
					t.Errorf("%s: %v", question[1], v)
				}
				fmt.Fprintln(&said, string(raw))
			}
		}
		known := false
		for part, want := range answers {
			if strings.Contains(question[1], part) {
				known = true
				if !strings.Contains(said.String(), want) {
					t.Errorf("%s does not say %q:\n%s", question[1], want, said.String())
				}
			}
		}
		if !known {
			t.Errorf("nobody knows what is to be the answer to %s", question[1])
		}
	}
	if asked < len(answers) {
		t.Errorf("%d questions were found", asked)
	}
}
