package changes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/changes"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

var base = files{
	"etc/passwd": "root:x:0:0::/root:/bin/sh\nold:x:7:7::/:\n", "etc/group": "root:x:0:\nold:x:7:\n",
	"etc/os-release": "-> ../usr/lib/os-release", "usr/lib/os-release": "ID=x\nPRETTY_NAME=\"X 1\"\n",
	"usr/lib/modules/6.1.0/vmlinuz": "kernel", "usr/bin/tool": "one", "usr/share/doc/a": "a", "usr/share/doc/b": "b",
	"usr/lib/bootc/kargs.d/10-base.toml":                      `kargs = ["quiet"]`,
	"usr/lib/systemd/system/base.service":                     "[Service]\n[Install]\nWantedBy=multi-user.target\n",
	"etc/systemd/system/multi-user.target.wants/base.service": "-> /usr/lib/systemd/system/base.service",
}

func TestFiles(t *testing.T) {
	from := image(t, base, files{"usr/lib/acme/a": "1", "usr/lib/acme/gone": "x", "usr/lib/acme/kept": "k"})
	to := image(t, base, files{
		"usr/lib/acme/a": "22", "usr/lib/acme/kept": "k", "usr/lib/acme/new": "-> a", // against the layer of the old image
		"usr/bin/tool":        "0755 7:8 one", // against the base
		"usr/share/doc/.wh.a": "",
	})
	r := between(t, from, to)
	want := []string{
		"changed /usr/bin/tool", "changed /usr/lib/acme/a", "removed /usr/lib/acme/gone", "added /usr/lib/acme/new", "removed /usr/share/doc/a",
	}
	if got := lines(r); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	tool, a := r.Files[0], r.Files[1]
	if tool.From.Mode != 0o644 || tool.To.Mode != 0o755 || tool.To.UID != 7 || tool.To.GID != 8 || tool.From.SHA256 != tool.To.SHA256 || tool.Bytes() != 0 {
		t.Errorf("%+v", tool)
	}
	if a.Bytes() != 1 || a.From.SHA256 == a.To.SHA256 || r.Files[3].To.Link != "a" {
		t.Errorf("%+v", r.Files)
	}
	if len(r.Packages)+len(r.Units)+len(r.Users)+len(r.Groups)+len(r.Warnings) != 0 || r.OS != (changes.Value{}) || r.Kernel != (changes.Value{}) {
		t.Errorf("%+v", r)
	}
	back := between(t, to, from)
	if len(back.Files) != len(r.Files) || back.Files[3].Kind() != changes.Removed || back.Files[4].Kind() != changes.Added {
		t.Errorf("the other way: %q", lines(back))
	}
}

// TestHidden has a file in the place of a directory, and a directory that hides what is below it.
func TestHidden(t *testing.T) {
	from := image(t, base)
	for name, c := range map[string]struct {
		upper files
		want  []string
	}{
		"file":   {files{"usr/share/doc": "no directory"}, []string{"changed /usr/share/doc", "removed /usr/share/doc/a", "removed /usr/share/doc/b"}},
		"opaque": {files{"usr/share/doc/": "", "usr/share/doc/.wh..wh..opq": "", "usr/share/doc/b": "b"}, []string{"removed /usr/share/doc/a"}},
		"hard":   {files{"usr/bin/other": "=> usr/bin/tool"}, []string{"added /usr/bin/other"}},
	} {
		r := between(t, from, image(t, base, c.upper))
		if got := lines(r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nwant %q", name, got, c.want)
		}
		if name == "hard" && r.Files[0].To.SHA256 == "" {
			t.Errorf("%+v", r.Files)
		}
	}
}

// TestSharedLayers are not read where nothing depends on them, and none is read twice.
func TestSharedLayers(t *testing.T) {
	from := image(t, base, files{"usr/lib/acme/": "", "usr/lib/acme/a": "1"}, files{"usr/bin/agent": "1"})
	to := image(t, base, files{"usr/lib/acme/": "", "usr/lib/acme/a": "22"}, files{"usr/bin/agent": "1"})
	dropLayer(t, from, 0)
	dropLayer(t, to, 0)
	if got := lines(between(t, from, to)); !slices.Equal(got, []string{"changed /usr/lib/acme/a"}) {
		t.Errorf("%q", got)
	}
	unit := image(t, base, files{"usr/lib/acme/": "", "usr/lib/acme/a": "1", "usr/lib/acme/b": "of the base, perhaps"}, files{"usr/bin/agent": "1"})
	dropLayer(t, unit, 0)
	if _, err := changes.Between(t.Context(), from, unit, changes.Options{Platform: "linux/amd64"}); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("without the base nobody knows whether /usr/lib/acme/b is new: %v", err)
	}
}

// TestAssumedDirectory has a directory that one image describes and the other takes from its base.
func TestAssumedDirectory(t *testing.T) {
	lower := files{"srv/": "", "srv/app/": ""}
	from := image(t, lower, files{"srv/app/": "", "srv/app/x": "1"})
	to := image(t, lower, files{"srv/app/x": "2"})
	if got := lines(between(t, from, to)); !slices.Equal(got, []string{"changed /srv/app/x"}) {
		t.Errorf("%q", got)
	}
}

func TestSystem(t *testing.T) {
	r := between(t, image(t, base), image(t, base, files{
		"usr/lib/os-release": "PRETTY_NAME='X 2'\n", "usr/lib/modules/.wh.6.1.0": "", "usr/lib/modules/6.2.0/vmlinuz": "kernel",
	}))
	if r.OS != (changes.Value{From: "X 1", To: "X 2"}) || r.Kernel != (changes.Value{From: "6.1.0", To: "6.2.0"}) {
		t.Errorf("%+v %+v", r.OS, r.Kernel)
	}
	if r.From.Version != "1.1" || r.To.Version != "1.2" || r.To.Platform != "linux/amd64" {
		t.Errorf("%+v %+v", r.From, r.To)
	}
	if r.Update.Bytes() == 0 || len(r.Update.Fetch) != 1 || len(r.Update.Keep) != 1 {
		t.Errorf("%+v", r.Update)
	}
}

func TestKargs(t *testing.T) {
	dir := "usr/lib/bootc/kargs.d/"
	for name, c := range map[string]struct {
		upper       files
		add, remove string
		warning     string
	}{
		"add":             {files{dir + "20-x.toml": `kargs = ["console=ttyS0", "a=\"b c\" d"]`}, `console=ttyS0 a="b c" d`, "", ""},
		"remove":          {files{dir + "10-base.toml": `kargs = ["rd.shell"]`}, "rd.shell", "quiet", ""},
		"move":            {files{dir + ".wh.10-base.toml": "", dir + "20-x.toml": `kargs = ["quiet", "quiet"]`}, "", "", ""},
		"twice":           {files{dir + "20-x.toml": `kargs = ["a_b=1", "a-b=1", "a-b=\"1\"", "quiet"]`}, "a_b=1", "", ""},
		"of another arch": {files{dir + "20-x.toml": "kargs = [\"x\"]\nmatch-architectures = [\"aarch64\"]"}, "", "", ""},
		"of this arch":    {files{dir + "20-x.toml": "kargs = [\"x\"]\nmatch-architectures = [\"x86_64\"]"}, "x", "", ""},
		"of none":         {files{dir + "20-x.toml": "kargs = [\"x\"]\nmatch-architectures = []"}, "", "", ""},
		"other file":      {files{dir + "20-x.conf": `kargs = ["x"]`}, "", "", ""},
		"empty file":      {files{dir + "10-base.toml": `kargs = []`}, "", "quiet", ""},
		"no directory":    {files{"usr/lib/bootc/.wh.kargs.d": ""}, "", "", "leaves the arguments of the old image in place: quiet"},
		"bad":             {files{dir + "20-x.toml": `kargs = "x"`}, "", "", "bootc refuses the new image: /" + dir + "20-x.toml"},
		"unknown key":     {files{dir + "20-x.toml": "kargs = []\nmore = 1\n"}, "", "", "key more is unknown"},
	} {
		r := between(t, image(t, base), image(t, base, c.upper))
		if add, remove := strings.Join(r.Kargs.Add, " "), strings.Join(r.Kargs.Remove, " "); add != c.add || remove != c.remove {
			t.Errorf("%s: added %q, removed %q", name, add, remove)
		}
		if (len(r.Warnings) == 0) != (c.warning == "") || !strings.Contains(fmt.Sprint(r.Warnings), c.warning) {
			t.Errorf("%s: warnings %q", name, r.Warnings)
		}
	}
}

func TestUnits(t *testing.T) {
	const etc, usr = "etc/systemd/system/", "usr/lib/systemd/system/"
	r := between(t, image(t, base, files{usr + "gone.timer": "[Timer]\n", usr + "same.service": "[Service]\n"}), image(t, base, files{
		usr + "same.service":                             "[Service]\n",
		etc + "multi-user.target.wants/.wh.base.service": "", usr + "base.service.d/10.conf": "[Service]\n",
		usr + "new.service": "[Install]\nWantedBy=a.target\n", etc + "a.target.wants/new.service": "-> " + usr + "new.service",
		usr + "tmpl@.service": "[Install]\nWantedBy=a.target\n", etc + "a.target.wants/tmpl@one.service": "-> /" + usr + "tmpl@.service",
		etc + "off.service": "-> /dev/null", usr + "also.socket": "[Install]\nAlso=new.service\n",
		"usr/share/containers/systemd/app.container": "[Container]\n",
	}))
	var got []string
	for _, u := range r.Units {
		got = append(got, fmt.Sprintf("%s: %s %q %q %t", u.Name, u.Kind(), u.From, u.To, u.Edited))
	}
	want := []string{
		`also.socket: added "" "indirect" false`, `app.container: added "" "quadlet" false`, `base.service: changed "enabled" "disabled" true`,
		`gone.timer: removed "static" "" false`, `new.service: added "" "enabled" false`, `off.service: added "" "masked" false`,
		`tmpl@.service: added "" "indirect" false`, `tmpl@one.service: added "" "enabled" false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAccounts(t *testing.T) {
	r := between(t, image(t, base, files{"usr/lib/sysusers.d/a.conf": "u a 100\nu! b -\n"}), image(t, base, files{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nold:x:8:7::/:\n", "usr/lib/passwd": "new:x:50:50::/:\n",
		"usr/lib/sysusers.d/a.conf": "# u no 1\nu a 101 \"A user\"\nu b - - /\ng grp 300\nm a wheel\nu c 5:grp\nu old 99\n",
		"usr/lib/sysusers.d/z.conf": "u z 1\n", "etc/sysusers.d/z.conf": "-> /dev/null",
	}))
	print := func(all []changes.Account) string {
		var out []string
		for _, a := range all {
			out = append(out, fmt.Sprintf("%s %s %s>%s", a.Kind(), a.Name, a.From, a.To))
		}
		return strings.Join(out, ", ")
	}
	if got := print(r.Users); got != "changed a 100>101, added c >5, added new >50, changed old 7>8" {
		t.Error(got)
	}
	if got := print(r.Groups); got != "changed a 100>101, added grp >300, added wheel >any" {
		t.Error(got)
	}
	if len(r.Warnings) != 2 || !strings.Contains(r.Warnings[0], "a had the number 100") {
		t.Errorf("%q", r.Warnings)
	}
}

func TestSame(t *testing.T) {
	img := image(t, base)
	if r := between(t, img, img); !r.Empty() || r.Update.Bytes() != 0 || !strings.Contains(r.String(), "Nothing changes") {
		t.Errorf("%+v", r)
	}
	split := files{"usr/share/doc/a": base["usr/share/doc/a"]}
	if r := between(t, img, image(t, base, split)); !r.Empty() || r.Update.Bytes() == 0 {
		t.Errorf("the same files in other layers: %+v", r)
	}
}

func TestErrors(t *testing.T) {
	img := image(t, base)
	broken := image(t, base, files{"usr/share/rpm/rpmdb.sqlite": "no database"})
	if _, err := changes.Between(t.Context(), img, broken, changes.Options{Platform: "linux/amd64"}); err == nil || !strings.Contains(err.Error(), "/usr/share/rpm/rpmdb.sqlite") {
		t.Errorf("a damaged package database: %v", err)
	}
	none := img
	none.Location += "/none"
	if _, err := changes.Between(t.Context(), none, img, changes.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an image that is not there: %v", err)
	}
}

// TestCache reads a layer once, also of the next comparison, and again when the cache is damaged.
func TestCache(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	status := "Package: a\nVersion: 1\nDescription: " + big + "\n"
	from := image(t, base, files{"var/lib/dpkg/status": status})
	to := image(t, base, files{"var/lib/dpkg/status": strings.Replace(status, "Version: 1", "Version: 2", 1), "etc/x": "x"})
	o := changes.Options{Platform: "linux/amd64", Cache: t.TempDir()}
	var reports []changes.Report
	for range 2 {
		r, err := changes.Between(t.Context(), from, to, o)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
		for i := range 2 {
			if len(reports) == 1 {
				dropLayer(t, from, i)
				dropLayer(t, to, i)
			}
		}
	}
	if !reflect.DeepEqual(reports[0], reports[1]) || len(reports[0].Packages) != 1 {
		t.Errorf("%+v\n%+v", reports[0], reports[1])
	}
	damage(t, o.Cache)
	if _, err := changes.Between(t.Context(), from, to, o); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("with a damaged cache: %v", err)
	}
}

func TestJSON(t *testing.T) {
	r := between(t, image(t, base), image(t, base, files{"etc/x": "x", "var/lib/dpkg/status": "Package: a\nVersion: 1\n"}))
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back changes.Report
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("%v\n%+v\n%+v", err, r, back)
	}
}

// TestRegistry compares images where they lie, and downloads no more than it has to.
func TestRegistry(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	c := registry.Client{CA: r.CA, Anonymous: true}
	large := files{"usr/bin/large": strings.Repeat("0123456789abcdef", 100_000)}
	var refs []bootc.Image
	for _, version := range []string{"1", "2"} {
		p, err := c.Push(t.Context(), image(t, base, large, files{"usr/lib/acme/a": version}), r.Host+"/acme/os")
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, bootc.Image{Location: p.Reference()})
	}
	before := len(r.Requests())
	report, err := changes.Between(t.Context(), refs[0], refs[1], changes.Options{Platform: "linux/amd64", Registry: c})
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(report); !slices.Equal(got, []string{"changed /usr/lib/acme/a"}) || report.To.Name != r.Host+"/acme/os" {
		t.Errorf("%q of %s", got, report.To.Name)
	}
	if len(report.Update.Keep) != 2 {
		t.Errorf("%+v", report.Update)
	}
	for _, q := range r.Requests()[before:] {
		for _, l := range report.Update.Keep {
			if strings.Contains(q.Path, l.Digest.String()) {
				t.Errorf("%s %s: a layer that both images have", q.Method, q.Path)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := changes.Between(ctx, refs[0], refs[1], changes.Options{Platform: "linux/amd64", Registry: c}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
