package lint

import (
	"strings"
	"testing"
)

func TestCrontab(t *testing.T) {
	const text = "PATH=/bin:/usr/bin\n# 1 2 3 4 5 root no\n\n1 2 3 4 5 root echo 50\\% done%input\n@Reboot root /bin/a  b\n@daily\tacme /bin/c\n1 2 3\n@reboot root\n"
	want := []cronEntry{{4, false, "echo 50% done"}, {5, true, "/bin/a  b"}, {6, false, "/bin/c"}}
	got := parseCrontab(text, true)
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	if own := parseCrontab("@reboot a b\n* * * * * c\n", false); len(own) != 2 || own[0].command != "a b" || own[1].command != "c" {
		t.Errorf("of a user: %+v", own)
	}
}

// FuzzTask reads any text as each of the files that say what a device runs, and as those that may be one site's.
func FuzzTask(f *testing.F) {
	f.Add("#!/bin/sh\n@reboot root x\n1 2 3 4 5 root y % z\n")
	f.Add("#cloud-config\nruncmd:\n- [a, 'b c']\n- d\nbootcmd: [e]\n")
	f.Add("- run: /usr/bin/dnf -y install x\n  if:\n  - path: /x\n- run: &a b\n- *a\n")
	f.Add("[ipv4]\naddress1=1.2.3.4/24\n[wifi]\nssid=x\nUUID=1 / x\nkargs = [\"ip=1.2.3.4\"]\n[Network]\nAddress=1.2.3.4/5\nnameserver 1.2.3.4\n")
	names := []string{"/etc/cron.d/x", "/var/spool/cron/root", "/etc/rc.local", "/etc/cloud/cloud.cfg", "/usr/lib/flightctl/hooks.d/afterupdating/x.yaml", "/etc/crontab"}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 || strings.Count(text, "&")+strings.Count(text, "*") > 50 {
			return
		}
		files := map[string]string{}
		for _, name := range names {
			files[name] = text
		}
		for _, s := range siteFiles {
			files[strings.ReplaceAll(s.globs[0], "*", "x")] = text
		}
		lines := strings.Count(text, "\n") + 1
		facts := factsOf(t, files)
		for _, task := range facts.tasks() {
			if task.line < 0 || task.line > lines+1 {
				t.Errorf("line %d of %d: %s", task.line, lines, task.Text)
			}
		}
		for file := range facts.Root.All() {
			if what, line := siteSpecific(file); line < 0 || line > lines || what == "" && line != 0 {
				t.Errorf("%s: %q in line %d of %d", file.Path, what, line, lines)
			}
		}
	})
}
