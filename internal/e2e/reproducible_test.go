package e2e

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// TestReproducible builds the same specs in two stores, some time apart: the manifests have the same digest.
func TestReproducible(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	other := open(t, t.TempDir())
	defer other.Close()
	account := bootc.Script{Name: "account", Body: "useradd -r acme; date"}
	// Another epoch first, to see that no layer of that is taken for one of this.
	dated := from(t).With(r.rpm(), bootc.File{Path: "/usr/lib/e2e"}, bootc.Stage{Name: "make",
		Scripts: []bootc.Script{{Name: "make", Body: "echo >/made"}}, Copies: []bootc.StageCopy{{Source: "/made", Dest: "/usr/lib/made"}}}).Install("hello-data")
	build(t, bootc.DNF4, dated.At(time.Unix(1_600_000_000, 0)))
	for name, c := range map[string]struct {
		tool  bootc.PackageTool
		spec  bootc.Spec
		cache bool
	}{
		"epoch":       {bootc.DNF4, dated.At(time.Unix(1_700_000_000, 0)), true},
		"dnf":         {bootc.DNF4, from(t).With(r.rpm()).Install("hello").With(account), false},
		"apt":         {bootc.APT, from(t).With(noMirror, r.deb()).Install("greet").With(account), false},
		"driver":      {bootc.APT, from(t).With(headers(t)...).With(driver(t), bootc.KernelModule{Name: "acme_edge", Initramfs: true}), false},
		"apt, mirror": {bootc.APT, from(t).Install("openssh-server").Enable("ssh.service"), false},
	} {
		t.Run(name, func(t *testing.T) {
			o := bootc.BuildOptions{NoCache: !c.cache}
			one, err := try(t, engine(t), c.tool, c.spec, o)
			if err != nil {
				t.Fatalf("%v\n%s", err, one.log())
			}
			two, err := try(t, other, c.tool, c.spec, o)
			if err != nil {
				t.Fatal(err)
			}
			if one.Digest == two.Digest {
				return
			}
			t.Errorf("digests %s and %s", one.Digest, two.Digest)
			for i := range one.layers {
				a, b := one.layers[i], two.layers[i]
				names := slices.Sorted(maps.Keys(a))
				same(t, "names", slices.Sorted(maps.Keys(b)), names)
				for _, n := range names {
					if a[n] != b[n] {
						t.Errorf("layer %d: %s is %s with %d bytes, time %d; and %s with %d bytes, time %d", i, n,
							a[n], len(a[n].data), a[n].mtime, b[n], len(b[n].data), b[n].mtime)
					}
				}
			}
		})
	}
}
