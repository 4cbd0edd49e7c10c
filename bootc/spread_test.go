package bootc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

var fedora = bootc.Base{Family: bootc.Fedora, Tool: bootc.DNF5}

func ExampleSpec_InLayers() {
	spec := bootc.From("quay.io/acme/base:1").
		Unit("a.service", "[Service]\nExecStart=/usr/bin/a\n[Install]\nWantedBy=multi-user.target\n").
		DropIn("/usr/lib/sysctl.d/50-b.conf", "net.ipv4.ip_forward = 1\n").
		InLayers(40)
	plan, err := spec.Compile(bootc.Base{})
	if err != nil {
		panic(err)
	}
	fmt.Print(plan.Containerfile)
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: /usr/lib/sysctl.d/50-b.conf (DropIn)
	// ADD files-DropIn-eed11909.tar /
	// # units: 3 files (Unit)
	// ADD units-Unit-0792ec32.tar /
}

// TestInLayers has files that steps need below those steps, and directories in the first layer that needs them.
func TestInLayers(t *testing.T) {
	spec := bootc.From("quay.io/acme/base:1").With(
		bootc.Repo{ID: "acme", BaseURL: []string{"https://example.com/rpm"}, InsecureNoGPGCheck: true},
		bootc.Packages{Install: []string{"tmux"}},
		bootc.File{Path: "/usr/lib/acme/agent.conf", Content: bootc.Text("a=1\n")},
		bootc.Dir{Path: "/usr/lib/acme", Mode: 0o750},
		bootc.Dir{Path: "/usr/lib/empty", Mode: 0o700},
		bootc.File{Path: "/usr/lib/acme/agent", Content: bootc.Bytes(bytes.Repeat([]byte("x"), 1<<20)), Mode: 0o755},
		bootc.Kargs{Args: []string{"quiet"}}, bootc.Kargs{Args: []string{"console=ttyS0"}},
	).InLayers(10)
	plan := compile(t, spec, fedora)
	var got []string
	for _, a := range plan.Archives {
		name, _, _ := strings.Cut(a.Name, ".")
		kind := name[:strings.LastIndex(name, "-")]
		for _, e := range a.Entries {
			got = append(got, fmt.Sprintf("%s %s %s", kind, e.Path, e.Mode))
		}
	}
	want := []string{
		"repos-Repo /etc/yum.repos.d/acme.repo -rw-r--r--",
		"files-File /usr/lib/acme drwxr-x---", "files-File /usr/lib/acme/agent -rwxr-xr-x", // the large one first
		"files-File /usr/lib/acme drwxr-x---", "files-File /usr/lib/acme/agent.conf -rw-r--r--",
		"files-Kargs /usr/lib/bootc/kargs.d/50-bootloom.toml -rw-r--r--",
		"files-Dir /usr/lib/empty drwx------",
	}
	slices.Sort(got[3:])
	slices.Sort(want[3:])
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	text := plan.Containerfile.String()
	if repo, run, large := strings.Index(text, "ADD repos-"), strings.Index(text, "RUN"), strings.Index(text, "ADD files-"); repo < 0 || run < repo || large < run {
		t.Errorf("%s", text)
	}
	if got := fmt.Sprint(plan.LayerFeatures()); got != "[[Repo] [Packages] [File] [File] [Dir] [Kargs]]" && !strings.HasPrefix(got, "[[Repo] [Packages] [File]") {
		t.Error(got)
	}
	for _, o := range plan.Origins {
		if len(o.Features) == 0 {
			t.Errorf("step %d has no origin", o.Step)
		}
	}
}

func TestLayersIsChecked(t *testing.T) {
	for _, n := range []int{-1, 201} {
		_, err := bootc.From("quay.io/acme/base:1").InLayers(n).Compile(fedora)
		if f := bootc.FieldErrors(err); len(f) != 1 || f[0].Path != "Layers" {
			t.Errorf("%d: %v", n, err)
		}
	}
	b, err := json.Marshal(bootc.From("quay.io/acme/base:1").InLayers(7))
	if err != nil || string(b) != `{"Base":"quay.io/acme/base:1","Layers":7}` {
		t.Errorf("%s %v", b, err)
	}
	var back bootc.Spec
	if err := json.Unmarshal(b, &back); err != nil || back.Layers != 7 {
		t.Errorf("%+v %v", back, err)
	}
}

// many is a Spec with so many features: files of all sizes in several phases.
func many(n int, r *rand.Rand) []bootc.Feature {
	var out []bootc.Feature
	for i := range n {
		size := r.IntN(2000)
		if i%7 == 0 {
			size = 1<<20 + r.IntN(1000)
		}
		content := bootc.Bytes(bytes.Repeat([]byte{byte(i)}, size))
		switch name := fmt.Sprintf("f%03d", i); i % 3 {
		case 0:
			out = append(out, bootc.File{Path: "/usr/lib/acme/" + name, Content: content})
		case 1:
			out = append(out, bootc.Unit{Name: name + ".service", Content: "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n", Enable: true})
		default:
			out = append(out, bootc.Tree{Path: "/usr/share/" + name, FS: fstest.MapFS{"a/b": {Data: bytes.Repeat([]byte{byte(i)}, size)}, "c": {Data: []byte(name)}}})
		}
	}
	return out
}

// archivesOf are the layers of a plan by the digest of their tar, with the features behind each.
func archivesOf(t testing.TB, p bootc.Plan) map[digest.Digest]string {
	t.Helper()
	out := map[digest.Digest]string{}
	for _, a := range p.Archives {
		d := digest.Canonical.Digester()
		if _, err := a.WriteTo(d.Hash()); err != nil {
			t.Fatal(err)
		}
		out[d.Digest()] = a.Name
	}
	return out
}

// TestLayersStay: with room for all, a feature that changes, comes or goes changes its own layer and no other, wherever it
// stands in the Spec. Without, few others.
func TestLayersStay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	features := many(60, r)
	for _, c := range []struct{ layers, most int }{{100, 1}, {61, 2}, {60, 2}, {20, 2}, {3, 2}, {1, 1}} {
		spec := bootc.From("quay.io/acme/base:1").With(features...).InLayers(c.layers)
		before := compile(t, spec, fedora)
		if n := len(before.Archives); n != min(c.layers, 61) { // one has the presets of all units
			t.Errorf("%d layers of %d", n, c.layers)
		}
		if !maps.Equal(archivesOf(t, before), archivesOf(t, compile(t, spec, fedora))) {
			t.Error("the same Spec has other layers")
		}
		old := archivesOf(t, before)
		changed := func(what string, list []bootc.Feature) {
			n := 0
			for d := range archivesOf(t, compile(t, bootc.From("quay.io/acme/base:1").With(list...).InLayers(c.layers), fedora)) {
				if _, ok := old[d]; !ok {
					n++
				}
			}
			if n > c.most {
				t.Errorf("of %d layers: %s changes %d", c.layers, what, n)
			}
		}
		changed("a new feature", append([]bootc.Feature{bootc.File{Path: "/usr/lib/acme/new", Content: bootc.Text("new")}}, features...))
		grown := slices.Clone(features)
		grown[3] = bootc.File{Path: "/usr/lib/acme/f003", Content: bootc.Bytes(bytes.Repeat([]byte("y"), 100_000))}
		changed("one that grows", grown)
		changed("one that goes", features[1:])
		if c.layers > 60 {
			shuffled := slices.Clone(features)
			slices.Reverse(shuffled)
			if n := len(old); len(archivesOf(t, compile(t, bootc.From("quay.io/acme/base:1").With(shuffled...).InLayers(c.layers), fedora))) != n {
				t.Error("another order of features has other layers")
			}
		}
	}
}

// TestSpreadFiles: the number of layers does not matter for what is in the image.
func TestSpreadFiles(t *testing.T) {
	features := many(40, rand.New(rand.NewPCG(3, 4)))
	list := func(n int) map[string]fs.FileMode {
		out := map[string]fs.FileMode{}
		for _, a := range compile(t, bootc.From("quay.io/acme/base:1").With(features...).InLayers(n), fedora).Archives {
			for _, e := range a.Entries {
				out[e.Path] = e.Mode
			}
		}
		return out
	}
	want := list(0)
	for _, n := range []int{1, 2, 5, 17, 40, 200} {
		if got := list(n); !maps.Equal(got, want) {
			t.Errorf("in %d layers there are %d files, want %d", n, len(got), len(want))
		}
	}
}
