//go:build linux && !cgo

package buildah

const hasCgo = false
