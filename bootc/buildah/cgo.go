//go:build linux && cgo

package buildah

// hasCgo: buildah enters the chroot of a RUN through a constructor written in C.
const hasCgo = true
