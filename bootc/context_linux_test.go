package bootc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestContextBuilds gives the context that WriteContext writes to the buildah of the system, and looks at what the
// image has: each entry as the plan lists it, and directories of the base as they were.
func TestContextBuilds(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.NeedTool(t, "buildah") // to build what a caller would build by hand
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	buildah := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "buildah", append([]string{
			"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "vfs"}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("buildah %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
		}
		return strings.TrimSpace(string(out))
	}
	build := func(name string, plan bootc.Plan) {
		t.Helper()
		at := filepath.Join(dir, filepath.Base(name))
		if err := plan.WriteContext(at); err != nil {
			t.Fatal(err)
		}
		buildah("bud", "--isolation", "chroot", "--signature-policy", policy, "--layers=false", "-q", "-t", name, at)
	}

	base := compile(t, bootc.From("localhost/none").With(put{
		{Path: "/usr/lib/acme", Mode: fs.ModeDir | 0o700, UID: 7, GID: 8},
		{Path: "/usr/lib/acme/old", Mode: 0o600, Content: bootc.Text("old")},
		{Path: "/opt", Mode: fs.ModeSymlink | 0o777, Link: "usr/lib/acme"},
	}), bootc.Base{})
	base.Containerfile.Stages[0].From = "scratch"
	build("localhost/test/base", base)

	entries := put{
		{Path: "/usr/lib/acme/new", Mode: 0o640, UID: 1000, GID: 1001, Content: bootc.Text("new")},
		{Path: "/usr/lib/acme/su", Mode: 0o755 | fs.ModeSetuid, Content: bootc.Text("su")},
		{Path: "/usr/lib/acme/link", Mode: fs.ModeSymlink | 0o777, Link: "new"},
		{Path: "/usr/share/made/on/the/way", Mode: 0o644},
		{Path: "/usr/share/sticky", Mode: fs.ModeDir | fs.ModeSticky | 0o777, UID: 5},
		{Path: "/usr/share/ünï " + strings.Repeat("x", 150), Mode: 0o644, Content: bootc.Text("x")},
		{Path: "/opt/below", Mode: 0o644, Content: bootc.Text("through a link")},
	}
	hostile := "$HOME \\ \"quoted\" 'single' ${x:-y} # end \\"
	spec := bootc.From("localhost/test/base:latest").With(entries).Label("com.acme.hostile", hostile).Label("com.acme.empty", "")
	build("localhost/test/image", compile(t, spec, bootc.Base{}))

	container := buildah("from", "--pull-never", "--signature-policy", policy, "localhost/test/image")
	root := buildah("mount", container)
	defer buildah("umount", container)
	want := map[string]string{
		"/usr/lib/acme":              "drwx------ 7:8",
		"/usr/lib/acme/old":          "-rw------- 0:0",
		"/usr/lib/acme/below":        "-rw-r--r-- 0:0",
		"/opt":                       "Lrwxrwxrwx 0:0",
		"/usr/share/made/on/the":     "drwxr-xr-x 0:0",
		"/usr/share/made":            "drwxr-xr-x 0:0",
		"/usr/share/made/on/the/way": "-rw-r--r-- 0:0",
	}
	for _, e := range entries {
		if _, ok := want[e.Path]; !ok {
			want[e.Path] = fmt.Sprintf("%s %d:%d", e.Mode, e.UID, e.GID)
		}
	}
	for name, want := range want {
		info, err := os.Lstat(filepath.Join(root, name))
		if name == "/opt/below" {
			continue // is at /usr/lib/acme/below
		}
		if err != nil {
			t.Error(err)
			continue
		}
		st := info.Sys().(*syscall.Stat_t)
		if got := fmt.Sprintf("%s %d:%d", info.Mode(), st.Uid, st.Gid); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	var image struct {
		OCIv1 struct {
			Config struct{ Labels map[string]string }
		}
	}
	if err := json.Unmarshal([]byte(buildah("inspect", "--type", "image", "localhost/test/image")), &image); err != nil {
		t.Fatal(err)
	}
	labels := image.OCIv1.Config.Labels
	if got := labels["com.acme.hostile"]; got != hostile {
		t.Errorf("the label is %q, want %q", got, hostile)
	}
	if got, ok := labels["com.acme.empty"]; got != "" || !ok {
		t.Errorf("the empty label is %q, %t", got, ok)
	}
}
