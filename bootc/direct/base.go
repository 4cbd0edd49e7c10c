package direct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/tree"
)

// known is what the engine keeps of a base: enough to build on it without asking for it again.
type known struct {
	Location string // where its blobs are: docker://repository@digest, oci:DIR:NAME, …
	Digest   digest.Digest
	Platform string
	Manifest []byte
	Config   []byte
}

// resolve finds the base's manifest for the platform. One that is named by digest, and was seen before, is not asked for.
func (e *Engine) resolve(ctx context.Context, base bootc.Base, o bootc.BuildOptions) (*known, error) {
	platform := o.Platform
	if platform == "" {
		platform = "linux/" + runtime.GOARCH
	}
	if base.Ref == "scratch" {
		return scratch(platform)
	}
	location, repository := whereIs(base.Ref)
	name := location
	if base.Digest != "" && repository != "" {
		name = "docker://" + repository + "@" + base.Digest.String()
	}
	names := []string{name} // that the base is known by
	pinned := strings.Contains(name, "@sha256:")
	at := name
	if repository != "" && !pinned && o.Pull == bootc.PullMissing {
		d, err := e.o.Registry.Resolve(ctx, strings.TrimPrefix(name, "docker://"), "")
		if err != nil {
			return nil, err
		}
		at, pinned = "docker://"+repository+"@"+d.Digest.String(), true
		names = append(names, at)
	}
	b := &known{}
	if o.Pull == bootc.PullNever || pinned && o.Pull == bootc.PullMissing {
		err := tree.Load(e.facts(at, platform), b)
		switch {
		case err == nil:
			if err := e.verify(ctx, name); err != nil {
				return nil, err
			}
			return b, e.note(b, platform, slices.DeleteFunc(names, func(n string) bool { return n == at })...)
		case o.Pull == bootc.PullNever && errors.Is(err, fs.ErrNotExist):
			return nil, bootc.ErrNotPulled
		}
	}
	r, err := e.o.Registry.Open(ctx, bootc.Image{Location: at}, platform)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if base.Digest != "" && r.Digest != base.Digest {
		return nil, fmt.Errorf("%w: it is %s, not %s", bootc.ErrChanged, r.Digest, base.Digest)
	}
	*b = known{location, r.Digest, platform, r.Manifest.Data, r.ConfigData}
	if repository != "" {
		b.Location = "docker://" + repository + "@" + r.Digest.String()
	}
	if err := e.verify(ctx, name); err != nil {
		return nil, err
	}
	if repository != "" {
		names = append(names, b.Location) // of the one image of an index
	}
	return b, e.note(b, platform, names...)
}

// note keeps what is known of a base under its names, of which a tag may have been that of another image.
func (e *Engine) note(b *known, platform string, names ...string) error {
	for _, name := range names {
		file, was := e.facts(name, platform), &known{}
		if err := tree.Load(file, was); err == nil && reflect.DeepEqual(was, b) {
			continue
		}
		if err := tree.Store(file, b); err != nil {
			return err
		}
	}
	return nil
}

// facts is the file with what is known of a base by one of its names.
func (e *Engine) facts(name, platform string) string {
	return filepath.Join(e.o.Root, "bases", digest.FromString(name+" "+platform).Encoded())
}

// whereIs is the location of a base by its reference, and its repository if it is in a registry.
func whereIs(ref string) (location, repository string) {
	for _, transport := range []string{"oci", "oci-archive"} {
		if rest, ok := strings.CutPrefix(ref, transport+":"); ok {
			path, name, named := strings.Cut(rest, ":")
			if abs, err := filepath.Abs(path); err == nil {
				path = abs
			}
			if named {
				path += ":" + name
			}
			return transport + ":" + path, ""
		}
	}
	name := strings.TrimPrefix(ref, "docker://")
	repository, _, _ = strings.Cut(name, "@")
	if colon := strings.LastIndexByte(repository, ':'); colon > strings.LastIndexByte(repository, '/') {
		repository = repository[:colon]
	}
	return "docker://" + name, repository
}

// verify asks Options.Verify about a base by the name that it is built on: a signature for another tag may not do.
func (e *Engine) verify(ctx context.Context, location string) error {
	if e.o.Verify == nil {
		return nil
	}
	return e.o.Verify.Verify(ctx, e.o.Registry, strings.TrimPrefix(location, "docker://"))
}

// scratch is no base at all.
func scratch(platform string) (*known, error) {
	var p v1.Platform
	p.OS, p.Architecture, _ = strings.Cut(platform, "/")
	p.Architecture, p.Variant, _ = strings.Cut(p.Architecture, "/")
	config, err := json.Marshal(v1.Image{Platform: p, RootFS: v1.RootFS{Type: "layers"}})
	return &known{Platform: platform, Manifest: []byte("{}"), Config: config}, err
}

func (b *known) manifest() (m v1.Manifest) {
	_ = json.Unmarshal(b.Manifest, &m) // it was read by a registry client before
	return m
}

// image is the base as a fact, with its layers.
func (b *known) image() bootc.Image {
	img := bootc.Image{Location: b.Location, Digest: b.Digest, Platform: b.Platform, BaseDigest: b.Digest, BaseLocation: b.Location}
	var config v1.Image
	_ = json.Unmarshal(b.Config, &config)
	for i, l := range b.manifest().Layers {
		layer := bootc.Layer{Digest: l.Digest, MediaType: l.MediaType, Size: l.Size, FromBase: true, Features: bootc.LayerFeatures(l.Annotations)}
		if i < len(config.RootFS.DiffIDs) {
			layer.DiffID = config.RootFS.DiffIDs[i]
		}
		img.Layers = append(img.Layers, layer)
	}
	return img
}

// facts are what features may ask for.
func (b *known) facts(ref string, g func() *ground) bootc.Base {
	var config v1.Image
	_ = json.Unmarshal(b.Config, &config)
	out := bootc.Base{Ref: ref, Digest: b.Digest, Platform: b.Platform, Labels: config.Config.Labels, Files: lazy{g().files}}
	if config.Created != nil {
		out.Created = *config.Created
	}
	return out
}
