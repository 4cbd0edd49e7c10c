package bootc_test

import (
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

func layer(name string, size int64, features ...string) bootc.Layer {
	return bootc.Layer{Digest: digest.FromString(name), Size: size, Features: features}
}

func ExampleDiff() {
	old := bootc.Image{Digest: "sha256:1", Layers: []bootc.Layer{layer("base", 1<<30), layer("packages", 50<<20, "Packages"), layer("files", 900, "DropIn", "Kargs")}}
	update := bootc.Diff(old, bootc.Image{Digest: "sha256:2", Layers: []bootc.Layer{
		layer("base", 1<<30), layer("packages", 50<<20, "Packages"), layer("agent", 30<<20, "Agent"), layer("new files", 950, "DropIn", "Kargs"),
	}})
	fmt.Println(update.Bytes(), "bytes")
	for _, c := range update.Costs() {
		fmt.Println(c.Bytes, c.Features)
	}
	// Output:
	// 31458230 bytes
	// 31457280 [Agent]
	// 950 [DropIn Kargs]
}

func TestDiff(t *testing.T) {
	img := bootc.Image{Digest: "sha256:1", Layers: []bootc.Layer{layer("a", 1), layer("b", 2)}}
	if u := bootc.Diff(img, img); u.Bytes() != 0 || len(u.Keep) != 2 {
		t.Errorf("with itself: %+v", u)
	}
	if u := bootc.Diff(bootc.Image{}, img); u.Bytes() != 3 || len(u.Fetch) != 2 {
		t.Errorf("with nothing: %+v", u)
	}
	twice := bootc.Image{Digest: "sha256:2", Layers: []bootc.Layer{layer("c", 4), layer("c", 4), layer("a", 1)}}
	if u := bootc.Diff(img, twice); u.Bytes() != 4 || len(u.Keep) != 2 {
		t.Errorf("a layer that is there twice: %+v", u)
	}
}

func TestLayerFeatures(t *testing.T) {
	plan, err := bootc.From("quay.io/a/b:1").Install("tmux").DropIn("/usr/lib/sysctl.d/1.conf", "a.b = 1\n").File("/etc/x", "x").Label("a", "b").Compile(bootc.Base{Tool: bootc.DNF4})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(plan.LayerFeatures()); got != "[[Packages] [DropIn File]]" {
		t.Errorf("%s\n%s", got, plan.Containerfile)
	}
	if got := fmt.Sprint(bootc.LayerFeatures(map[string]string{bootc.AnnotationFeatures: "A,B"}), bootc.LayerFeatures(nil)); got != "[A B] []" {
		t.Error(got)
	}
}
