package pkgdb_test

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/bootloom/bootloom/internal/pkgdb"
	"github.com/bootloom/bootloom/internal/testkit"
)

//go:embed testdata/databases.sh
var databasesScript string

var made struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(made.dir)
	os.Exit(code)
}

// databases are made by rpm 4.20 and dpkg themselves, and listed by them.
func databases(t testing.TB) string {
	t.Helper()
	repo := testkit.RPMRepo(t)
	made.Do(func() {
		var root string
		if root, made.err = testkit.MakeRoot(t.Context(), testkit.DNF); made.err != nil {
			return
		}
		if made.dir, made.err = os.MkdirTemp("", "pkgdb-"); made.err != nil {
			return
		}
		_, _, made.err = testkit.Chroot{Root: root}.With("/repo", repo, "/out", made.dir).Run(t.Context(), "sh", "-c", databasesScript)
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
	return made.dir
}

// at has the files of a directory under another name.
func at(t testing.TB, dir, name string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		out[name+"/"+filepath.ToSlash(rel)] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func lines(t testing.TB, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(strings.Fields(strings.ReplaceAll(string(b), " ", "|"))))
}

// same compares sorted lists, and shows where they begin to differ.
func same(t testing.TB, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%d, want %d; from %d on\n%q\nwant\n%q", len(got), len(want), i, got[min(i, len(got)):min(i+3, len(got))], want[min(i, len(want)):min(i+3, len(want))])
			return
		}
	}
}

func TestRPM(t *testing.T) {
	dir := databases(t)
	for name, n := range map[string]int{"empty": 0, "few": 4, "many": 599, "wal": 300, "walonly": 4} {
		for _, where := range []string{"usr/share/rpm", "usr/lib/sysimage/rpm", "var/lib/rpm"} {
			t.Run(name+" in "+where, func(t *testing.T) {
				packages, err := pkgdb.Read(at(t, filepath.Join(dir, name), where))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, p := range packages {
					got = append(got, fmt.Sprintf("%s|%s|%s|%d|%d", p.Version, p.Name, p.Arch, p.Size, len(p.Files)))
				}
				slices.Sort(got)
				want := lines(t, filepath.Join(dir, name, "want"))
				if len(want) < n {
					t.Errorf("rpm lists %d packages", len(want))
				}
				same(t, got, want)
			})
		}
	}
}

// TestRPMFiles has the files of one package.
func TestRPMFiles(t *testing.T) {
	packages, err := pkgdb.Read(at(t, filepath.Join(databases(t), "few"), "usr/share/rpm"))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(packages, func(p pkgdb.Package) bool { return p.Name == "hello" && p.Version == "2.0-1" })
	want := []string{"/etc/hello.conf", "/usr/bin/hello", "/usr/lib/systemd/system/hello.service", "/usr/lib/sysusers.d/hello.conf"}
	if i < 0 || !slices.Equal(packages[i].Files, want) {
		t.Errorf("%+v", packages)
	}
}

func TestDpkg(t *testing.T) {
	dir := filepath.Join(databases(t), "dpkg")
	packages, err := pkgdb.Read(at(t, dir, "var/lib/dpkg"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range packages {
		got = append(got, fmt.Sprintf("%s|%s|%s|%d", p.Version, p.Name, p.Arch, p.Size>>10))
		if p.Name == "bash" && !slices.Equal(slices.Sorted(slices.Values(p.Files)), lines(t, filepath.Join(dir, "bash"))) {
			t.Errorf("the files of bash are %q", p.Files)
		}
	}
	slices.Sort(got)
	same(t, got, lines(t, filepath.Join(dir, "want")))
}

// TestCompareVersions asks rpm and dpkg about all pairs of versions that are hard to tell apart.
func TestCompareVersions(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.NeedTool(t, "mmdebstrap", "unshare")
	root, err := testkit.MakeRoot(t.Context(), testkit.DNF)
	if err != nil {
		t.Fatal(err)
	}
	versions := []string{"1", "1.0", "01", "1.0-1", "1.0-2", "1:1.0-1", "0:1", "1.0~rc1", "1.0~rc1-3", "1.0^git1", "1.0^git1~x", "1.0^", "1.0~",
		"1a", "1.a", "a", "1.0a", "1.0.a1", "1.10", "1.9", "1.0+b1", "1.0-1+deb13u1", "1.0-1~bpo", "20260822", "1..2", "1.2", "1_2", "1.0rc1", "A", "z1", "10~~", "10~", "10~a"}
	// Each program reads the versions, and prints a line for each pair.
	list := strings.Join(versions, "\n")
	for format, program := range map[string][]string{
		pkgdb.RPM: {"python3", "-c", rpmCompare, list},
		pkgdb.Deb: {"sh", "-c", dpkgCompare, "sh", list},
	} {
		out, _, err := testkit.Chroot{Root: root}.Run(t.Context(), program...)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(out)
		if len(want) != len(versions)*len(versions) {
			t.Fatalf("%s: %d answers", format, len(want))
		}
		for i, a := range versions {
			for j, b := range versions {
				if format == pkgdb.RPM && (strings.Contains(a, "-") != strings.Contains(b, "-")) {
					continue // rpm takes a version without release for any release
				}
				got := fmt.Sprint(max(-1, min(1, pkgdb.CompareVersions(format, a, b))))
				if got != want[i*len(versions)+j] {
					t.Errorf("%s: %s and %s: %s, want %s", format, a, b, got, want[i*len(versions)+j])
				}
			}
		}
	}
}

const rpmCompare = `
import rpm, sys
def parts(s):
	epoch, _, rest = s.rpartition(":")
	version, _, release = rest.partition("-")
	return (epoch or "0", version, release)
versions = sys.argv[1].split("\n")
for a in versions:
	for b in versions:
		print(rpm.labelCompare(parts(a), parts(b)))
`

const dpkgCompare = `
for a in $1; do
	for b in $1; do
		if dpkg --compare-versions "$a" lt "$b" 2>/dev/null; then echo -1
		elif dpkg --compare-versions "$a" eq "$b" 2>/dev/null; then echo 0
		else echo 1; fi
	done
done
`
