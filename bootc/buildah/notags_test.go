//go:build !(linux && bootloom_system_gpgme)

package buildah_test

const tagsGPGME = false
