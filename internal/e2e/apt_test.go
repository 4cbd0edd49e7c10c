package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

var aptRepo = []string{"etc/apt/sources.list.d/test.sources", "usr/share/keyrings/test.asc"}

// aptState are the places of what dpkg, apt and debconf know, and of what noMirror changes.
var aptState = []string{"var/lib/dpkg/", "var/lib/apt/extended_states", "var/cache/debconf/", "etc/apt/apt.conf.d/zz-e2e"}

func TestAPT(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	dataDeb, err := os.ReadFile(filepath.Join(r.dir, "deb", "greet-data_1_all.deb"))
	if err != nil {
		t.Fatal(err)
	}
	seed := bootc.Script{Name: "seed", Phase: "repos", Body: "apt-get -q update; apt-get -qy install greet=1.0"}
	buildOnly := r.deb()
	buildOnly.BuildOnly = true
	unsigned := r.deb()
	unsigned.Key, unsigned.InsecureNoGPGCheck = "", true
	packages := []string{"greet", "greet-data", "greet-extra", "salute"}
	for name, c := range map[string]struct {
		features []bootc.Feature
		want     []string // of packages, with versions
		repo     []string
	}{
		"install":    {[]bootc.Feature{r.deb(), bootc.Packages{Install: []string{"greet"}}}, []string{"greet 2.0", "greet-data 1", "greet-extra 1"}, aptRepo},
		"no weak":    {[]bootc.Feature{r.deb(), bootc.Packages{Install: []string{"greet"}, NoWeakDeps: true}}, []string{"greet 2.0", "greet-data 1"}, aptRepo},
		"version":    {[]bootc.Feature{r.deb(), bootc.Packages{Install: []string{"greet=1.0"}}}, []string{"greet 1.0", "greet-data 1", "greet-extra 1"}, aptRepo},
		"file":       {[]bootc.Feature{bootc.Packages{Files: []bootc.PackageFile{{Name: "mine.deb", Content: bootc.Bytes(dataDeb)}}}}, []string{"greet-data 1"}, nil},
		"build only": {[]bootc.Feature{buildOnly, bootc.Packages{Install: []string{"greet-data"}}}, []string{"greet-data 1"}, nil},
		"unsigned":   {[]bootc.Feature{unsigned, bootc.Packages{Install: []string{"greet-data"}}}, []string{"greet-data 1"}, aptRepo[:1:1]},
		"swap":       {[]bootc.Feature{r.deb(), seed, bootc.Packages{Remove: []string{"greet", "greet-extra"}, Install: []string{"salute"}}}, []string{"greet-data 1", "salute 1"}, aptRepo},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, bootc.APT, from(t).With(noMirror).With(c.features...))
			var got []string
			for _, p := range packages {
				if f, ok := b.files["usr/share/"+p+"/version"]; ok {
					got = append(got, strings.TrimSpace(f.data))
				}
			}
			same(t, "packages", got, c.want)
			for name := range b.files {
				if strings.HasPrefix(name, "usr/sbin/policy-rc.d") || name == "usr/share/greet/started" {
					t.Errorf("%s: a service could start, or did", name)
				}
			}
			same(t, "layers", b.names(slices.Concat(aptState, []string{"etc/init.d/", "etc/rc", "usr/share/greet", "usr/share/salute"})...),
				slices.Concat(c.repo, []string{"etc/apt/sources.list"}))
		})
	}
}

// TestAPTMirror installs from the mirror that the base has.
func TestAPTMirror(t *testing.T) {
	t.Parallel()
	b := build(t, bootc.APT, from(t).Install("tree"))
	if f := b.files["usr/bin/tree"]; f.String() != "- 0755 0:0" {
		t.Errorf("usr/bin/tree is %s", f)
	}
	same(t, "layers", b.names(slices.Concat(aptState, []string{"usr/bin/tree", "usr/share/doc/tree/"})...), nil)
}

func TestAPTRefuses(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	unsigned := r.deb()
	unsigned.BaseURL = []string{r.url + "/rpm"} // has no InRelease
	other := r.deb()
	other.Key, other.KeyFile = "", "/usr/share/keyrings/debian-archive-keyring.pgp"
	install := bootc.Packages{Install: []string{"greet-data"}}
	for name, c := range map[string]struct {
		features []bootc.Feature
		says     []string
	}{
		"misspelt":  {[]bootc.Feature{r.deb(), bootc.Packages{Install: []string{"greet", "greed"}}}, []string{"greed", "Features[2].Packages"}},
		"version":   {[]bootc.Feature{r.deb(), bootc.Packages{Install: []string{"greet=3.0"}}}, []string{"3.0", "greet", "Features[2].Packages"}},
		"needed":    {[]bootc.Feature{r.deb(), bootc.Packages{Install: []string{"greet"}, Remove: []string{"greet-data"}}}, []string{"greet-data", "Features[2].Packages"}},
		"other key": {[]bootc.Feature{other, install}, []string{"Features[2].Packages"}},
		"no repo":   {[]bootc.Feature{unsigned, install}, []string{"404", "Features[2].Packages"}},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, bootc.APT, from(t).With(slices.Insert(c.features, 0, bootc.Feature(noMirror))...), c.says...)
		})
	}
}
