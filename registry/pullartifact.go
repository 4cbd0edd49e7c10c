package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

// ArtifactInfo is what a registry knows about an artifact.
type ArtifactInfo struct {
	// Repository is host[:port]/path.
	Repository string
	// Digest and MediaType of the manifest.
	Digest    digest.Digest
	MediaType string
	// Type of the artifact: its artifactType, or the media type of its config.
	Type string
	// Platform is os/arch[/variant] where the index that the artifact was chosen from says so.
	Platform string
	// Subject is the digest of the image that the artifact belongs to; empty for none.
	Subject digest.Digest
	// Annotations of the manifest.
	Annotations map[string]string
	// Files that it has, in its order.
	Files []FileInfo
}

// Reference returns repository@digest.
func (a ArtifactInfo) Reference() string { return a.Repository + "@" + a.Digest.String() }

// FileInfo is one file of an artifact.
type FileInfo struct {
	// Title is the name that the artifact gives the file; empty for none. It is whatever the publisher wrote.
	Title     string
	MediaType string
	// Digest and Size of the content.
	Digest digest.Digest
	Size   int64
	// Annotations of the file.
	Annotations map[string]string
	// Path where PullArtifact put it.
	Path string
}

// Artifact reads what an artifact has without its content. From an index it takes the one for the platform; with an
// empty platform that of linux on this host's architecture, or the only one there is. A reference without tag and digest
// means the tag latest.
func (c Client) Artifact(ctx context.Context, reference, platform string) (ArtifactInfo, error) {
	var info ArtifactInfo
	err := c.read(ctx, "inspect", reference, func(_ *session, p *repo, r ref) (err error) {
		info, err = p.artifact(ctx, r.target(), platform)
		return err
	})
	return info, err
}

func (r *repo) artifact(ctx context.Context, target, platform string) (a ArtifactInfo, err error) {
	m, err := r.manifest(ctx, target)
	if err != nil {
		return a, err
	}
	if m.IsIndex() {
		if m, a.Platform, err = chooseArtifact(ctx, r, m, platform); err != nil {
			return a, err
		}
	}
	if m.IsIndex() {
		return a, final("%s is an index in an index", m.Digest)
	}
	if _, _, err := children(m); err != nil {
		return a, err
	}
	var man v1.Manifest
	if err := json.Unmarshal(m.Data, &man); err != nil {
		return a, final("manifest %s: %w", m.Digest, err)
	}
	a.Repository, a.Digest, a.MediaType, a.Subject = r.ref.repository(), m.Digest, m.MediaType, m.subject()
	a.Type, a.Annotations = m.describe().ArtifactType, man.Annotations
	for _, l := range man.Layers {
		if l.MediaType == v1.MediaTypeEmptyJSON && l.Digest == v1.DescriptorEmptyJSON.Digest {
			continue // stands for no file
		}
		f := FileInfo{Title: l.Annotations[v1.AnnotationTitle], MediaType: l.MediaType, Digest: l.Digest, Size: l.Size, Annotations: l.Annotations}
		if f.Title == "" && len(man.Layers) == 1 {
			f.Title = man.Annotations[v1.AnnotationTitle] // where some publishers have it
		}
		a.Files = append(a.Files, f)
	}
	return a, nil
}

// chooseArtifact is choose, but an index with one manifest needs no platform.
func chooseArtifact(ctx context.Context, from source, m Manifest, platform string) (Manifest, string, error) {
	manifests, _, err := children(m)
	if err != nil {
		return m, "", err
	}
	if platform == "" && len(manifests) != 1 {
		platform = hostPlatform()
	}
	if platform != "" {
		chosen, err := choose(ctx, from, m, platform)
		return chosen, platform, err
	}
	if p := manifests[0].Platform; p != nil {
		platform = formatPlatform(*p)
	}
	chosen, err := from.manifest(ctx, manifests[0].Digest.String())
	return chosen, platform, err
}

// PullArtifact fetches the files of an artifact into a directory, which is made if it is not there, under the names that
// the artifact gives them; a file without a name gets its digest's 64 digits. A name that could lead out of the directory
// is an error before anything is fetched, and links in the directory are not followed out of it. A file is there whole
// and checked against its digest, or not at all; one that is there already is not fetched again, and one that is
// different is replaced. Which artifact is taken from an index, Artifact says.
//
// It says nothing about who made the artifact: have a policy of package sign verify the reference first, and pull by the
// digest that was verified.
func (c Client) PullArtifact(ctx context.Context, reference, dir string, o PullOptions) (ArtifactInfo, error) {
	var info ArtifactInfo
	err := c.read(ctx, "pull", reference, func(s *session, p *repo, r ref) error {
		return s.step("pull", reference, func() (err error) {
			if info, err = p.artifact(ctx, r.target(), o.Platform); err != nil {
				return err
			}
			return s.fetchFiles(ctx, p, &info, dir)
		})
	})
	if err != nil {
		return ArtifactInfo{}, err
	}
	return info, nil
}

// fetchFiles brings the files of an artifact into dir.
func (s *session) fetchFiles(ctx context.Context, p *repo, a *ArtifactInfo, dir string) error {
	names := map[string]bool{}
	for i, f := range a.Files {
		name := f.Title
		if name == "" {
			name = f.Digest.Encoded()
		}
		if err := checkTitle(name); err != nil {
			return final("file %d, %s: %w", i, f.Digest, err)
		}
		name = path.Clean(name)
		if names[name] {
			return final("two files have the name %q", name)
		}
		names[name] = true
		a.Files[i].Path = filepath.Join(dir, filepath.FromSlash(name))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return each(ctx, a.Files, func(ctx context.Context, f FileInfo) error {
		name, err := filepath.Rel(dir, f.Path)
		if err != nil {
			return err
		}
		if err := s.fetchFile(ctx, p, root, name, f); err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
		return nil
	})
}

func (s *session) fetchFile(ctx context.Context, p *repo, root *os.Root, name string, f FileInfo) error {
	d := v1.Descriptor{Digest: f.Digest, Size: f.Size}
	event := bootc.Event{Kind: bootc.EventStart, Op: "pull", Ref: f.Digest.String(), Total: f.Size}
	s.emit(event)
	if event.Cached = hasFile(root, name, d); !event.Cached {
		if err := s.writeFile(ctx, p, root, name, d); err != nil {
			return err
		}
	}
	event.Kind, event.Bytes = bootc.EventDone, f.Size
	s.emit(event)
	return nil
}

// hasFile says whether a file is there, whole and right.
func hasFile(root *os.Root, name string, d v1.Descriptor) bool {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != d.Size {
		return false
	}
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return drain(verify(f, d)) == nil
}

// writeFile fetches a blob beside its place and moves it there when it is whole.
func (s *session) writeFile(ctx context.Context, p *repo, root *os.Root, name string, d v1.Descriptor) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	r, err := p.blob(ctx, d, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	part := filepath.Join(filepath.Dir(name), ".bootloom-"+digest.FromString(name).Encoded()[:16])
	if err := root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a program that was killed
		return err
	}
	f, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	in := &metered{Reader: verify(r, d), session: s, op: "pull", digest: d.Digest, size: d.Size}
	err = errors.Join(copySparse(f, in), f.Close())
	if err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		root.Remove(part)
	}
	return err
}
