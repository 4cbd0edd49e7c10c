package lint

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/internal/testkit"
)

// tmpfilesCorpus are lines of tmpfiles.d: what people write, and what they get wrong.
var tmpfilesCorpus = []string{
	"d /var/lib/acme 0750 - - -", "d /var/lib/acme", "D! /run/acme 1777 - - 10d", "f /var/lib/acme/x 0644 - - - text here", "f+ /var/lib/acme/y - - - - a\\nb",
	"L /var/lib/link - - - - ../target", "L+ /var/lib/other - - - - /usr/share/x", "C /var/lib/tree - - - - /etc/skel", "p /var/lib/fifo 0600 - - -", "q /var/lib/q", "Q /var/lib/Q", "v /var/lib/v",
	`d "/var/lib/with space" 0755`, `d /var/lib/hex\x20x`, `d '/var/lib/single'`, `d /var/lib/oct\101`, `d /var/lib/uni\u00e9`, `d /var/lib/tab\tx`,
	"d /var/lib//twice/", "d /var/run/acme", "d %S/spec", "d %C/cache", "d %L/log", "d %t/run", "d %h/home", "d /var/lib/100%%", "d /var/lib/%Q", "d /var/lib/end%",
	"z /var/lib/acme 0700", "Z /var/lib/acme", "x /var/lib/acme", "r /var/lib/no", "R /var/lib/no", "w /var/lib/acme/x - - - - over", "e /var/lib/acme - - - 1d", "t /var/lib/acme - - - - user.x=1",
	"# comment", "", "  d   /var/lib/spaces\t0755  ", "d /var/lib/dot/./x",
	// mistakes
	"d", "k /var/lib/x", "dd /var/lib/x", "d relative", `d "/var/lib/open`, `d /var/lib/bad\qx`, `d /var/lib/trail\`, "d-! /var/lib/twice", "d!! /var/lib/x", `d /var/lib/nul\x00`, "d /var/lib/../up", "=d /var/lib/x", "D!-=~ /var/lib/mods",
}

// TestTmpfilesOracle has systemd-tmpfiles carry out each line in an empty root: it refuses what the parser refuses, and makes
// what the parser says that it makes.
func TestTmpfilesOracle(t *testing.T) {
	said, roots := oracle(t, "systemd-tmpfiles --create --boot", lineTrees("/usr/lib/tmpfiles.d/x.conf", tmpfilesCorpus, map[string]string{
		"/etc/skel/x": "", "/var/lib/x": "", "/run/x": "", "/root/x": "",
	}))
	empty := pathsBelow(t, roots[slices.Index(tmpfilesCorpus, "")])
	for i, line := range tmpfilesCorpus {
		lines, mistakes := parseTmpfiles(line + "\n")
		if refused := said[i] != "" && !strings.Contains(said[i], "legacy directory"); refused != (len(mistakes) > 0) {
			t.Errorf("%q: systemd says %q, the parser %v", line, said[i], mistakes)
			continue
		}
		made := slices.DeleteFunc(pathsBelow(t, roots[i]), func(p string) bool { return slices.Contains(empty, p) })
		for _, l := range lines {
			want := l.path
			if !l.creates() {
				want = ""
			}
			for n := range made { // systemd puts its root before what specifiers stand for as well
				made[n] = strings.TrimPrefix(made[n], "/cases/"+strconv.Itoa(i))
			}
			if want != "" && !slices.Contains(made, want) || want == "" && len(made) > 0 {
				t.Errorf("%q: systemd made %q, the parser says %q (%s)", line, made, want, said[i])
			}
		}
	}
}

// oracle runs a program of the Debian base on each of the trees of files. It returns what the program said, and the roots.
func oracle(t *testing.T, program string, trees []map[string]string) (said, roots []string) {
	t.Helper()
	base, dir := testkit.Root(t, testkit.Debian), t.TempDir()
	for i, tree := range trees {
		root := filepath.Join(dir, strconv.Itoa(i))
		roots = append(roots, root)
		for name, text := range tree {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
			must(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
		}
	}
	script := "for r in /cases/*; do " + program + " --root=$r 2>$r.said || :; done"
	if _, _, err := (testkit.Chroot{Root: base}).With("/cases", dir).Run(t.Context(), "sh", "-c", script); err != nil {
		t.Fatal(err)
	}
	for _, root := range roots {
		text, err := os.ReadFile(root + ".said")
		must(t, err)
		said = append(said, string(text))
	}
	return said, roots
}

// lineTrees are trees that differ in the one line of a file.
func lineTrees(name string, lines []string, others map[string]string) []map[string]string {
	var out []map[string]string
	for _, line := range lines {
		tree := maps.Clone(others)
		tree[name] = line + "\n"
		out = append(out, tree)
	}
	return out
}

// sysusersCorpus are lines of sysusers.d.
var sysusersCorpus = []string{
	"u acme -", `u acme 442 "Acme Agent" /var/lib/acme /sbin/nologin`, "u acme 442:tty", "u acme -:5", "u acme /var/lib", "g acme 443", "g acme -", "m root tty", "m root acme", "r - 500-900", "r - 600",
	"u acme.x -", "u _acme -", "u 1acme -", "u acme-1 442 -", `u acme - 'single quotes'`, "u acme 442 - - -", "# comment", "", "u acme - - /home/acme",
	"u! acme -", "u qemu 107:tty", "u vboxadd -:5 - /var/run/vboxadd -", `u n /var/lib "G" /h /s`, "u acme 442 \"Edge %% 100\"",
	// mistakes
	"u", "x acme -", "u acme x", "u a:b -", "u acme 442 gecos /home/x /bin/sh more", "g acme - gecos", "u acme - - home", "m root", "r x 500", "u acme 4294967295", "u acme 65535", `u acme - "open`, "u a/b -", "u -acme -", "r - x",
}

// TestSysusersOracle has systemd-sysusers carry out each line in a root with two accounts.
func TestSysusersOracle(t *testing.T) {
	said, roots := oracle(t, "systemd-sysusers", lineTrees("/usr/lib/sysusers.d/x.conf", sysusersCorpus, map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": "root:x:0:\ntty:x:5:\n", "/etc/shadow": "", "/etc/gshadow": "", "/var/lib/x": "",
	}))
	for i, line := range sysusersCorpus {
		lines, mistakes := parseSysusers(line + "\n")
		if refused := strings.Contains(said[i], "x.conf:1:"); refused != (len(mistakes) > 0) {
			t.Errorf("%q: systemd says %q, the parser %v", line, said[i], mistakes)
			continue
		}
		passwd, err := os.ReadFile(filepath.Join(roots[i], "etc/passwd"))
		must(t, err)
		for _, l := range lines {
			if l.kind != 'u' {
				continue
			}
			entry := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(l.name) + `:x:(\d+):(\d+):(.*):(.*):(.*)$`).FindStringSubmatch(string(passwd))
			if entry == nil {
				t.Errorf("%q: systemd made no user %q: %s", line, l.name, said[i])
				continue
			}
			for _, c := range []struct {
				what, want, have string
				known            bool
			}{
				{"uid", strconv.FormatInt(l.uid, 10), entry[1], l.uid >= 0},
				{"gid", strconv.FormatInt(l.gid, 10), entry[2], l.gid >= 0},
				{"gecos", l.gecos, entry[3], true},
				{"home", l.home, entry[4], l.home != ""},
				{"shell", l.shell, entry[5], l.shell != ""},
			} {
				if c.known && c.want != c.have {
					t.Errorf("%q: %s is %q for systemd and %q for the parser", line, c.what, c.have, c.want)
				}
			}
		}
	}
}

// TestConfigFiles wants the file of /etc instead of that of the same name in /usr, and none where a link to /dev/null masks it.
func TestConfigFiles(t *testing.T) {
	f := factsOf(t, map[string]string{
		"/usr/lib/sysusers.d/a.conf": "u a 1\n", "/usr/lib/sysusers.d/b.conf": "u b 2\n", "/usr/lib/sysusers.d/c.conf": "u c 3\n", "/usr/lib/sysusers.d/no.txt": "u no 4\n",
		"/etc/sysusers.d/b.conf": "\nu over 5\n", "/etc/sysusers.d/c.conf": "->/dev/null", "/usr/local/lib/sysusers.d/a.conf": "->/usr/share/a.conf", "/usr/share/a.conf": "g linked 6\n",
		"/usr/lib/tmpfiles.d/x.conf": "d /var/x\n", "/etc/tmpfiles.d/x.conf": "d /var/y\n",
	})
	var got []string
	for _, l := range f.sysusers() {
		got = append(got, fmt.Sprintf("%s:%d %c %s", l.file.Path, l.line, l.kind, l.name))
	}
	for _, l := range f.tmpfiles() {
		got = append(got, fmt.Sprintf("%s:%d %c %s", l.file.Path, l.line, l.kind, l.path))
	}
	if want := []string{"/usr/share/a.conf:1 g linked", "/etc/sysusers.d/b.conf:2 u over", "/etc/tmpfiles.d/x.conf:1 d /var/y"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, w := range sysusersWants() {
		if err := w.check(); err != nil {
			t.Error(err)
		}
	}
}

// TestMakingLineOracle has systemd-tmpfiles make what the advice of BL202 says, under names that need quotes.
func TestMakingLineOracle(t *testing.T) {
	files := []File{
		{Path: "/var/lib/with space", Mode: fs.ModeDir | 0o750, UID: 10, GID: 12},
		{Path: "/var/lib/per%cent%%S", Mode: fs.ModeDir | 0o755},
		{Path: `/var/lib/quo"te's`, Mode: fs.ModeDir | 0o755},
		{Path: "/var/lib/tab\tback\\slash", Mode: fs.ModeDir | 0o755},
		{Path: "/var/lib/größe", Mode: fs.ModeDir | 0o700},
		{Path: "/var/lib/all", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
		{Path: "/var/lib/group", Mode: fs.ModeDir | fs.ModeSetgid | 0o775, GID: 5},
		{Path: "/var/lib/link", Mode: fs.ModeSymlink | 0o777, Link: "../some where/x"},
	}
	var lines []string
	for i := range files {
		lines = append(lines, strings.TrimSpace(makingLine(&files[i], map[uint32]string{0: "root"}, map[uint32]string{5: "tty"})))
	}
	said, roots := oracle(t, "systemd-tmpfiles --create", lineTrees("/usr/lib/tmpfiles.d/x.conf", lines, map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": "root:x:0:\ntty:x:5:\n", "/var/lib/x": "",
	}))
	for i, want := range files {
		info, err := os.Lstat(filepath.Join(roots[i], want.Path))
		if err != nil || said[i] != "" {
			t.Errorf("%s: %v %s", lines[i], err, said[i])
			continue
		}
		got := File{Path: want.Path, Mode: info.Mode()}
		got.UID, got.GID = ownerOf(info)
		if want.IsLink() {
			got.Link, _ = os.Readlink(filepath.Join(roots[i], want.Path))
		}
		if got != want {
			t.Errorf("%s made %+v, want %+v", lines[i], got, want)
		}
	}
}

// FuzzTmpfiles reads any text as a file of tmpfiles.d and of sysusers.d.
func FuzzTmpfiles(f *testing.F) {
	f.Add(strings.Join(tmpfilesCorpus, "\n"))
	f.Add(strings.Join(sysusersCorpus, "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		files, mistakes := parseTmpfiles(text)
		users, more := parseSysusers(text)
		for _, m := range append(mistakes, more...) {
			if m.line < 1 || m.line > lines || m.err == nil {
				t.Errorf("%+v of %d lines", m, lines)
			}
		}
		for _, l := range files {
			if l.line < 1 || l.line > lines || l.path != "" && (!filepath.IsAbs(l.path) || filepath.Clean(l.path) != l.path) {
				t.Errorf("%+v", l)
			}
		}
		for _, l := range users {
			if l.line < 1 || l.line > lines || l.uid < -1 || l.gid < -1 {
				t.Errorf("%+v", l)
			}
		}
	})
}

func pathsBelow(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	must(t, filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
		out = append(out, "/"+strings.TrimPrefix(strings.TrimPrefix(p, root), "/"))
		return err
	}))
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("test: %w", err))
	}
}
