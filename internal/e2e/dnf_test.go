package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// What RPMs bring. Accounts come from the scriptlet of hello, by systemd-sysusers.
var (
	rpmDB    = []string{"var/lib/rpm/.rpm.lock", "var/lib/rpm/rpmdb.sqlite"}
	accounts = []string{"etc/group", "etc/gshadow", "etc/passwd", "etc/shadow",
		"etc/group-", "etc/gshadow-", "etc/passwd-", "etc/shadow-", "etc/.pwd.lock"}
	hello    = []string{"usr/bin/hello", "etc/hello.conf", "usr/lib/systemd/system/hello.service", "usr/lib/sysusers.d/hello.conf", "usr/share/hello/data"}
	extra    = []string{"usr/share/hello/extra"}
	testRepo = []string{"etc/yum.repos.d/test.repo"}
)

func TestDNF(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	helloRPM, err := os.ReadFile(filepath.Join(r.rpms, "hello-data-1-1.noarch.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256(helloRPM))
	seed := bootc.Script{Name: "seed", Phase: "repos", Body: "dnf -y -q install hello-1.0"}
	buildOnly := r.rpm()
	buildOnly.BuildOnly = true
	signed := bootc.Repo{ID: "signed", BaseURL: []string{r.url + "/rpm"}, Key: r.key}
	signedOnly := signed
	signedOnly.BuildOnly = true

	for name, c := range map[string]struct {
		features []bootc.Feature
		want     [][]string
		says     string // what /usr/bin/hello prints
		rpms     string // what is installed then
	}{
		"install":      {[]bootc.Feature{r.rpm(), bootc.Packages{Install: []string{"hello"}}}, [][]string{testRepo, rpmDB, accounts, hello, extra}, "2.0", ""},
		"no weak deps": {[]bootc.Feature{r.rpm(), bootc.Packages{Install: []string{"hello"}, NoWeakDeps: true}}, [][]string{testRepo, rpmDB, accounts, hello}, "2.0", ""},
		"version":      {[]bootc.Feature{r.rpm(), bootc.Packages{Install: []string{"hello-1.0"}, NoWeakDeps: true}}, [][]string{testRepo, rpmDB, accounts, hello}, "1.0", ""},
		"path":         {[]bootc.Feature{r.rpm(), bootc.Packages{Install: []string{"/usr/share/hello/data"}}}, [][]string{testRepo, rpmDB, {"usr/share/hello/data"}}, "", ""},
		"build only":   {[]bootc.Feature{buildOnly, bootc.Packages{Install: []string{"hello-data"}}}, [][]string{rpmDB, {"usr/share/hello/data"}}, "", ""},
		"signed": {[]bootc.Feature{signed, bootc.Packages{Install: []string{"hello"}}},
			[][]string{{"etc/yum.repos.d/signed.repo", "etc/pki/rpm-gpg/RPM-GPG-KEY-signed"}, rpmDB, accounts, hello, extra}, "2.0", ""},
		"signed, build only": {[]bootc.Feature{signedOnly, bootc.Packages{Install: []string{"hello-data"}}}, [][]string{rpmDB, {"usr/share/hello/data"}}, "", ""},
		"file":               {[]bootc.Feature{bootc.Packages{Files: []bootc.PackageFile{{Name: "mine.rpm", Content: bootc.Bytes(helloRPM)}}}}, [][]string{rpmDB, {"usr/share/hello/data"}}, "", ""},
		"file by url":        {[]bootc.Feature{bootc.Packages{Files: []bootc.PackageFile{{URL: r.url + "/unsigned/hello-data-1-1.noarch.rpm", Checksum: sum}}}}, [][]string{rpmDB, {"usr/share/hello/data"}}, "", ""},
		"swap": {[]bootc.Feature{r.rpm(), seed, bootc.Packages{Remove: []string{"hello", "not-installed"}, Install: []string{"hello-extra"}},
			bootc.Script{Name: "list", Body: "rpm -q hello hello-extra || :"}}, nil, "", "package hello is not installed\nhello-extra-1-1.noarch\n"},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, bootc.DNF4, from(t).With(c.features...))
			if c.want != nil {
				same(t, "layers", b.names(), slices.Concat(c.want...))
			}
			if got := b.files["usr/bin/hello"].data; c.says != "" && !strings.Contains(got, "echo hello "+c.says) {
				t.Errorf("usr/bin/hello is %q, want that of %s", got, c.says)
			}
			if !strings.HasSuffix(b.log(), c.rpms) {
				t.Errorf("installed is not %q:\n%s", c.rpms, b.log())
			}
			checkHello(t, b)
		})
	}
}

// checkHello looks at owners and modes of what a package brings.
func checkHello(t *testing.T, b built) {
	for name, want := range map[string]string{"usr/bin/hello": "- 0755 0:0", "etc/hello.conf": "- 0640 0:0", "etc/shadow": "- 0640 0:42"} {
		if f, ok := b.files[name]; ok && f.String() != want {
			t.Errorf("%s is %s, want %s", name, f, want)
		}
	}
	if f, ok := b.files["etc/passwd"]; ok && !strings.Contains(f.data, "hello:") {
		t.Errorf("the scriptlet's user is not in etc/passwd:\n%s", f.data)
	}
}

func TestDNFRefuses(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	signed := bootc.Repo{ID: "signed", BaseURL: []string{r.url + "/unsigned"}, Key: r.key} // says so, but nobody signed
	dead := bootc.Repo{ID: "dead", BaseURL: []string{r.url + "/nothing"}, InsecureNoGPGCheck: true}
	for name, c := range map[string]struct {
		features []bootc.Feature
		says     []string
	}{
		"misspelt":  {[]bootc.Feature{r.rpm(), bootc.Packages{Install: []string{"hello", "helo-extra"}}}, []string{"helo-extra", "Features[1].Packages"}},
		"version":   {[]bootc.Feature{r.rpm(), bootc.Packages{Install: []string{"hello-3.0"}}}, []string{"hello-3.0", "Features[1].Packages"}},
		"unsigned":  {[]bootc.Feature{signed, bootc.Packages{Install: []string{"hello-data"}}}, []string{"hello-data", "not signed", "Features[1].Packages"}},
		"dead":      {[]bootc.Feature{r.rpm(), dead, bootc.Packages{Install: []string{"hello-data"}}}, []string{"dead", "404"}},
		"needed":    {[]bootc.Feature{r.rpm(), bootc.Packages{Remove: []string{"hello-data"}, Install: []string{"hello"}}}, []string{"hello-data is to be removed, but"}},
		"wrong sum": {[]bootc.Feature{bootc.Packages{Files: []bootc.PackageFile{{URL: r.url + "/unsigned/hello-data-1-1.noarch.rpm", Checksum: "sha256:" + strings.Repeat("0", 64)}}}}, []string{"hello-data-1-1.noarch.rpm", "Features[0].Packages"}},
		"not there": {[]bootc.Feature{bootc.Packages{Files: []bootc.PackageFile{{URL: r.url + "/unsigned/none.rpm", Checksum: "sha256:" + strings.Repeat("0", 64)}}}}, []string{"none.rpm", "404"}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, bootc.DNF4, from(t).With(c.features...), c.says...) })
	}
}

// TestKeepCache installs twice without the layer cache: the packages come once over the network.
func TestKeepCache(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	for tool, c := range map[bootc.PackageTool]struct {
		spec bootc.Spec
		ext  string
		want [][]string
	}{
		bootc.DNF4: {from(t).With(r.rpm(), bootc.Packages{Install: []string{"hello-data"}, KeepCache: true}), ".rpm",
			[][]string{testRepo, rpmDB, {"usr/share/hello/data"}}},
		bootc.APT: {from(t).With(noMirror, r.deb(), bootc.Packages{Install: []string{"greet-data"}, KeepCache: true}), ".deb",
			[][]string{aptRepo, {"etc/apt/sources.list", "usr/share/greet-data/version"}}},
	} {
		t.Run(string(tool), func(t *testing.T) {
			r.got.taken(c.ext)
			for i, want := range []int{1, 0} {
				b, err := try(t, engine(t), tool, c.spec, bootc.BuildOptions{NoCache: true})
				if err != nil {
					t.Fatal(err)
				}
				if got := r.got.taken(c.ext); got != want {
					t.Errorf("build %d downloads %d packages, want %d\n%s", i+1, got, want, b.log())
				}
				same(t, "layers", b.names(aptState...), slices.Concat(c.want...))
			}
		})
	}
}
