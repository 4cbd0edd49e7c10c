//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
)

const nobody = 65534

// TestRootless builds as an ordinary user, and gets the image that root gets.
func TestRootless(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.NeedTool(t, "newuidmap", "newgidmap")
	// Not below t.TempDir's parents of this user alone, and where the user may look.
	dir, err := os.MkdirTemp("", "rootless")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	layout := filepath.Join(dir, "base")
	if err := os.CopyFS(layout, os.DirFS(testkit.Base(t, testkit.Tiny))); err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "test"), exe, 0o755); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "user")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o755, layout: 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(root, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"BOOTLOOM_TEST_CHILD=subids\x1f" + dir, "PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	e := open(t, nil)
	img, err := e.Build(t.Context(), rootlessPlan(inspect(t, e, "oci:"+layout)), bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out); got != img.Digest.String() {
		t.Errorf("an ordinary user gets %s, root %s", got, img.Digest)
	}
	leftAt(t, filepath.Join(root, "root"), filepath.Join(root, "run"))
}

func rootlessPlan(base bootc.Base) bootc.Plan {
	return plan(base, files(), sh("echo hello > /usr/lib/hello; chown 33:44 /usr/lib/hello; cat /etc/shadow > /dev/null"))
}

// subids gives the user nobody subordinate ids, in a mount namespace of its own, and starts the test program as that user.
func subids(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	for _, name := range []string{"/etc/subuid", "/etc/subgid"} {
		ids := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(ids, []byte("nobody:200000:65536\n"), 0o644); err != nil {
			return err
		}
		if err := unix.Mount(ids, name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	cmd := exec.Command(filepath.Join(dir, "test"))
	cmd.Env = []string{"BOOTLOOM_TEST_CHILD=rootless\x1f" + dir, "PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd.Run()
}

func rootless(dir string) error {
	root := filepath.Join(dir, "user")
	looked := false
	look := lint.Rule{ // the worker sees what the user may not: other owners, files that only root may read
		ID: "ACME1", Slug: "acme", Severity: lint.Error, Stages: lint.InRoot, Wants: lint.Reading("/usr/lib/hello", "/etc/shadow"),
		Check: func(f *lint.Facts, found func(lint.Finding)) {
			looked = true
			if hello := f.Root.File("/usr/lib/hello"); hello == nil || hello.UID != 33 || hello.GID != 44 || hello.Text() != "hello\n" {
				found(f.Finding("/usr/lib/hello is %+v", hello))
			}
			if shadow := f.Root.File("/etc/shadow"); shadow == nil || shadow.UID != 0 || shadow.Text() == "" {
				found(f.Finding("/etc/shadow is %+v", shadow))
			}
		},
	}
	e, err := buildah.Open(buildah.Options{Root: root + "/root", RunRoot: root + "/run", Lint: lint.Linter{Rules: []lint.Rule{look}}, NoDirect: true})
	if err != nil {
		return err
	}
	defer e.Close()
	ctx, cancel := testContext()
	defer cancel()
	base, err := e.Inspect(ctx, "oci:"+filepath.Join(dir, "base"), bootc.BuildOptions{})
	if err != nil {
		return err
	}
	img, err := e.Build(ctx, rootlessPlan(base), bootc.BuildOptions{})
	if err != nil {
		return err
	}
	if !looked {
		return errors.New("the image was not linted")
	}
	fmt.Print(img.Digest)
	if p, err := e.Prune(ctx, bootc.Pruning{Young: -1}); err != nil || p.Freed == 0 || p.Left > 100_000 {
		return fmt.Errorf("pruned %+v, %w", p, err)
	}
	if base, err = e.Inspect(ctx, "oci:"+filepath.Join(dir, "base"), bootc.BuildOptions{}); err != nil {
		return err
	}
	// A build that is killed leaves files of subordinate users, which only a user namespace can remove.
	return cancelAsleep(e, base)
}
