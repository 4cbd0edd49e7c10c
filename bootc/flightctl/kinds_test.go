package flightctl_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// TestKinds wants every type of this package with a Contribute method in Kinds.
func TestKinds(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Contribute" {
				if name := f.Recv.List[0].Type.(*ast.Ident).Name; ast.IsExported(name) {
					want = append(want, "flightctl."+name)
				}
			}
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(flightctl.Kinds())); !slices.Equal(got, want) {
		t.Errorf("Kinds has %q, the package %q", got, want)
	}
}

// TestJSON writes the specs of the corpora and reads them again. Every kind must be in one.
func TestJSON(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range corpus(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "spec.json" {
				continue
			}
			spec, err := codec.Unmarshal(f.Data)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			text, err := codec.Marshal(spec)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			again, err := codec.Unmarshal(text)
			if err != nil || !reflect.DeepEqual(spec, again) {
				t.Errorf("%s: %v became %v in %s: %v", file, spec, again, text, err)
			}
			for _, f := range spec.Features {
				seen["flightctl."+reflect.TypeOf(f).Name()] = true
			}
		}
	}
	for kind := range flightctl.Kinds() {
		if !seen[kind] {
			t.Errorf("no corpus file has a %s", kind)
		}
	}
}

// TestJSONErrors wants the paths of keys, and no lines: they would be those of the element, which is one.
func TestJSONErrors(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{`{"kind": "flightctl.ConfigDropIn", "Name": "a", "Settings": {"loglevel": "debug"}}`,
			"loglevel: unknown key, which the agent ignores: did you mean log-level?"},
		{`{"kind": "flightctl.Hook", "Name": "a", "Actions": [{"run": "a", "timeout": 5}]}`, `timeout: "5" is not a duration`},
	} {
		_, err := codec.Unmarshal([]byte(`{"Base": "quay.io/a/b:1", "Features": [` + c.spec + `]}`))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "Features[0].") || strings.Contains(err.Error(), "line") {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func corpus(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}

// TestZero wants field errors or nothing from the zero value of each feature, whatever is known of the base.
func TestZero(t *testing.T) {
	for kind, f := range flightctl.Kinds() {
		for _, base := range []bootc.Base{{}, {Family: bootc.Fedora, Tool: bootc.DNF5}, {Family: bootc.Debian, Tool: bootc.APT}} {
			base.Ref = "quay.io/acme/base:1"
			if _, err := bootc.From(base.Ref).With(f).Compile(base); err != nil && len(bootc.FieldErrors(err)) == 0 {
				t.Errorf("%s: %v is no FieldError", kind, err)
			}
		}
	}
}
