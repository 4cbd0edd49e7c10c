//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/capability"
	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// Preflight says what this host lacks for builds with RUN steps for its own platform. It starts the OCI runtime, if
// that is asked for, to learn its version, and nothing else.
func (e *Engine) Preflight(ctx context.Context) (bootc.Preflight, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return e.preflightFor(ctx, need{run: true}), nil
}

// need is what a build asks of the host.
type need struct {
	run      bool
	offline  bool   // some RUN wants no network
	platform string // of RUN steps; empty for the host's
}

func (e *Engine) preflight(ctx context.Context, p bootc.Plan, platform string) bootc.Preflight {
	n := need{platform: platform}
	for _, step := range p.Containerfile.All() {
		switch step := step.(type) {
		case containerfile.Run:
			n.run = true
			n.offline = n.offline || step.Network == "none"
		case containerfile.Raw:
			n.run = n.run || strings.Contains(strings.ToUpper(string(step)), "RUN")
		}
	}
	return e.preflightFor(ctx, n)
}

func (e *Engine) preflightFor(ctx context.Context, n need) bootc.Preflight {
	var r bootc.Preflight
	r = append(r, privileges()...)
	r = append(r, e.disk()...)
	r = append(r, e.overlay()...)
	if !n.run {
		return r
	}
	if e.o.Isolation == OCI {
		r = append(r, ociRuntime(ctx, e.o.Runtime)...)
	} else if n.offline {
		r = append(r, bootc.Problem{
			What: "a step of the plan must run without a network (RUN --network=none)", Why: "chroot isolation gives every step the network of the host",
			Fix: "set Options.Isolation to OCI, or let the step have the network", Fatal: true,
		})
	}
	if e.o.Isolation != OCI && !hasCgo {
		r = append(r, bootc.Problem{
			What: "this program was built without cgo", Why: "RUN steps in chroot isolation start through C code",
			Fix: "build it with CGO_ENABLED=1 and a C compiler, or set Options.Isolation to OCI", Fatal: true,
		})
	}
	return append(r, emulation("/proc/sys/fs/binfmt_misc", n.platform)...)
}

// privileges: root needs its capabilities, everybody else a user namespace with more than one id.
func privileges() bootc.Preflight {
	if os.Geteuid() != 0 {
		return rootless()
	}
	caps, err := capability.NewPid2(0)
	if err == nil {
		err = caps.Load()
	}
	if err != nil {
		return nil // no news is no problem yet
	}
	var missing []string
	for name, c := range map[string]capability.Cap{"CAP_SYS_ADMIN": capability.CAP_SYS_ADMIN, "CAP_CHOWN": capability.CAP_CHOWN,
		"CAP_DAC_OVERRIDE": capability.CAP_DAC_OVERRIDE, "CAP_FOWNER": capability.CAP_FOWNER, "CAP_MKNOD": capability.CAP_MKNOD,
		"CAP_SETUID": capability.CAP_SETUID, "CAP_SETGID": capability.CAP_SETGID, "CAP_SYS_CHROOT": capability.CAP_SYS_CHROOT,
		"CAP_SETFCAP": capability.CAP_SETFCAP} {
		if !caps.Get(capability.EFFECTIVE, c) {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return nil
	}
	return bootc.Preflight{{
		What: "root lacks " + strings.Join(slices.Sorted(slices.Values(missing)), ", "), Why: "a build mounts file systems and writes files of all owners",
		Fix: "run as real root, as an ordinary user with subordinate ids, or in a container with these capabilities", Fatal: true,
	}}
}

func rootless() (r bootc.Preflight) {
	me, err := user.Current()
	if err != nil {
		return bootc.Preflight{{What: "the current user has no entry in /etc/passwd", Why: err.Error(), Fix: "add one", Fatal: true}}
	}
	uids, gids, err := unshare.GetSubIDMappings(me.Username, me.Username)
	if err != nil || len(uids) == 0 || len(gids) == 0 {
		r = append(r, bootc.Problem{
			What: fmt.Sprintf("no subordinate ids for user %s in /etc/subuid and /etc/subgid", me.Username),
			Why:  "files of an image have more owners than one",
			Fix:  fmt.Sprintf("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", me.Username), Fatal: true,
		})
	}
	for _, name := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(name); err != nil {
			r = append(r, bootc.Problem{What: name + " is not in $PATH", Why: "it gives a user namespace its ids",
				Fix: "install uidmap (Debian) or shadow-utils (Fedora)", Fatal: true})
		}
	}
	for name, off := range map[string]string{"/proc/sys/kernel/unprivileged_userns_clone": "0", "/proc/sys/user/max_user_namespaces": "0"} {
		if b, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(b)) == off {
			r = append(r, bootc.Problem{What: name + " is " + off, Why: "an ordinary user builds in a user namespace",
				Fix: "as root: set it with sysctl", Fatal: true})
		}
	}
	return r
}

// lowDisk is less than any bootable image takes.
const lowDisk = 512 << 20

func (e *Engine) disk() (r bootc.Preflight) {
	seen := map[string]bool{}
	for _, dir := range []string{e.o.Root, e.o.TempDir} {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) != nil || seen[fmt.Sprint(st.Fsid)] {
			continue
		}
		seen[fmt.Sprint(st.Fsid)] = true
		if free := st.Bavail * uint64(st.Bsize); free < lowDisk {
			r = append(r, bootc.Problem{What: fmt.Sprintf("%d MiB free at %s", free>>20, dir),
				Why: "a bootable image takes more", Fix: "make room, or set Options.Root and TempDir to another disk"})
		}
	}
	var st unix.Statfs_t
	if unix.Statfs(e.o.RunRoot, &st) == nil && st.Type != unix.TMPFS_MAGIC {
		r = append(r, bootc.Problem{What: e.o.RunRoot + " is not on a tmpfs", Why: "a build on a full disk cannot be tidied up without room there",
			Fix: "set Options.RunRoot to a directory on a tmpfs"})
	}
	return r
}

func (e *Engine) overlay() bootc.Preflight {
	if e.o.Driver != "overlay" {
		return nil
	}
	var st unix.Statfs_t
	if unix.Statfs(e.o.Root, &st) == nil && st.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return bootc.Preflight{{What: e.o.Root + " is on an overlay file system", Why: "overlay mounts cannot be stacked there",
			Fix: "set Options.Root to a volume, or Options.Driver to vfs", Fatal: true}}
	}
	data, err := os.ReadFile("/proc/filesystems")
	if err != nil || bytes.Contains(data, []byte("\toverlay\n")) || moduleThere("overlay") {
		return nil
	}
	return bootc.Preflight{{What: "the kernel has no overlay file system", Why: "the store's driver is overlay",
		Fix: "load the module overlay, or set Options.Driver to vfs", Fatal: true}}
}

// moduleThere: a module that can be loaded is not in /proc/filesystems before its first use.
func moduleThere(name string) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	found, _ := filepath.Glob(filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:]), "kernel/fs", name+"*/"+name+".ko*"))
	return len(found) > 0
}
