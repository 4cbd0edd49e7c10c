package bootc_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// TestLargeFiles keeps a big binary out of the layer that a drop-in changes, and lets small files of several phases share a step.
func TestLargeFiles(t *testing.T) {
	spec := bootc.From("quay.io/acme/base:1").With(
		bootc.File{Path: "/usr/lib/acme/agent", Content: bootc.Bytes(bytes.Repeat([]byte("x"), 1<<20)), Mode: 0o755},
		bootc.File{Path: "/usr/lib/acme/agent.conf", Content: bootc.Text("a=1\n")},
		bootc.Dir{Path: "/usr/lib/acme", Mode: 0o750},
		bootc.Unit{Name: "acme.service", Content: "[Service]\nExecStart=/usr/lib/acme/agent\n"},
	)
	plan, err := spec.Compile(bootc.Base{Family: bootc.Fedora, Tool: bootc.DNF5})
	if err != nil {
		t.Fatal(err)
	}
	const want = `# quay.io/acme/base:1
FROM quay.io/acme/base:1
# files: 3 files (File, Dir)
ADD files-large.tar /
# units: /usr/lib/systemd/system/acme.service (Unit)
ADD files-units.tar /
`
	if got := plan.Containerfile.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	var paths [][]string
	for _, a := range plan.Archives {
		var p []string
		for _, e := range a.Entries {
			p = append(p, e.Path)
		}
		paths = append(paths, p)
	}
	wantPaths := [][]string{
		{"/usr/lib/acme", "/usr/lib/acme/agent"}, // the directory is there as it should be from the first layer on
		{"/usr/lib/acme", "/usr/lib/acme/agent.conf", "/usr/lib/systemd/system/acme.service"},
	}
	if !reflect.DeepEqual(paths, wantPaths) {
		t.Errorf("archives have %q, want %q", paths, wantPaths)
	}
}
