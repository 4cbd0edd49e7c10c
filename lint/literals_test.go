package lint

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzLiterals holds the one pass to what a search for each string finds.
func FuzzLiterals(f *testing.F) {
	f.Add("he,she,his,hers", []byte("ushers"))
	f.Add("aa,aaa,a", []byte("baaab"))
	f.Add("abcd,bc", []byte("xabcx"))
	f.Fuzz(func(t *testing.T, list string, text []byte) {
		var strs []string
		for s := range strings.SplitSeq(list, ",") {
			if s != "" && len(strs) < maxLiterals {
				strs = append(strs, s)
			}
		}
		l := newLiterals(strs)
		found := l.in(text)
		for i, s := range strs {
			if has := bytes.Contains(text, []byte(s)); has != (found&(1<<i) != 0) {
				t.Errorf("%q in %q: %t", s, text, !has)
			}
		}
		if l.any(text) != (found != 0) {
			t.Error("any and in differ")
		}
	})
}

// TestHaving keeps a file for what is in it, and no other.
func TestHaving(t *testing.T) {
	files := map[string]string{
		"with":    "one needle here",
		"without": "hay",
		"binary":  "\x00needle",
		"large":   strings.Repeat("needle", 100),
		"asked":   "hay that another Want asks for",
	}
	context := fstest.MapFS{}
	for name, text := range files {
		context["root/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	var kept []string
	rule := Rule{
		ID: "ACME1", Slug: "acme", Severity: Note, Stages: InContainerfile,
		Wants: []Want{
			{Glob: "/**", Max: 100, Quiet: true, Derived: true, Having: []string{"needle", "pin"}},
			{Glob: "/**", Max: 50, Quiet: true, Derived: true, Having: []string{"needle", "pin"}},
			{Glob: "/asked"},
		},
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.All() {
				if content, ok := file.Content(); ok {
					kept = append(kept, fmt.Sprintf("%s=%s", file.Path, content))
				}
			}
		},
	}
	r := Linter{Rules: []Rule{rule}}.Containerfile(Containerfile{Text: []byte("FROM base\nCOPY root /\n"), Context: context})
	if len(r.Findings) > 0 {
		t.Errorf("findings: %v", r.Findings)
	}
	if want := "/asked=hay that another Want asks for /with=one needle here"; strings.Join(kept, " ") != want {
		t.Errorf("kept %q, want %q", strings.Join(kept, " "), want)
	}
	for _, bad := range [][]string{{""}, make([]string, maxLiterals+1)} {
		if (Want{Glob: "/x", Having: bad}).check() == nil {
			t.Errorf("%d strings are accepted", len(bad))
		}
	}
}
