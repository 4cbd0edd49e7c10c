//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

var crunVersion = lazyregexp.New(`crun version (\d+)\.(\d+)`)

// ociRuntime knows that crun before 1.25 refuses the version of the runtime specification that buildah writes.
func ociRuntime(ctx context.Context, name string) bootc.Preflight {
	path, err := findRuntime(name)
	if err != nil {
		return bootc.Preflight{{What: err.Error(), Why: "Options.Isolation is OCI", Fix: "install runc, or set Options.Runtime", Fatal: true}}
	}
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return bootc.Preflight{{What: fmt.Sprintf("%s --version: %v", path, err), Why: "Options.Isolation is OCI",
			Fix: "set Options.Runtime to a runtime that works", Fatal: true}}
	}
	if m := crunVersion.FindStringSubmatch(string(out)); m != nil {
		major, _ := strconv.Atoi(m[1])
		minor, _ := strconv.Atoi(m[2])
		if major == 1 && minor < 25 || major < 1 {
			return bootc.Preflight{{What: fmt.Sprintf("%s is crun %s.%s", path, m[1], m[2]),
				Why: "buildah writes version 1.3 of the runtime specification, which it refuses as unknown",
				Fix: "install crun 1.25 or newer, or set Options.Runtime to runc", Fatal: true}}
		}
	}
	return nil
}

func findRuntime(name string) (string, error) {
	if name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("no OCI runtime %q", name)
		}
		return path, nil
	}
	for _, name := range []string{"runc", "crun"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("neither runc nor crun in $PATH")
}

// qemuNames are the architectures that the kernel's registrations call otherwise than Go.
var qemuNames = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "ppc64le": "ppc64le", "s390x": "s390x",
	"riscv64": "riscv64", "arm": "arm", "loong64": "loongarch64", "mips64le": "mips64el"}

// emulation: a program for another architecture runs only if the kernel knows an interpreter for it, opened at
// registration (flag F), as the interpreter's path does not exist in the image.
func emulation(registrations, platform string) bootc.Preflight {
	_, arch, _ := splitPlatform(platform)
	if arch == "" || arch == runtime.GOARCH || arch == "386" && runtime.GOARCH == "amd64" {
		return nil
	}
	name := qemuNames[arch]
	if name == "" {
		name = arch
	}
	data, err := os.ReadFile(filepath.Join(registrations, "qemu-"+name))
	text := string(data)
	if err == nil && strings.HasPrefix(text, "enabled") && regexp.MustCompile(`(?m)^flags: .*F`).MatchString(text) {
		return nil
	}
	what := fmt.Sprintf("no emulation of %s", arch)
	if err == nil {
		what = fmt.Sprintf("the emulation of %s is disabled, or lacks the flag F", arch)
	}
	return bootc.Preflight{{What: what, Why: "RUN steps for " + platform + " execute its programs",
		Fix: "install qemu-user-static and mount binfmt_misc on /proc/sys/fs/binfmt_misc, or build on a host of that architecture", Fatal: true}}
}
