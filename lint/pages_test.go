package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/lint"
)

//go:generate go test -run TestPages -update .

// TestPages wants the pages under rules to be what the rules say; -update writes them.
func TestPages(t *testing.T) {
	pages := map[string]string{"README.md": contents(lint.Rules())}
	for _, r := range lint.Rules() {
		pages[r.ID+".md"] = page(r)
	}
	if *update {
		old, _ := filepath.Glob("rules/*.md")
		for _, name := range old {
			os.Remove(name)
		}
		os.MkdirAll("rules", 0o755)
		for name, text := range pages {
			if err := os.WriteFile(filepath.Join("rules", name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	for name, text := range pages {
		if have, _ := os.ReadFile(filepath.Join("rules", name)); string(have) != text {
			t.Errorf("rules/%s is not what the code says: go generate ./lint", name)
		}
	}
	have, _ := filepath.Glob("rules/*")
	for _, name := range have {
		if pages[filepath.Base(name)] == "" {
			t.Errorf("%s is of no rule: go generate ./lint", name)
		}
	}
}

func contents(rules []lint.Rule) string {
	var b strings.Builder
	b.WriteString("# Rules\n\nMade from the code by `go generate ./lint`.\n\n| rule | finds | severity | stages |\n|---|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s %s](%s.md) | %s | %s | %s |\n", r.ID, r.Slug, r.ID, r.Title, r.Severity, strings.ReplaceAll(r.Stages.String(), ",", ", "))
	}
	return b.String()
}

func page(r lint.Rule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\n\n%s%s.\n\n", r.ID, r.Slug, strings.ToUpper(r.Title[:1]), r.Title[1:])
	fmt.Fprintf(&b, "| severity | stages | profiles | also known as |\n|---|---|---|---|\n")
	profiles := "all"
	if len(r.Profiles) > 0 {
		var names []string
		for _, p := range r.Profiles {
			names = append(names, string(p))
		}
		profiles = strings.Join(names, ", ")
	}
	fmt.Fprintf(&b, "| %s | %s | %s | %s |\n\n", r.Severity, strings.ReplaceAll(r.Stages.String(), ",", ", "), profiles, strings.Join(r.Aliases, ", "))
	fmt.Fprintf(&b, "%s\n\nSource: <%s>\n", strings.TrimSpace(r.Rationale), r.URL)
	for _, c := range []struct{ heading, text string }{{"Fires", r.Bad}, {"Does not fire", r.Good}} {
		if c.text != "" {
			fmt.Fprintf(&b, "\n## %s\n\n%s", c.heading, snippet(c.text))
		}
	}
	return b.String()
}

// snippet shows a case: a lone Containerfile as such, anything else with the headings of its sections.
func snippet(text string) string {
	files := txtar.Parse([]byte(text)).Files
	if len(files) == 1 && files[0].Name == "Containerfile" {
		return "```dockerfile\n" + string(files[0].Data) + "```\n"
	}
	return "```\n" + strings.TrimPrefix(text, "\n") + "```\n"
}

// TestRuleTexts holds the texts of rules to what pages and outputs make of them.
func TestRuleTexts(t *testing.T) {
	for _, r := range lint.Rules() {
		switch {
		case r.Title == "" || strings.HasSuffix(r.Title, ".") || strings.ContainsAny(r.Title, "\n|"):
			t.Errorf("%s: the title must be a few words on one line without a full stop: %q", r.ID, r.Title)
		case r.Rationale == "" || !strings.HasPrefix(r.URL, "https://"):
			t.Errorf("%s: it needs a rationale and a source", r.ID)
		case slices.Contains(r.Aliases, r.Slug):
			t.Errorf("%s: the alias %s is its slug", r.ID, r.Slug)
		}
	}
}
