package pkgdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bootloom/bootloom/internal/pkgdb"
)

func TestNone(t *testing.T) {
	for name, root := range map[string]fstest.MapFS{
		"nothing": {}, "an empty status": {"var/lib/dpkg/status": {}}, "a lock": {"var/lib/rpm/.rpm.lock": {}},
	} {
		if p, err := pkgdb.Read(root); err != nil || len(p) != 0 {
			t.Errorf("%s: %v %v", name, p, err)
		}
	}
}

func TestIsPart(t *testing.T) {
	for name, want := range map[string]bool{
		"usr/share/rpm/rpmdb.sqlite": true, "usr/lib/sysimage/rpm/rpmdb.sqlite-wal": true, "var/lib/rpm/rpmdb.sqlite-journal": true,
		"usr/share/rpm/rpmdb.sqlite-shm": false, "usr/share/rpm/.rpm.lock": false, "usr/lib/sysimage/rpm-ostree-base-db/rpmdb.sqlite": false,
		"var/lib/dpkg/status": true, "var/lib/dpkg/status-old": false, "var/lib/dpkg/info/bash.list": true, "var/lib/dpkg/info/bash.md5sums": false,
		"var/lib/dpkg/status.d/base": true, "var/lib/dpkg/bash.list": false, "etc/x.list": false, "status": false,
	} {
		if got := pkgdb.IsPart(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestIsState(t *testing.T) {
	for name, want := range map[string]bool{"var/lib/dpkg/info/a.list": true, "var/lib/dpkg": true, "usr/share/rpm/rpmdb.sqlite": true, "var/lib/apt/extended_states": true, "var/lib/dpkgx": false, "usr/bin/rpm": false} {
		if pkgdb.IsState(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}

func TestStatus(t *testing.T) {
	const status = `Package: a
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 1:2.0-1
Installed-Size: 3
Description: first
 Package: not-a-field
 .
Conffiles:
 /etc/a 0123

Package: b
Status: install reinstreq half-installed
Architecture: all
Version: 1

Package: c
Status: deinstall ok config-files
Architecture: all
Version: 1
`
	root := fstest.MapFS{
		"var/lib/dpkg/status":             {Data: []byte(status)},
		"var/lib/dpkg/info/a:amd64.list":  {Data: []byte("/.\n/etc/a\n")},
		"var/lib/dpkg/status.d/d":         {Data: []byte("Package: d\nVersion: 3\nArchitecture: all\n")},
		"var/lib/dpkg/status.d/d.md5sums": {Data: []byte("0 x\n")},
	}
	got, err := pkgdb.Read(root)
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	if a := got[0]; a.Name != "a" || a.Version != "1:2.0-1" || a.Arch != "amd64" || a.Size != 3<<10 || strings.Join(a.Files, " ") != "/. /etc/a" {
		t.Errorf("%+v", a)
	}
	if got[1].Name != "b" || got[2].Name != "d" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"Package: a\nVersion\n", "Package: a\nStatus: install ok installed\n"} {
		if _, err := pkgdb.Read(fstest.MapFS{"var/lib/dpkg/status": {Data: []byte(bad)}}); err == nil || !strings.Contains(err.Error(), "/var/lib/dpkg/status") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestDamaged has an error for what is no database, or half of one, and never a list that is too short.
func TestDamaged(t *testing.T) {
	main, err := os.ReadFile(filepath.Join("testdata", "small.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(files map[string][]byte) error {
		root := fstest.MapFS{}
		for name, b := range files {
			root["usr/share/rpm/"+name] = &fstest.MapFile{Data: b}
		}
		_, err := pkgdb.Read(root)
		return err
	}
	if err := read(map[string][]byte{"rpmdb.sqlite": main}); err != nil {
		t.Fatal(err)
	}
	hot := append([]byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"), make([]byte, 504)...)
	swapped := bytes.Clone(main)
	binary.BigEndian.PutUint32(swapped[56:], 2)
	for name, files := range map[string]map[string][]byte{
		"empty":          {"rpmdb.sqlite": {}},
		"text":           {"rpmdb.sqlite": bytes.Repeat([]byte("x"), 4096)},
		"half":           {"rpmdb.sqlite": main[:len(main)/2]},
		"a hot journal":  {"rpmdb.sqlite": main, "rpmdb.sqlite-journal": hot},
		"UTF-16":         {"rpmdb.sqlite": swapped},
		"a log of text":  {"rpmdb.sqlite": main, "rpmdb.sqlite-wal": bytes.Repeat([]byte("x"), 4096)},
		"Berkeley DB":    {"Packages": {1}},
		"rpm's own kind": {"Packages.db": {1}},
	} {
		err := read(files)
		if err == nil || !strings.Contains(err.Error(), "/usr/share/rpm/") {
			t.Errorf("%s: %v", name, err)
		}
		if old := files["rpmdb.sqlite"] == nil; errors.Is(err, pkgdb.ErrUnknownFormat) != old {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := read(map[string][]byte{"rpmdb.sqlite": main, "rpmdb.sqlite-journal": make([]byte, 512), "rpmdb.sqlite-wal": {}}); err != nil {
		t.Errorf("with a journal and a log that were reset: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	main, err := os.ReadFile(filepath.Join("testdata", "small.sqlite"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(main, []byte{})
	f.Add([]byte{}, []byte("7\x7f\x06\x82"))
	f.Fuzz(func(t *testing.T, main, wal []byte) {
		pkgdb.Read(fstest.MapFS{"usr/share/rpm/rpmdb.sqlite": {Data: main}, "usr/share/rpm/rpmdb.sqlite-wal": {Data: wal}})
	})
}

func FuzzStatus(f *testing.F) {
	f.Add("Package: a\nVersion: 1\n\nPackage: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		pkgdb.Read(fstest.MapFS{"var/lib/dpkg/status": {Data: []byte(text)}})
	})
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1:1.0~rc1-1", "1.0^git-2")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, format := range []string{pkgdb.RPM, pkgdb.Deb} {
			if pkgdb.CompareVersions(format, a, b) != -pkgdb.CompareVersions(format, b, a) || pkgdb.CompareVersions(format, a, a) != 0 {
				t.Errorf("%s: %q and %q", format, a, b)
			}
		}
	})
}
