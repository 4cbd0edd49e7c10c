package changes_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc/changes"
)

// TestTextIsHarmless: names from images are no Markdown, no new lines, and nothing to play with a terminal.
func TestTextIsHarmless(t *testing.T) {
	evil := "a`b``c\n# d\x1b[31m*e*<i>[x](y)\u202e\xff"
	r := changes.Report{
		From: changes.Image{Version: evil}, To: changes.Image{Name: evil, Version: evil, Platform: evil},
		OS: changes.Value{From: evil}, Kernel: changes.Value{To: evil}, Kargs: changes.Kargs{Add: []string{evil}},
		Packages: []changes.Package{{Name: evil, To: evil, Kind: changes.Added}},
		Units:    []changes.Unit{{Name: evil, To: "static"}}, Users: []changes.Account{{Name: evil, To: evil}},
		Files: []changes.File{{Path: evil, To: changes.Stat{Link: evil}}}, Warnings: []string{evil},
	}
	text := r.String()
	for _, bad := range []string{"\x1b", "\n# d", "\u202e", "\xff", "\n*e*"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in\n%s", bad, text)
		}
	}
	if !strings.HasPrefix(text, "# a\\`b") || !strings.Contains(text, "added ``` a`b``c") {
		t.Errorf("%s", text)
	}
}

func TestTextOfManyFiles(t *testing.T) {
	var r changes.Report
	for i := range 100 {
		f := changes.File{Path: fmt.Sprintf("/usr/lib/%02d", i), To: changes.Stat{Mode: 0o644, Size: int64(i)}}
		if i >= 60 {
			f.Package = "p"
		}
		r.Files = append(r.Files, f)
	}
	for _, c := range []struct {
		o     changes.TextOptions
		named int
		more  string
	}{
		{changes.TextOptions{}, 40, "- 20 more"}, {changes.TextOptions{Files: 5}, 5, "- 55 more"}, {changes.TextOptions{Files: -1}, 60, ""}, {changes.TextOptions{Files: -1, All: true}, 100, ""},
	} {
		var b strings.Builder
		if err := r.WriteText(&b, c.o); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), "- added `"); n != c.named || !strings.Contains(b.String(), c.more) || strings.Contains(b.String(), " more") != (c.more != "") {
			t.Errorf("%+v: %d named\n%s", c.o, n, b.String())
		}
		if !strings.Contains(b.String(), "100 added, 0 removed, 0 changed, +5.0 kB; 40 of them by packages.") {
			t.Errorf("%s", b.String())
		}
		if c.named == 5 && !strings.Contains(b.String(), "/usr/lib/59") {
			t.Errorf("the largest are not named:\n%s", b.String())
		}
	}
}
