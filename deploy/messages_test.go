package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var verb = regexp.MustCompile(`%\[?\d*\]?[+#]?[vsdqTg.0-9]+`)

// fragments are what of a sentence with verbs is always the same, the longest first.
func fragments(format string) []string {
	parts := verb.Split(format, -1)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return parts
}

// sentences are the texts of what a room, and those in it, tell a Component's owner: what
// warn is given, and the fields Tenant and Told.
func sentences(t *testing.T, room string) (all []string) {
	t.Helper()
	var files []string
	err := filepath.WalkDir("../reconcile/"+room, func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files = append(files, name)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	texts := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil && len(strings.Fields(s)) > 3 {
					all = append(all, s)
				}
			}
			return true
		})
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && strings.EqualFold(s.Sel.Name, "warn") && len(n.Args) == 2 {
					texts(n.Args[1])
				}
			case *ast.KeyValueExpr:
				if k, ok := n.Key.(*ast.Ident); ok && (k.Name == "Tenant" || k.Name == "Told") {
					texts(n.Value)
				}
			case *ast.FuncDecl:
				if n.Name.Name == "told" && n.Recv == nil {
					texts(n.Body)
				}
			}
			return true
		})
	}
	return all
}

// A Component's owner finds in docs/tenants.md what each message means.
func TestTenantsFindEachMessage(t *testing.T) {
	t.Parallel()
	page := string(readFile(t, "../docs/tenants.md"))
	found := 0
	for _, room := range []string{"decide", "plan", "apply"} {
		for _, sentence := range sentences(t, room) {
			found++
			for part := range strings.SplitSeq(fragments(sentence)[0], ". ") {
				part = strings.Trim(part, ".: ")
				if len(strings.Fields(part)) > 2 && !strings.Contains(page, part) {
					t.Errorf("docs/tenants.md does not have %q", part)
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d sentences were found: are they written otherwise now?", found)
	}
}
