//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/internal/testkit"
)

// tags are those that the test program was built with.
func tags() string {
	if tagsGPGME {
		return "bootloom_system_gpgme"
	}
	return "containers_image_openpgp,exclude_graphdriver_btrfs"
}

func goBuild(t *testing.T, out, pkg string, args ...string) {
	t.Helper()
	testkit.NeedTool(t, "go")
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, args...), pkg)...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
}

// TestHostProgram: the main of a program that imports the engine runs once, and its server answers all the time.
func TestHostProgram(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	dir := t.TempDir()
	exe := filepath.Join(dir, "host")
	goBuild(t, exe, "./testdata/host", "-tags", tags())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	var out strings.Builder
	cmd := exec.Command(exe, filepath.Join(dir, "root"), tinyRef(t), port)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	answers := 0
	for {
		select {
		case err := <-done:
			if err != nil || !regexp.MustCompile(`^main\nsha256:[0-9a-f]{64}\n$`).MatchString(out.String()) || answers < 5 {
				t.Errorf("%v, %d answers of its server, and it printed\n%s", err, answers, out.String())
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
		r, err := http.Get("http://127.0.0.1:" + port)
		if err != nil {
			if answers > 0 && !strings.Contains(out.String(), "sha256:") {
				t.Logf("server does not answer: %v", err)
			}
			continue
		}
		if b, _ := io.ReadAll(r.Body); string(b) == "here" {
			answers++
		}
		r.Body.Close()
	}
}

// TestStub: without tags the engine compiles on every system, and says which tags it wants.
func TestStub(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	goBuild(t, os.DevNull, "./testdata/host", "-tags", "")
	exe := filepath.Join(dir, "host")
	goBuild(t, exe, "./testdata/host")
	out, err := exec.Command(exe, dir, "scratch", "0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "containers_image_openpgp,exclude_graphdriver_btrfs") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, goos := range []string{"darwin", "windows"} {
		cmd := exec.Command("go", "vet", "./testdata/host")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", goos, err, out)
		}
	}
}

// TestInitCost: buildah starts this program again some twenty times for each build, and every start pays for the init of
// all packages. A package that computes something there, as go-runewidth did before v0.0.31, shows in the allocations.
func TestInitCost(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line := regexp.MustCompile(`(?m)^init (\S+) @\S+ ms, (\S+) ms clock, (\d+) bytes, (\d+) allocs$`)
	var clock float64
	var allocs, packages int
	var slow []string
	for _, m := range line.FindAllStringSubmatch(string(out), -1) {
		ms, _ := strconv.ParseFloat(m[2], 64)
		bytes, _ := strconv.Atoi(m[3])
		n, _ := strconv.Atoi(m[4])
		clock, allocs, packages = clock+ms, allocs+n, packages+1
		if n > 6000 || bytes > 550_000 { // go-runewidth's table has a byte for each two code points: 557,056
			slow = append(slow, fmt.Sprintf("%s: %s ms, %s bytes, %d allocations", m[1], m[2], m[3], n))
		}
	}
	t.Logf("%d packages, %.1f ms, %d allocations", packages, clock, allocs)
	if packages < 50 {
		t.Fatalf("the trace has only %d packages:\n%s", packages, out)
	}
	if slow != nil {
		t.Errorf("packages with a costly init:\n%s", strings.Join(slow, "\n"))
	}
	if allocs > 40_000 {
		t.Errorf("%d allocations before main", allocs)
	}
}
