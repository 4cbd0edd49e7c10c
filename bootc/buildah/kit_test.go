//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// roots are the directories of engines, for left.
var roots sync.Map

// open opens an engine of its own for the test; change may be nil.
func open(t testing.TB, change func(*buildah.Options)) *buildah.Engine {
	t.Helper()
	testkit.NeedRoot(t)
	return openAt(t, t.TempDir(), change)
}

func openAt(t testing.TB, root string, change func(*buildah.Options)) *buildah.Engine {
	t.Helper()
	o := buildah.Options{Root: filepath.Join(root, "root"), RunRoot: filepath.Join(root, "run"), SkipLint: true, NoDirect: true} // the bases here do not boot, and it is the builder that is looked at
	if change != nil {
		change(&o)
	}
	e, err := buildah.Open(o)
	roots.Store(e, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func tinyRef(t testing.TB) string { return "oci:" + testkit.Base(t, testkit.Tiny) }

// plan is a plan on base with steps in one stage; entries go into an archive that the first step adds.
func plan(base bootc.Base, entries []bootc.Entry, steps ...containerfile.Step) bootc.Plan {
	p := bootc.Plan{Base: base, Epoch: epoch}
	stage := containerfile.Stage{From: base.From(), Steps: steps}
	if entries != nil {
		p.Archives = []bootc.Archive{{Name: "files.tar", Entries: entries, Epoch: epoch}}
		stage.Steps = append([]containerfile.Step{containerfile.Add{Sources: []string{"files.tar"}, Dest: "/"}}, steps...)
	}
	p.Containerfile.Stages = []containerfile.Stage{stage}
	for i := range stage.Steps {
		p.Origins = append(p.Origins, bootc.Origin{Stage: 0, Step: i, Features: []string{"Features[0].Test"}})
	}
	return p
}

func sh(line string) containerfile.Run {
	return containerfile.Run{Command: containerfile.Command{Shell: line}}
}

// recorder keeps events.
type recorder struct {
	t      testing.TB
	mu     sync.Mutex
	events []bootc.Event
}

func (r *recorder) on(e bootc.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) kinds(k bootc.EventKind) []bootc.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []bootc.Event
	for _, e := range r.events {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

func inspect(t testing.TB, e *buildah.Engine, ref string) bootc.Base {
	t.Helper()
	base, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// left fails the test if the engine has containers, temporary files, mounts or processes.
func left(t testing.TB, e *buildah.Engine) {
	t.Helper()
	v, _ := roots.Load(e)
	o := v.(buildah.Options)
	leftAt(t, o.Root, o.RunRoot)
}

func leftAt(t testing.TB, root, run string) {
	t.Helper()
	for _, pattern := range []string{
		filepath.Join(root, "tmp", "*"), filepath.Join(run, "bootloom-*"), filepath.Join(root, "sessions", "[^.]*"),
		filepath.Join(root, "images", ".*"), filepath.Join(root, "blobs", ".*"),
	} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			t.Errorf("left behind: %v", found)
		}
	}
	data, err := os.ReadFile(filepath.Join(root, "storage", "overlay-containers", "containers.json"))
	if err == nil && strings.TrimSpace(string(data)) != "[]" {
		t.Errorf("containers left behind: %s", data)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), root) {
		t.Errorf("mounts left behind under %s", root)
	}
	for _, p := range processes(root) {
		t.Errorf("process left behind: %s", p)
	}
}

// processes lists workers of engines under root, and sleepers.
func processes(root string) (out []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(p, "environ"))
		if strings.HasPrefix(string(line), "bootloom-") && strings.Contains(string(env), "TMPDIR="+root) ||
			strings.Contains(string(line), sleeper) && !strings.Contains(string(env), "BOOTLOOM_TEST_CHILD") {
			out = append(out, p+" "+string(line))
		}
	}
	return out
}

// sleeper is the time that steps sleep which tests interrupt: no other process of this machine sleeps that long.
const sleeper = "31415926"
