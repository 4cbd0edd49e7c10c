package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/changes"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestChanges compares real images, made by dnf and apt, and has the programs in them say what they are: rpm, dpkg,
// systemctl and systemd-sysusers in a chroot of each, and a walk over both.
func TestChanges(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	edge := func(s bootc.Spec) bootc.Spec {
		return s.Kargs("console=ttyS0", "quiet").User("ops", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ops").
			With(bootc.User{Name: "app", UID: 790}).
			Unit("edge.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n").
			File("/usr/lib/acme/site.conf", "a = 1\n")
	}
	edge2 := func(s bootc.Spec) bootc.Spec {
		return s.Kargs("console=ttyS1", "quiet").With(bootc.User{Name: "app", UID: 791}, bootc.User{Name: "new"}).
			Unit("edge.service", "[Service]\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n").
			With(bootc.Unit{Name: "edge@.service", Content: "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"}, bootc.Unit{Name: "fstrim.timer", Disable: true}, bootc.Unit{Name: "e2scrub_all.timer", Mask: true}, bootc.Unit{Name: "edge@one.service", Enable: true}).
			File("/usr/lib/acme/site.conf", "a = 2\n")
	}
	for name, c := range map[string]struct {
		tool     bootc.PackageTool
		from, to bootc.Spec
		packages []string
	}{
		"dnf": {bootc.DNF4,
			edge(from(t).With(r.rpm(), bootc.Packages{Install: []string{"hello-1.0", "hello-extra"}})),
			edge2(from(t).With(r.rpm(), bootc.Packages{Install: []string{"hello"}, NoWeakDeps: true})),
			[]string{"upgraded hello 1.0-1 2.0-1", "removed hello-extra 1-1 "}},
		"dnf back": {bootc.DNF4,
			from(t).With(r.rpm(), bootc.Packages{Install: []string{"hello"}, NoWeakDeps: true}),
			from(t).With(r.rpm(), bootc.Packages{Install: []string{"hello-1.0"}, NoWeakDeps: true}),
			[]string{"downgraded hello 2.0-1 1.0-1"}},
		"apt": {bootc.APT,
			edge(from(t).With(noMirror, r.deb(), bootc.Packages{Install: []string{"greet=1.0"}})),
			edge2(from(t).With(noMirror, r.deb(), bootc.Packages{Install: []string{"greet"}, NoWeakDeps: true})),
			[]string{"upgraded greet 1.0 2.0", "removed greet-extra 1 "}},
		"apt other names": {bootc.APT,
			from(t).With(noMirror, r.deb(), bootc.Packages{Install: []string{"greet=1.0"}, NoWeakDeps: true}),
			from(t).With(noMirror, r.deb(), bootc.Packages{Install: []string{"salute"}}),
			[]string{"removed greet 1.0 ", "removed greet-data 1 ", "added salute  1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var images [2]bootc.Image
			var roots [2]string
			for i, s := range []bootc.Spec{c.from, c.to} {
				dir := t.TempDir()
				b, err := try(t, engine(t), c.tool, s, bootc.BuildOptions{Output: "oci:" + filepath.Join(dir, "layout")})
				if err != nil {
					t.Fatalf("%v\n%s", err, b.log())
				}
				images[i], roots[i] = b.Image, filepath.Join(dir, "root")
				if err := testkit.UnpackImage(filepath.Join(dir, "layout"), roots[i]); err != nil {
					t.Fatal(err)
				}
			}
			report, err := changes.Between(t.Context(), images[0], images[1], changes.Options{Cache: filepath.Join(shared.dir, "changes")})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(report)
			var got []string
			for _, p := range report.Packages {
				got = append(got, fmt.Sprintf("%s %s %s %s", p.Kind, p.Name, p.From, p.To))
			}
			same(t, "packages", got, c.packages)
			same(t, "packages, by rpm and dpkg", packageChanges(report), differ(t, roots, `
				rpm -qa --qf '%{NAME}.%{ARCH} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' | grep -v ^gpg-pubkey
				dpkg-query -W -f '${db:Status-Status} ${Package}.${Architecture} ${Version}\n' | sed -n 's/^installed //p'`))
			same(t, "units", unitChanges(report), differ(t, roots, `systemctl list-unit-files --no-legend --no-pager | awk '{print $1, $2}'`))
			same(t, "accounts", accountChanges(report), differ(t, roots, `
				had=$(cut -d: -f1 /etc/passwd /etc/group | sort -u)
				systemd-sysusers >/dev/null 2>&1
				for db in passwd group; do
					cut -d: -f1,3 /etc/$db | while IFS=: read name id; do
						if ! echo "$had" | grep -qx "$name" && ! grep -qE "^[ug]!? +$name +[0-9]" /usr/lib/sysusers.d/*.conf; then id=any; fi
						echo "$db:$name $id"
					done
				done`))
			same(t, "kernel arguments", slices.Concat(report.Kargs.Add, report.Kargs.Remove), kargChanges(t, roots))
			same(t, "files", fileChanges(report), walkChanges(t, roots))
		})
	}
}

// differ runs a script that prints lines of a name and a value in both root file systems, and returns "name old new" for
// each name whose value is another one.
func differ(t *testing.T, roots [2]string, script string) []string {
	t.Helper()
	var both [2]map[string]string
	for i, root := range roots {
		out, _, err := testkit.Chroot{Root: root}.Run(t.Context(), "sh", "-c", script)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = map[string]string{}
		for line := range strings.Lines(out) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			both[i][name] = value
		}
	}
	return pairs(both)
}

func pairs(both [2]map[string]string) []string {
	var out []string
	for name, old := range both[0] {
		if new := both[1][name]; new != old {
			out = append(out, strings.TrimSpace(name+" "+old+" > "+new))
		}
	}
	for name, new := range both[1] {
		if _, ok := both[0][name]; !ok {
			out = append(out, name+"  > "+new)
		}
	}
	return out
}

func line(name, from, to string) string { return strings.TrimSpace(name + " " + from + " > " + to) }

func packageChanges(r changes.Report) (out []string) {
	for _, p := range r.Packages {
		out = append(out, line(p.Name+"."+p.Arch, p.From, p.To))
	}
	return out
}

// unitChanges leaves out instances, which systemctl does not list.
func unitChanges(r changes.Report) (out []string) {
	for _, u := range r.Units {
		if u.From != u.To && !strings.Contains(u.Name, "@o") {
			out = append(out, line(u.Name, u.From, u.To))
		}
	}
	return out
}

func accountChanges(r changes.Report) (out []string) {
	for _, u := range r.Users {
		out = append(out, line("passwd:"+u.Name, u.From, u.To))
	}
	for _, g := range r.Groups {
		out = append(out, line("group:"+g.Name, g.From, g.To))
	}
	return out
}

// kargChanges takes the lines of kargs.d files as they stand there.
func kargChanges(t *testing.T, roots [2]string) []string {
	var both [2][]string
	for i, root := range roots {
		names, _ := filepath.Glob(filepath.Join(root, "usr/lib/bootc/kargs.d/*.toml"))
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			both[i] = append(both[i], quotedIn(string(b))...)
		}
	}
	var out []string
	for i, list := range both {
		for _, k := range list {
			if !slices.Contains(both[1-i], k) {
				out = append(out, k)
			}
		}
	}
	return out
}

// quotedIn are the strings in double quotes.
func quotedIn(s string) (out []string) {
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}

func fileChanges(r changes.Report) (out []string) {
	for _, f := range r.Files {
		out = append(out, string(f.Kind())+" "+f.Path)
	}
	return out
}

// walkChanges compares two directories file by file.
func walkChanges(t *testing.T, roots [2]string) []string {
	var both [2]map[string]string
	for i, root := range roots {
		both[i] = map[string]string{}
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || name == root {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			st := info.Sys().(*syscall.Stat_t)
			text := fmt.Sprint(info.Mode(), st.Uid, st.Gid)
			switch info.Mode().Type() {
			case fs.ModeSymlink:
				target, err := os.Readlink(name)
				if err != nil {
					return err
				}
				text += target
			case 0:
				b, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				sum := sha256.Sum256(b)
				text += hex.EncodeToString(sum[:])
			}
			both[i][strings.TrimPrefix(name, root)] = text
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for name, old := range both[0] {
		if new, ok := both[1][name]; !ok {
			out = append(out, "removed "+name)
		} else if new != old {
			out = append(out, "changed "+name)
		}
	}
	for name := range both[1] {
		if _, ok := both[0][name]; !ok {
			out = append(out, "added "+name)
		}
	}
	return out
}
