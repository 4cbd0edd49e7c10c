//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// alias is the name under which the store knows what a reference meant when it was last asked for, for this
// platform and under this policy.
func (w *worker) alias(ref string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", ref, w.Platform)
	if w.Policy != nil {
		json.NewEncoder(h).Encode(w.Policy)
	}
	return fmt.Sprintf("%s:%x", aliasName, h.Sum(nil))
}

func (w *worker) known(alias string, source types.ImageReference, ref string) (*pulled, error) {
	img, err := w.store.Image(alias)
	if err != nil {
		return nil, err
	}
	for _, name := range img.Names {
		if hex, ok := strings.CutPrefix(name, baseName+":"); ok {
			d := digest.NewDigestFromEncoded(digest.SHA256, hex)
			return w.load(img, d, name, ref, source)
		}
	}
	return nil, storage.ErrImageUnknown
}

// stored is an image of the engine's own store that somebody else has put there.
func (w *worker) stored(name, ref string) (*pulled, error) {
	source, err := istorage.Transport.ParseStoreReference(w.store, name)
	if err != nil {
		return nil, err
	}
	_, img, err := istorage.ResolveReference(source)
	if err != nil {
		return nil, err
	}
	raw, err := w.store.ImageBigData(img.ID, storage.ImageDigestBigDataKey)
	if err != nil {
		return nil, err
	}
	d, err := manifest.Digest(raw)
	if err != nil {
		return nil, err
	}
	return w.load(img, d, img.ID, ref, nil)
}

func (w *worker) load(img *storage.Image, d digest.Digest, name, ref string, source types.ImageReference) (*pulled, error) {
	p := &pulled{ID: img.ID, Name: name, Ref: ref, Digest: d}
	w.used(img.ID)
	var err error
	p.Manifest, err = w.store.ImageBigData(img.ID, storage.ImageDigestManifestBigDataNamePrefix+"-"+d.String())
	if err != nil {
		if p.Manifest, err = w.store.ImageBigData(img.ID, storage.ImageDigestBigDataKey); err != nil {
			return nil, err
		}
	}
	p.Type = manifest.GuessMIMEType(p.Manifest)
	m, err := manifest.FromBlob(p.Manifest, p.Type)
	if err != nil {
		return nil, err
	}
	if p.Config, err = w.store.ImageBigData(img.ID, m.ConfigInfo().Digest.String()); err != nil {
		return nil, fmt.Errorf("read the config of the image: %w", err)
	}
	var config v1.Image
	if err := json.Unmarshal(p.Config, &config); err != nil {
		return nil, err
	}
	os, arch, _ := splitPlatform(w.Platform)
	if config.Architecture != arch || config.OS != os {
		return nil, fmt.Errorf("the image is for %s/%s, not for %s", config.OS, config.Architecture, w.Platform)
	}
	switch {
	case source == nil:
	case source.Transport().Name() == docker.Transport.Name():
		p.Location = "docker://" + reference.TrimNamed(source.DockerReference()).String() + "@" + d.String()
	default:
		p.Location = ref
	}
	return p, nil
}
