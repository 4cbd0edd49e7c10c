//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"os"

	"go.podman.io/buildah"
	"go.podman.io/storage/pkg/reexec"
)

const (
	workerName = "bootloom-worker" // argv[0] of the process that builds
	usernsName = "bootloom-userns" // argv[0] of the process that makes the user namespace for it
)

// buildah and this package run parts of a build in the caller's program, started again. Those processes must end
// here, before the caller's main and whatever servers it starts.
func init() {
	reexec.Register(workerName, workerMain)
	reexec.Register(usernsName, usernsMain)
	if buildah.InitReexec() {
		os.Exit(0)
	}
}
