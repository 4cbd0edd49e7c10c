package diskimage

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
)

// free returns the free bytes of the file system of dir; ok is false if nobody knows.
func free(dir string) (n int64, ok bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * s.Bsize, true
}

// tether ends cmd with this process at the latest, also if that is killed: the program gets SIGTERM then, and a group of its own so
// that it can be ended with its children.
func tether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// terminate asks a process and its children to end.
func terminate(p *os.Process) error { return unix.Kill(-p.Pid, unix.SIGTERM) }

func killGroup(p *os.Process) error { return unix.Kill(-p.Pid, unix.SIGKILL) }

// detachLoops detaches the loop devices whose files are in dir: the kernel keeps them when the tool is killed, and the files'
// space with them.
func detachLoops(dir string) {
	devices, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if len(devices) == 0 {
		return
	}
	type inode struct{ dev, ino uint64 }
	files := map[inode]bool{}
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		var s unix.Stat_t
		if err == nil && e.Type().IsRegular() && unix.Lstat(path, &s) == nil {
			files[inode{s.Dev, s.Ino}] = true
		}
		return nil
	})
	for _, d := range devices {
		name := "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(d)))
		f, err := os.OpenFile(name, os.O_RDONLY, 0)
		if err != nil {
			continue
		}
		// By inode: the path that the kernel tells is that of a mount namespace which may be gone.
		if info, err := unix.IoctlLoopGetStatus64(int(f.Fd())); err == nil && files[inode{info.Device, info.Inode}] {
			_ = unix.IoctlSetInt(int(f.Fd()), unix.LOOP_CLR_FD, 0)
		}
		f.Close()
	}
}

// hybridCgroups says whether this machine has controllers of cgroup v1 and v2.
func hybridCgroups() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	_, err2 := os.Stat("/sys/fs/cgroup/unified/cgroup.controllers")
	return err != nil && err2 == nil
}

// ulimits keep podman from raising limits that this process could not raise.
func ulimits() []string {
	var a []string
	for _, l := range []struct {
		name string
		what int
	}{{"nofile", unix.RLIMIT_NOFILE}, {"nproc", unix.RLIMIT_NPROC}} {
		var lim unix.Rlimit
		if unix.Getrlimit(l.what, &lim) != nil {
			continue
		}
		if l.what == unix.RLIMIT_NPROC { // podman takes its own down to this
			lim.Max = min(lim.Max, pidMax())
		}
		if lim.Max < 1<<40 { // not unlimited
			n := strconv.FormatUint(lim.Max, 10)
			a = append(a, "--ulimit", l.name+"="+n+":"+n)
		}
	}
	return a
}

func pidMax() uint64 {
	text, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if n, err2 := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil && err2 == nil {
		return n
	}
	return 1 << 15 // the kernel's default
}

// emulation is a problem if this machine does not run programs of the platform.
func emulation(platform string) bootc.Preflight {
	arch := strings.Split(platform, "/")[1]
	if arch == runtime.GOARCH {
		return nil
	}
	qemu := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	if qemu == "" {
		qemu = arch
	}
	text, err := os.ReadFile("/proc/sys/fs/binfmt_misc/qemu-" + qemu)
	if err == nil && strings.HasPrefix(string(text), "enabled") {
		return nil
	}
	return bootc.Preflight{{
		What: "programs for " + platform + " do not run on this machine", Why: "the tool runs those of the image",
		Fix: "install qemu-user-static (and binfmt-support), or use a machine of that architecture", Fatal: true, Is: ErrPlatform,
	}}
}

// kernel finds what this machine's kernel lacks. Only loop devices are fatal: layouts differ in what else they need.
func kernel() (r bootc.Preflight) {
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		r = append(r, bootc.Problem{What: "there are no loop devices (/dev/loop-control)", Why: "disks are made by way of them", Fix: "modprobe loop", Fatal: true})
	}
	for _, fs := range []struct{ name, why string }{
		{"overlay", "the container store lies on it"}, {"vfat", "the EFI system partition has it"},
	} {
		if !hasFilesystem(fs.name) {
			r = append(r, bootc.Problem{What: "this machine's kernel has no " + fs.name, Why: fs.why, Fix: "modprobe " + fs.name + ", or use another machine"})
		}
	}
	return r
}

func hasFilesystem(name string) bool {
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil || slices.Contains(strings.Fields(string(known)), name) {
		return true
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return true
	}
	modules, err := os.ReadFile(filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:]), "modules.dep"))
	return err == nil && strings.Contains(string(modules), "/"+name+".ko")
}
