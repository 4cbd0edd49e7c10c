package bootc_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/plantest"
	"github.com/bootloom/bootloom/internal/txtest"
)

// TestPlan compiles spec.json of each corpus file against base.json and the files below base/. Out come "errors", or
// the Containerfile, "archives" (each tar as a reader of it lists it), "origins" (the features of each step) and "facts"
// (all else that the plan says).
func TestPlan(t *testing.T) {
	txtest.Run(t, "testdata/plan/*.txtar", plantest.IsInput, func(t *testing.T, in []txtar.File) []txtar.File {
		text, base := plantest.Input(t, in, bootc.Base{})
		var spec bootc.Spec
		if err := json.Unmarshal(text, &spec); err != nil {
			return errorsOf(err)
		}
		plan, err := spec.Compile(base)
		if err != nil {
			return errorsOf(err)
		}
		roundTrip(t, plan.Containerfile)
		return []txtar.File{
			{Name: "Containerfile", Data: []byte(plan.Containerfile.String())},
			{Name: "archives", Data: archives(t, plan)},
			{Name: "origins", Data: origins(t, plan)},
			{Name: "facts", Data: facts(plan)},
		}
	})
}

func errorsOf(err error) []txtar.File {
	var b bytes.Buffer
	for _, e := range bootc.FieldErrors(err) {
		fmt.Fprintln(&b, e)
	}
	return []txtar.File{{Name: "errors", Data: b.Bytes()}}
}

// roundTrip checks that the parser which buildah builds with reads the plan's Containerfile.
func roundTrip(t *testing.T, f containerfile.File) {
	t.Helper()
	parsed, err := containerfile.Parse("Containerfile", strings.NewReader(f.String()))
	if err != nil {
		t.Fatalf("the Containerfile does not parse: %v", err)
	}
	if got := parsed.File.String(); got != f.String() {
		t.Errorf("the Containerfile reads back as\n%s\ninstead of\n%s", got, f)
	}
}

func archives(t *testing.T, p bootc.Plan) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, a := range p.Archives {
		var b bytes.Buffer
		if _, err := a.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, a.Name)
		r := tar.NewReader(&b)
		for {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "  %04o %d:%d %s %s", h.Mode, h.Uid, h.Gid, h.ModTime.UTC().Format("2006-01-02T15:04:05Z"), h.Name)
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			switch h.Typeflag {
			case tar.TypeSymlink:
				fmt.Fprintf(&out, " -> %s", h.Linkname)
			case tar.TypeReg:
				fmt.Fprintf(&out, " %q", content)
			}
			fmt.Fprintln(&out)
		}
	}
	return out.Bytes()
}

func origins(t *testing.T, p bootc.Plan) []byte {
	t.Helper()
	var out bytes.Buffer
	for i, step := range p.Containerfile.All() {
		if _, comment := step.(containerfile.Comment); comment || i.Step < 0 || i.Stage < 0 {
			continue
		}
		features := p.Features(i.Stage, i.Step)
		if len(features) == 0 {
			t.Errorf("%v has no origin", i)
		}
		fmt.Fprintf(&out, "%v %T: %s\n", i, step, strings.Join(features, ", "))
	}
	return out.Bytes()
}

func facts(p bootc.Plan) []byte {
	b, err := json.MarshalIndent(map[string]any{"Secrets": p.Secrets, "Annotations": p.Annotations, "Epoch": p.Epoch, "Spec": p.Spec}, "", "  ")
	if err != nil {
		panic(err)
	}
	return b
}

func TestCompileZeroSpec(t *testing.T) {
	_, err := bootc.Spec{}.Compile(bootc.Base{})
	if got := bootc.FieldErrors(err); len(got) != 1 || got[0].Path != "Base" {
		t.Errorf("got %v", err)
	}
	var none *bootc.Release
	_, err = bootc.From("quay.io/a/b:1").With(nil, none).Compile(bootc.Base{})
	if got := bootc.FieldErrors(err); len(got) != 2 || got[0].Path != "Features[0]" || got[1].Path != "Features[1]" {
		t.Errorf("nil features: got %v", err)
	}
}

// put is a feature that puts entries as they are.
type put []bootc.Entry

func (p put) Contribute(d *bootc.Draft) error { d.Put(bootc.PhaseFiles, p...); return nil }

func TestEntries(t *testing.T) {
	base := bootc.From("quay.io/a/b:1")
	for _, c := range []struct {
		name    string
		entries put
		want    string // in the error; empty for none
	}{
		{"relative", put{{Path: "etc/a"}}, "absolute"},
		{"empty", put{{Path: ""}}, "absolute"},
		{"root", put{{Path: "/", Mode: fs.ModeDir}}, "root itself"},
		{"dots", put{{Path: "/etc/../a"}}, "must be a clean path: /a"},
		{"slash", put{{Path: "/etc/a/"}}, "must be a clean path: /etc/a"},
		{"zero byte", put{{Path: "/etc/a\x00b"}}, "control characters"},
		{"newline", put{{Path: "/etc/a\nb"}}, "control characters"},
		{"not UTF-8", put{{Path: "/etc/\xff"}}, "not UTF-8"},
		{"long name", put{{Path: "/etc/" + strings.Repeat("a", 256)}}, "longer than Linux allows"},
		{"run", put{{Path: "/run/a"}}, "dropped"},
		{"tmp itself", put{{Path: "/tmp", Mode: fs.ModeDir}}, "dropped"},
		{"not tmp", put{{Path: "/tmpl", Mode: fs.ModeDir}}, ""},
		{"var", put{{Path: "/var/lib/a"}}, "tmpfiles.d"},
		{"home", put{{Path: "/home/a/.profile"}}, "sees no update"},
		{"usr-merged", put{{Path: "/lib/systemd/system/a.service"}}, "under /usr"},
		{"usr etc", put{{Path: "/usr/etc/a"}}, "name the path in /etc"},
		{"link into usr etc", put{link("/etc/a", "../usr/etc/a")}, "name the path in /etc"},
		{"link without target", put{link("/etc/a", "")}, "without a target"},
		{"link to itself", put{link("/etc/a", "./a")}, "to itself"},
		{"link above root", put{link("/etc/a", "../../usr/a")}, "climbs above"},
		{"link up to root", put{link("/etc/a", "../usr/a")}, ""},
		{"link with newline", put{link("/etc/a", "b\nc")}, "control characters"},
		{"device", put{{Path: "/etc/a", Mode: fs.ModeDevice}}, "tmpfiles.d"},
		{"octal setuid", put{{Path: "/usr/bin/a", Mode: 0o4755}}, "fs.ModeSetuid"},
		{"setuid", put{{Path: "/usr/bin/a", Mode: 0o755 | fs.ModeSetuid}}, ""},
		{"negative owner", put{{Path: "/etc/a", UID: -1}}, "owner -1:0"},
		{"missing content", put{{Path: "/etc/a", Content: bootc.FromFS(fstest.MapFS{}, "nope")}}, "nope"},
		{"same twice", put{{Path: "/etc/a", Content: bootc.Text("x")}, {Path: "/etc/a", Content: bootc.FromFS(fstest.MapFS{"f": {Data: []byte("x")}}, "f")}}, ""},
		{"other content", put{{Path: "/etc/a", Content: bootc.Text("x")}, {Path: "/etc/a", Content: bootc.Text("y")}}, "another content"},
		{"other mode", put{{Path: "/etc/a", Mode: 0o644}, {Path: "/etc/a", Mode: 0o600}}, "another mode (0644, not 0600)"},
		{"other owner", put{{Path: "/etc/a", UID: 1}, {Path: "/etc/a"}}, "another owner (1:0, not 0:0)"},
		{"other type", put{{Path: "/etc/a"}, {Path: "/etc/a", Mode: fs.ModeDir}}, "another type (file, not directory)"},
		{"other target", put{link("/etc/a", "b"), link("/etc/a", "c")}, "another target (b, not c)"},
		{"file as directory", put{{Path: "/etc/a/b/c"}, {Path: "/etc/a"}}, "needs the directory /etc/a, which Features[0].put makes a file"},
		{"link as directory", put{{Path: "/etc/a/b"}, link("/etc/a", "x")}, "makes a symbolic link"},
		{"directory as directory", put{{Path: "/etc/a/b"}, {Path: "/etc/a", Mode: fs.ModeDir}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := base.With(c.entries).Compile(bootc.Base{})
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			got := bootc.FieldErrors(err)
			if len(got) != 1 || got[0].Path != "Features[0].put" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want one error with %q", err, c.want)
			}
		})
	}
}

func link(path, target string) bootc.Entry {
	return bootc.Entry{Path: path, Mode: fs.ModeSymlink | 0o777, Link: target}
}
