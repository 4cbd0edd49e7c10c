//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/types"
)

// localPath splits a reference by transport: "oci:DIR:NAME" into the transport and the path.
func localPath(ref string) (transport, path string, ok bool) {
	for _, t := range []string{"oci", "oci-archive"} {
		if rest, found := strings.CutPrefix(ref, t+":"); found {
			path, _, _ = strings.Cut(rest, ":")
			abs, err := filepath.Abs(path)
			return t, abs, err == nil && path != ""
		}
	}
	return "", "", false
}

// absolute makes the path in a reference of a local transport absolute: a worker may have another working directory.
func absolute(ref string) string {
	t, path, ok := localPath(ref)
	if !ok {
		return ref
	}
	rest := strings.TrimPrefix(ref, t+":")
	_, name, _ := strings.Cut(rest, ":")
	if name != "" {
		name = ":" + name
	}
	return t + ":" + path + name
}

// parseRef makes a reference that can be pulled of the text in a Spec. References of registries must be complete, for
// what a short name means differs between hosts.
func parseRef(ref string) (types.ImageReference, error) {
	if rest, ok := strings.CutPrefix(ref, "oci:"); ok {
		return layout.ParseReference(rest)
	}
	if rest, ok := strings.CutPrefix(ref, "oci-archive:"); ok {
		return archive.ParseReference(rest)
	}
	name := strings.TrimPrefix(ref, "docker://")
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a reference: %w", ref, err)
	}
	if !strings.HasPrefix(name, reference.Domain(named)+"/") {
		return nil, fmt.Errorf("%q lacks its registry: write it in full, as quay.io/name or docker.io/library/name", ref)
	}
	if d, ok := named.(reference.Digested); ok {
		// containers/image takes a tag or a digest; the digest says all.
		if named, err = reference.WithDigest(reference.TrimNamed(named), d.Digest()); err != nil {
			return nil, err
		}
	}
	return docker.NewReference(reference.TagNameOnly(named))
}

// pinned says whether ref names its image by digest.
func pinned(ref types.ImageReference) bool {
	named := ref.DockerReference()
	if named == nil || ref.Transport().Name() != docker.Transport.Name() {
		return false
	}
	_, ok := named.(reference.Digested)
	return ok
}

func splitPlatform(p string) (os, arch, variant string) {
	os, arch, _ = strings.Cut(p, "/")
	arch, variant, _ = strings.Cut(arch, "/")
	return os, arch, variant
}

// platform completes the platform of a build.
func platform(p string) (string, error) {
	if p == "" {
		return "linux/" + runtime.GOARCH, nil
	}
	os, arch, variant := splitPlatform(p)
	if os != "linux" || arch == "" || strings.Contains(variant, "/") {
		return "", fmt.Errorf("BuildOptions.Platform: %q is not linux/arch[/variant]", p)
	}
	if p == "linux/arm64/v8" {
		return "linux/arm64", nil
	}
	return p, nil
}
