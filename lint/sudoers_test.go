package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/internal/testkit"
)

// sudoersTexts are files that sudo takes, and such that it stops at.
var sudoersTexts = []string{
	"root ALL=(ALL:ALL) ALL",
	"%wheel ALL=(ALL) NOPASSWD: ALL",
	"ops, %ops ALL = (root) NOPASSWD: /usr/bin/systemctl restart acme, /usr/bin/journalctl",
	"ops ALL=(ALL:ALL) NOPASSWD:SETENV: /usr/bin/env, PASSWD: /usr/bin/id",
	"#1000 ALL=ALL",
	"# a comment",
	"ops ALL=ALL # a comment",
	"Defaults:ops !requiretty",
	"Defaults env_keep += \"HTTP_PROXY\"",
	"User_Alias OPS = a, b : DEV = c\nOPS ALL=(ALL) ALL",
	"Cmnd_Alias RESTART = /usr/bin/systemctl restart acme, \\\n  /usr/bin/systemctl start acme\nops ALL=RESTART",
	"ops host1,host2=/bin/ls : host3=/bin/cat",
	"ops ALL=/bin/ls, !/bin/cat",
	"ops ALL=(root) sudoedit /etc/acme.conf",
	"ops ALL=(ALL) TIMEOUT=5m NOPASSWD: /bin/ls",
	"ops ALL=/bin/echo a\\,b\\:c\\=d",
	"\"ops team\" ALL=ALL",
	"ops ALL=(ALL NOPASSWD: ALL",
	"ops ALL NOPASSWD ALL",
	"ops",
	"ops ALL",
	"ops ALL=",
	"ops ALL=(ALL) ALL,",
	"ops ALL=(ALL) systemctl",
	"ops host1 host2=ALL",
	"User_Alias ops = a",
	"User_Alias OPS",
	"User_Alias OPS = ",
	"ops ALL=(ALL) NOPASSWD ALL",
	"ops, ALL=ALL",
	"@includedir /etc/sudoers.d",
	"#includedir /etc/sudoers.d",
	"ops ALL=(ALL)\tALL",
	"  ops ALL=ALL",
	"ops   ALL = ( ALL ) NOPASSWD : ALL",
}

// TestSudoersOracle has visudo say which lines sudo stops at.
func TestSudoersOracle(t *testing.T) {
	testkit.NeedTool(t, "visudo")
	for _, text := range sudoersTexts {
		file := filepath.Join(t.TempDir(), "sudoers")
		if err := os.WriteFile(file, []byte(text+"\n"), 0o440); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "visudo", "-cf", file).CombinedOutput()
		if _, ran := err.(*exec.ExitError); err != nil && !ran {
			t.Fatal(err)
		}
		_, mistakes := parseSudoers(text + "\n")
		if (len(mistakes) > 0) != (err != nil) {
			t.Errorf("%q: we say %v, visudo %s", text, mistakes, strings.TrimSpace(string(out)))
		}
	}
}

// FuzzSudoers wants any text to be read to the end, with lines that it has.
func FuzzSudoers(f *testing.F) {
	for _, text := range sudoersTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, mistakes := parseSudoers(text)
		lines := strings.Count(text, "\n") + 1
		for _, r := range rules {
			if r.line < 1 || r.line > lines || r.command == "" || len(r.users) == 0 {
				t.Errorf("%q: %+v", text, r)
			}
		}
		for _, m := range mistakes {
			if m.line < 1 || m.line > lines || m.err == nil {
				t.Errorf("%q: %+v", text, m)
			}
		}
	})
}
