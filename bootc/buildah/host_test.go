//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestHostUntouched builds where the host's configuration would break any build that read it, and where every write to the
// host's directories is caught.
func TestHostUntouched(t *testing.T) {
	testkit.NeedRoot(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BOOTLOOM_TEST_CHILD=poisoned\x1f"+t.TempDir()+"\x1f"+tinyRef(t),
		"CONTAINERS_CONF=/nonexistent", "CONTAINERS_STORAGE_CONF=/nonexistent", "BUILDAH_ISOLATION=nonsense", "STORAGE_DRIVER=nonsense",
		"REGISTRIES_CONFIG_PATH=/nonexistent", "TMPDIR=/nonexistent", "BUILDAH_FORMAT=docker", "HOME=/root")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// poisoned runs in a mount namespace of its own, with an overlay on the host's directories: what is written there lands
// in root/caught. It puts files that nobody can parse where libraries look for configuration.
func poisoned(root, ref string) error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	caught := filepath.Join(root, "caught")
	for _, dir := range []string{"/etc", "/home", "/root", "/run", "/usr/share", "/var"} {
		upper, work := filepath.Join(caught, dir), filepath.Join(root, "work", dir)
		for _, d := range []string{upper, work} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		if err := unix.Mount("overlay", dir, "overlay", 0, "lowerdir="+dir+",upperdir="+upper+",workdir="+work); err != nil {
			return fmt.Errorf("overlay on %s: %w", dir, err)
		}
	}
	for _, dir := range []string{"/etc/containers", "/usr/share/containers", "/root/.config/containers"} {
		for _, name := range []string{"policy.json", "registries.conf", "storage.conf", "containers.conf", "mounts.conf", "seccomp.json",
			"registries.d/bad.yaml", "registries.conf.d/bad.conf", "containers.conf.d/bad.conf"} {
			p := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(p, []byte("{{{ = poison\n/etc:/poison\n"), 0o644); err != nil {
				return err
			}
		}
	}
	before, err := snapshot(caught)
	if err != nil {
		return err
	}
	if err := buildChild(filepath.Join(root, "engine"), ref, "echo hello > /usr/lib/hello; test ! -e /poison"); err != nil {
		return err
	}
	after, err := snapshot(caught)
	if err == nil && !slices.Equal(before, after) {
		err = fmt.Errorf("the host's files have changed, from\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	return err
}

// snapshot lists what is in dir, with what a write changes.
func snapshot(dir string) (out []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out = append(out, fmt.Sprint(path, " ", info.Mode(), " ", info.Size(), " ", info.ModTime().UnixNano()))
		}
		return err
	})
	return out, err
}

// TestDiskFull builds more than fits on a small file system, and then something that fits.
func TestDiskFull(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.NeedTool(t, "mkfs.ext4", "mount", "umount")
	dir := t.TempDir()
	disk, mnt, run := filepath.Join(dir, "disk"), filepath.Join(dir, "mnt"), filepath.Join(dir, "run")
	for _, d := range []string{mnt, run} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 48<<20); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-F", disk}, {"mount", "-o", "loop", disk, mnt}, {"mount", "-t", "tmpfs", "tmpfs", run}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			testkit.Need(t, "a loop mount: "+string(out), args[0] != "mount" || args[1] != "-o")
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if args[0] == "mount" {
			defer unix.Unmount(args[len(args)-1], unix.MNT_DETACH)
		}
	}
	e, err := buildah.Open(buildah.Options{Root: filepath.Join(mnt, "root"), RunRoot: run, SkipLint: true, NoDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	base := inspect(t, e, tinyRef(t))
	for name, p := range map[string]bootc.Plan{
		"RUN": plan(base, nil, sh("head -c 100000000 /dev/urandom > /usr/lib/big")),
		"ADD": plan(base, []bootc.Entry{{Path: "/usr/lib/big", Mode: 0o644, Content: bootc.Bytes(make([]byte, 100<<20))}}),
		// It fits once, but not as file, layer and compressed layer.
		"commit": plan(base, nil, sh("head -c 18000000 /dev/urandom > /usr/lib/big")),
	} {
		_, err = e.Build(t.Context(), p, bootc.BuildOptions{})
		if err == nil {
			t.Fatalf("%s: a full disk was no error", name)
		}
		if !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", name, err)
		}
		if name != "RUN" && !errors.Is(err, buildah.ErrNoSpace) { // a command that fails may have any reason
			t.Errorf("%s: %v is not ErrNoSpace", name, err)
		}
		leftAt(t, filepath.Join(mnt, "root"), run)
		if _, err := e.Build(t.Context(), plan(base, files(), sh("echo "+name+" > /usr/lib/x")), bootc.BuildOptions{}); err != nil {
			t.Errorf("next build after %s: %v", name, err)
		}
	}
}
