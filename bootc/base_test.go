package bootc_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

func TestParseOSRelease(t *testing.T) {
	got := bootc.ParseOSRelease([]byte("# comment\n\nID=fedora\n  VERSION_ID=\"42\"  \nID=centos\nNAME='a \\n \"b\"'\n" +
		`PRETTY_NAME="it's \$5 \"x\" \\ \n"` + "\nBARE=a\\ b\nJOINED=a'b'\"c\"\nEMPTY=\nOPEN=\"x\n1BAD=x\nnot an assignment\nWITH SPACE=x\r\nCRLF=x\r\nEND=\\"))
	want := map[string]string{
		"ID": "centos", "VERSION_ID": "42", "NAME": `a \n "b"`, "PRETTY_NAME": `it's $5 "x" \ \n`,
		"BARE": "a b", "JOINED": "abc", "EMPTY": "", "CRLF": "x",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func linkFile(target string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
}

func TestReadFile(t *testing.T) {
	base := bootc.Base{Files: fstest.MapFS{
		"usr/lib/os-release":  {Data: []byte("ID=x\n")},
		"etc/os-release":      linkFile("../usr/lib/os-release"),
		"lib":                 linkFile("/usr/lib"),
		"usr/lib64":           linkFile("lib"),
		"etc/above":           linkFile("../../../../etc/os-release"),
		"etc/loop":            linkFile("loop"),
		"etc/dangling":        linkFile("/nowhere"),
		"etc/through":         linkFile("/lib64x/os-release"),
		"lib64x":              linkFile("usr/lib64"),
		"usr/lib/modules/dir": {Mode: fs.ModeDir},
	}}
	for _, name := range []string{"/etc/os-release", "etc/os-release", "/lib/os-release", "/usr/lib64/os-release", "/etc/above", "/etc/through", "/etc/../etc/os-release"} {
		if b, err := base.ReadFile(name); err != nil || string(b) != "ID=x\n" {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]error{"/etc/nope": fs.ErrNotExist, "/etc/dangling": fs.ErrNotExist, "/nope/x": fs.ErrNotExist} {
		if _, err := base.ReadFile(name); !errors.Is(err, want) || errors.Is(err, bootc.ErrUnknownFact) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	if _, err := base.ReadFile("/etc/loop"); err == nil || !strings.Contains(err.Error(), "/etc/loop: too many symbolic links") {
		t.Errorf("loop: got %v", err)
	}
	if _, err := (bootc.Base{}).ReadFile("/etc/passwd"); !errors.Is(err, bootc.ErrUnknownFact) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/etc/passwd") {
		t.Errorf("no files: got %v", err)
	}
}

func TestInfer(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("x"), Mode: 0o755}
	release := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for _, c := range []struct {
		name   string
		base   bootc.Base
		family bootc.Family
		tool   bootc.PackageTool
		kernel string
	}{
		{"nothing", bootc.Base{}, "", "", ""},
		{"stated", bootc.Base{Family: "other", Tool: "pacman", Kernel: "6", Files: fstest.MapFS{"usr/bin/dnf": file}}, "other", "pacman", "6"},
		{"fedora 40", bootc.Base{OSRelease: map[string]string{"ID": "fedora", "VERSION_ID": "40"}}, bootc.Fedora, bootc.DNF4, ""},
		{"fedora 41", bootc.Base{OSRelease: map[string]string{"ID": "fedora", "VERSION_ID": "41"}}, bootc.Fedora, bootc.DNF5, ""},
		{"rhel", bootc.Base{OSRelease: map[string]string{"ID": "rhel", "VERSION_ID": "9.6"}}, bootc.Fedora, bootc.DNF4, ""},
		{"rhel to come", bootc.Base{OSRelease: map[string]string{"ID": "rhel", "VERSION_ID": "11.0"}}, bootc.Fedora, "", ""},
		{"by ID_LIKE", bootc.Base{OSRelease: map[string]string{"ID": "acme", "ID_LIKE": "foo ubuntu debian"}}, bootc.Debian, bootc.APT, ""},
		{"stranger", bootc.Base{OSRelease: map[string]string{"ID": "arch"}}, "", "", ""},
		{"dnf is dnf5", bootc.Base{Files: fstest.MapFS{"usr/bin/dnf": linkFile("dnf5"), "usr/bin/dnf5": file, "etc/os-release": release("ID=fedora\n")}}, bootc.Fedora, bootc.DNF5, ""},
		{"dnf beside dnf5", bootc.Base{Files: fstest.MapFS{"usr/bin/dnf": linkFile("dnf-3"), "usr/bin/dnf-3": file, "usr/bin/dnf5": file}}, "", bootc.DNF4, ""},
		{"only dnf5", bootc.Base{Files: fstest.MapFS{"usr/bin/dnf5": file}}, "", bootc.DNF5, ""},
		{"apt", bootc.Base{Files: fstest.MapFS{"usr/bin/apt-get": file, "usr/lib/os-release": release("ID=debian\n")}}, bootc.Debian, bootc.APT, ""},
		{"no tool", bootc.Base{Files: fstest.MapFS{"usr/lib/os-release": release("ID=fedora\nVERSION_ID=42\n")}}, bootc.Fedora, "", ""},
		{"one kernel", bootc.Base{Files: fstest.MapFS{"usr/lib/modules/6.1/vmlinuz": file, "usr/lib/modules/5.0/extra/x.ko": file}}, "", "", "6.1"},
		{"two kernels", bootc.Base{Files: fstest.MapFS{"usr/lib/modules/6.1/vmlinuz": file, "usr/lib/modules/6.2/vmlinuz": file}}, "", "", ""},
		{"labels", bootc.Base{Labels: map[string]string{"redhat.id": "centos", "redhat.version-id": "10", "ostree.linux": "6.12"}}, bootc.Fedora, bootc.DNF4, ""},
		{"files over labels", bootc.Base{Labels: map[string]string{"redhat.id": "centos"}, Files: fstest.MapFS{"etc/os-release": release("ID=debian\n")}}, bootc.Debian, "", ""},
		{"by name", bootc.Base{Ref: "quay.io/fedora/fedora-bootc:42"}, bootc.Fedora, bootc.DNF5, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.base.Infer()
			if err != nil || got.Family != c.family || got.Tool != c.tool || got.Kernel != c.kernel {
				t.Errorf("got %q %q %q (%v), want %q %q %q", got.Family, got.Tool, got.Kernel, err, c.family, c.tool, c.kernel)
			}
		})
	}
	broken := errors.New("connection lost")
	if _, err := (bootc.Base{Files: failing{broken}}).Infer(); !errors.Is(err, broken) {
		t.Errorf("a failing file system: got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
}

// ask is a feature that needs facts.
type ask func(*bootc.Draft) error

func (a ask) Contribute(d *bootc.Draft) error { return a(d) }

func TestUnknownFacts(t *testing.T) {
	two := fstest.MapFS{"usr/lib/modules/6.1/vmlinuz": {}, "usr/lib/modules/6.2/vmlinuz": {}}
	for _, c := range []struct {
		base bootc.Base
		ask  func(*bootc.Draft) error
		want string
	}{
		{bootc.Base{}, func(d *bootc.Draft) error { return second(d.Family()) }, "set Base.Family"},
		{bootc.Base{OSRelease: map[string]string{"ID": "arch"}}, func(d *bootc.Draft) error { return second(d.Family()) }, "its os-release says arch"},
		{bootc.Base{}, func(d *bootc.Draft) error { return second(d.Tool()) }, "set Base.Tool"},
		{bootc.Base{Files: fstest.MapFS{}}, func(d *bootc.Draft) error { return second(d.Tool()) }, "it has no /usr/bin/dnf"},
		{bootc.Base{}, func(d *bootc.Draft) error { return second(d.Kernel()) }, "set Base.Kernel"},
		{bootc.Base{Files: fstest.MapFS{}}, func(d *bootc.Draft) error { return second(d.Kernel()) }, "it has no /usr/lib/modules/*/vmlinuz"},
		{bootc.Base{Files: two}, func(d *bootc.Draft) error { return second(d.Kernel()) }, "the kernels 6.1 and 6.2"},
		{bootc.Base{}, func(d *bootc.Draft) error { return second(d.ReadBase("/etc/passwd")) }, "set Base.Files"},
	} {
		_, err := bootc.From("quay.io/a/b:1").With(ask(c.ask)).Compile(c.base)
		fields := bootc.FieldErrors(err)
		if len(fields) == 0 || fields[0].Path != "Features[0].ask" || !errors.Is(err, bootc.ErrUnknownFact) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestWellKnown(t *testing.T) {
	for ref, want := range map[string]string{
		"quay.io/centos-bootc/centos-bootc:stream9":                                    "centos 9 fedora dnf4",
		"quay.io/centos-bootc/centos-bootc:stream10":                                   "centos 10 fedora dnf4",
		"docker://quay.io/centos-bootc/centos-bootc:stream10":                          "centos 10 fedora dnf4",
		"quay.io/centos-bootc/centos-bootc:stream10@sha256:" + strings.Repeat("a", 64): "centos 10 fedora dnf4",
		"quay.io/fedora/fedora-bootc:40":                                               "fedora 40 fedora dnf4",
		"quay.io/fedora/fedora-bootc:42":                                               "fedora 42 fedora dnf5",
		"registry.redhat.io/rhel9/rhel-bootc:9.6":                                      "rhel 9.6 fedora dnf4",
		"registry.redhat.io/rhel9/rhel-bootc":                                          "rhel 9 fedora dnf4",
		"registry.redhat.io/rhel10/rhel-bootc:latest":                                  "rhel 10 fedora dnf4",
		"quay.io/fedora/fedora-bootc:rawhide":                                          "",
		"quay.io/centos-bootc/centos-bootc":                                            "",
		"mirror.example.com/fedora/fedora-bootc:42":                                    "",
		"oci:fedora-bootc:42":                                                          "",
		"":                                                                             "",
	} {
		got, ok := bootc.WellKnown(ref)
		text := strings.TrimSpace(fmt.Sprint(got.OSRelease["ID"], " ", got.OSRelease["VERSION_ID"], " ", got.Family, " ", got.Tool))
		if text != want || ok != (want != "") {
			t.Errorf("%s: got %q, want %q", ref, text, want)
		}
	}
}

func TestFrom(t *testing.T) {
	sum := "sha256:" + strings.Repeat("a", 64)
	for _, c := range []struct{ ref, digest, want, err string }{
		{"quay.io/a/b:1", "", "quay.io/a/b:1", ""},
		{"quay.io/a/b:1", sum, "quay.io/a/b@" + sum, ""},
		{"quay.io/a/b", sum, "quay.io/a/b@" + sum, ""},
		{"localhost:5000/a/b", sum, "localhost:5000/a/b@" + sum, ""},
		{"quay.io/a/b:1@" + sum, sum, "quay.io/a/b@" + sum, ""},
		{"quay.io/a/b:1@" + sum, "", "quay.io/a/b:1@" + sum, ""},
		{"docker://quay.io/a/b:1", "", "quay.io/a/b:1", ""},
		{"oci:/srv/base:x", sum, "localhost/bootloom/base:" + strings.Repeat("a", 64), ""},
		{"oci-archive:base.tar", sum, "localhost/bootloom/base:" + strings.Repeat("a", 64), ""},
		{"containers-storage:localhost/x", sum, "localhost/bootloom/base:" + strings.Repeat("a", 64), ""},
		{"", "", "", "is empty"},
		{"fedora-bootc", "", "", "docker.io/library/fedora-bootc"},
		{"a/b:1", "", "", "does not name its registry"},
		{"quay.io/A/b", "", "", "lowercase"},
		{"quay.io/a b", "", "", "invalid"},
		{"quay.io/a\nRUN x", "", "", "control characters"},
		{"oci:", "", "", "names no image"},
		{"oci:/srv/a\nb", "", "", "control characters"},
		{sum, "", "", "does not name its registry"},
	} {
		base := bootc.Base{Ref: c.ref, Digest: digest.Digest(c.digest)}
		plan, err := bootc.From(c.ref).Compile(base)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: got %v, want %q", c.ref, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.ref, err)
			continue
		}
		if got := plan.Containerfile.Stages[0].From; got != c.want || base.From() != c.want {
			t.Errorf("%q: got %s, want %s", c.ref, got, c.want)
		}
	}
	a, b := bootc.Base{Ref: "oci:/a"}, bootc.Base{Ref: "oci:/b"}
	if a.From() == b.From() || !a.Local() || !strings.HasPrefix(a.From(), "localhost/bootloom/base:") {
		t.Errorf("got %s and %s", a.From(), b.From())
	}
}

func TestOwner(t *testing.T) {
	files := fstest.MapFS{
		"etc/passwd":     {Data: []byte("root:x:0:0::/root:/bin/sh\nacme:x:1000:1001::/:/bin/sh\n")},
		"usr/lib/passwd": {Data: []byte("chrony:x:990:991::/:/sbin/nologin\n")},
		"etc/group":      {Data: []byte("wheel:x:10:acme\n")},
		"usr/lib/group":  {Data: []byte("tty:x:5:\n")},
	}
	for _, c := range []struct {
		base bootc.Base
		in   string
		want string
	}{
		{bootc.Base{}, "", "0:0"},
		{bootc.Base{}, "root:root", "0:0"},
		{bootc.Base{}, "5:6", "5:6"},
		{bootc.Base{}, "acme", "unknown fact"},
		{bootc.Base{Files: files}, "acme", "1000:1001"},
		{bootc.Base{Files: files}, "acme:tty", "1000:5"},
		{bootc.Base{Files: files}, "chrony:wheel", "990:10"},
		{bootc.Base{Files: files}, ":wheel", "0:10"},
		{bootc.Base{Files: files}, "nobody", "the base has no nobody"},
		{bootc.Base{Files: files}, "5", "group must be given"},
	} {
		var got string
		_, err := bootc.From("quay.io/a/b:1").With(ask(func(d *bootc.Draft) error {
			uid, gid, err := d.Owner(c.in)
			got = fmt.Sprintf("%d:%d", uid, gid)
			return err
		})).Compile(c.base)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || err != nil && !strings.HasPrefix(got, "Features[0].ask: ") {
			t.Errorf("%q: got %s, want %s", c.in, got, c.want)
		}
	}
}
