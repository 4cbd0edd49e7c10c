package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Artifact is something other than an image that a registry keeps: files of a type, such as a disk image or an SBOM
// (OCI image-spec 1.1, "Guidelines for Artifact Usage").
type Artifact struct {
	// Type says what it is, a media type such as application/vnd.diskimage.qcow2. Empty only if ConfigType says it.
	Type string
	// Files are its content, in this order.
	Files []File
	// ConfigType and Config are the media type and content of a config, for types that have one. With the type and
	// content of an image config the artifact is an image whose layers are Files.
	ConfigType string
	Config     []byte
	// Subject is the image that the artifact belongs to, repository@digest; empty for none. The artifact is found from
	// the image's digest by Referrers, in the repository that the artifact is published to, so that is best the image's.
	Subject string
	// Platform that the content is for, os/arch[/variant]; empty for any. Only the entry of an index can say it:
	// PublishArtifactIndex.
	Platform string
	// Annotations of the manifest.
	Annotations map[string]string
}

// File is one file of an Artifact. It is read while it is sent, never held in memory as a whole.
type File struct {
	// Path of the file on this machine.
	Path string
	// Open opens the content, in place of Path, anew for each attempt. From a reader that is an io.Seeker, nothing is read
	// again that the registry has.
	Open func() (io.ReadCloser, error)
	// Title is the file's name for whoever pulls it: a relative path with slashes. Empty for the last element of Path, and
	// with Open for none.
	Title string
	// MediaType of the content; empty for application/octet-stream.
	MediaType string
	// Annotations of the file.
	Annotations map[string]string
	// Digest and Size of the content, where they are known. Otherwise it is read once more, before it is sent.
	Digest digest.Digest
	Size   int64
}

// mediaType is what RFC 6838 4.2 allows.
var mediaType = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)

// check finds mistakes before there is any traffic; name is what the caller calls the artifact.
func (a Artifact) check(name string) error {
	var errs []error
	add := func(path string, err error) {
		if err != nil {
			errs = append(errs, &bootc.FieldError{Path: name + "." + path, Err: err})
		}
	}
	switch {
	case a.Type == "" && (a.ConfigType == "" || a.ConfigType == v1.MediaTypeEmptyJSON):
		add("Type", errors.New("is empty: say what the artifact is, such as application/vnd.acme.report"))
	case a.Type != "":
		add("Type", checkMediaType(a.Type))
	}
	if a.ConfigType != "" {
		add("ConfigType", checkMediaType(a.ConfigType))
	} else if len(a.Config) > 0 {
		add("ConfigType", errors.New("is empty, but there is a Config"))
	}
	if a.Subject != "" {
		if r, err := parse(a.Subject); err != nil {
			add("Subject", err)
		} else if r.digest == "" {
			add("Subject", fmt.Errorf("%q can move: want repository@digest", a.Subject))
		}
	}
	if a.Platform != "" {
		_, err := parsePlatform(a.Platform)
		add("Platform", err)
	}
	titles := map[string]int{}
	for i, f := range a.Files {
		at := func(field string) string { return fmt.Sprintf("Files[%d].%s", i, field) }
		switch {
		case f.Path == "" && f.Open == nil:
			add(at("Path"), errors.New("is empty, and there is no Open"))
		case f.Path != "" && f.Open != nil:
			add(at("Open"), errors.New("contradicts Path: set one of them"))
		case f.Path != "":
			if info, err := os.Stat(f.Path); err != nil {
				add(at("Path"), err)
			} else if !info.Mode().IsRegular() {
				add(at("Path"), fmt.Errorf("%s is not a regular file", f.Path))
			}
		}
		if f.MediaType != "" {
			add(at("MediaType"), checkMediaType(f.MediaType))
		}
		if f.Digest != "" {
			add(at("Digest"), f.Digest.Validate())
		}
		title := f.Name()
		if title == "" {
			continue
		}
		add(at("Title"), checkTitle(title))
		if j, ok := titles[path.Clean(title)]; ok {
			add(at("Title"), fmt.Errorf("%q is that of Files[%d]", title, j))
		}
		titles[path.Clean(title)] = i
	}
	return errors.Join(errs...)
}

func checkMediaType(s string) error {
	if mediaType.MatchString(s) {
		return nil
	}
	return fmt.Errorf("%q is not a media type: want type/subtype", clip(s))
}

// checkTitle fails for a name that could lead out of the directory it is put into, on any system, or hides what it is.
func checkTitle(s string) error {
	clean := path.Clean(s)
	hidden := strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
	switch {
	case s == "" || clean == "." || hidden || strings.ContainsAny(s, `\:`) || strings.HasSuffix(s, "/"),
		path.IsAbs(s), clean == "..", strings.HasPrefix(clean, "../"), !filepath.IsLocal(filepath.FromSlash(s)):
		return fmt.Errorf("%q is not the name of a file below a directory", clip(s))
	}
	return nil
}

// Name is the name that the file has for whoever pulls it: Title, or else the last element of Path.
func (f File) Name() string {
	if f.Title == "" && f.Path != "" {
		return filepath.Base(f.Path)
	}
	return f.Title
}

func (f File) open() (io.ReadCloser, error) {
	if f.Open != nil {
		return f.Open()
	}
	return os.Open(f.Path)
}

// describe returns the descriptor of a file, after reading it if need be.
func (s *session) describe(ctx context.Context, f File) (d v1.Descriptor, err error) {
	d = v1.Descriptor{MediaType: f.MediaType, Digest: f.Digest, Size: f.Size, Annotations: maps.Clone(f.Annotations)}
	if d.MediaType == "" {
		d.MediaType = "application/octet-stream"
	}
	if title := f.Name(); title != "" {
		if d.Annotations == nil {
			d.Annotations = map[string]string{}
		}
		d.Annotations[v1.AnnotationTitle] = title
	}
	if d.Digest != "" {
		return d, nil // a wrong one is found out when the file is sent
	}
	name := f.Path
	if name == "" {
		name = f.Title
	}
	err = s.step("read", name, func() error {
		r, err := f.open()
		if err != nil {
			return err
		}
		defer r.Close()
		sum := digest.Canonical.Digester()
		d.Size, err = io.Copy(sum.Hash(), &cancelled{r, ctx})
		d.Digest = sum.Digest()
		return err
	})
	return d, err
}

// cancelled is a reader that ends with its context.
type cancelled struct {
	io.Reader
	ctx context.Context
}

func (c *cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, ended(c.ctx)
	}
	return c.Reader.Read(p)
}

// artifact returns the manifest of an artifact, and where its blobs are. The same artifact gives the same bytes.
func (s *session) artifact(ctx context.Context, a Artifact) (Manifest, files, error) {
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, ArtifactType: a.Type, Annotations: a.Annotations}
	blobs := files{}
	inline := func(mediaType string, data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
		blobs[d.Digest] = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		return d
	}
	if a.ConfigType != "" {
		m.Config = inline(a.ConfigType, a.Config)
	} else {
		m.Config = inline(v1.MediaTypeEmptyJSON, v1.DescriptorEmptyJSON.Data)
		m.Config.Data = v1.DescriptorEmptyJSON.Data // so that nobody has to fetch it
	}
	for _, f := range a.Files {
		d, err := s.describe(ctx, f)
		if err != nil {
			return Manifest{}, nil, err
		}
		blobs[d.Digest] = f.open
		m.Layers = append(m.Layers, d)
	}
	if len(a.Files) == 0 { // registries want at least one
		m.Layers = []v1.Descriptor{inline(v1.MediaTypeEmptyJSON, v1.DescriptorEmptyJSON.Data)}
	}
	if a.Subject != "" {
		r, err := parse(a.Subject)
		if err != nil {
			return Manifest{}, nil, err
		}
		p, err := s.repo(ctx, r)
		if err != nil {
			return Manifest{}, nil, err
		}
		of, err := p.manifest(ctx, r.target())
		if err != nil {
			return Manifest{}, nil, fmt.Errorf("the subject %s: %w", r, err)
		}
		m.Subject = &v1.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: int64(len(of.Data))}
	}
	data, err := json.Marshal(m)
	if err != nil {
		return Manifest{}, nil, err
	}
	return NewManifest(m.MediaType, data), blobs, nil
}

// files are blobs by their digests.
type files map[digest.Digest]func() (io.ReadCloser, error)

func (f files) blob(_ context.Context, d v1.Descriptor, off int64) (io.ReadCloser, error) {
	open := f[d.Digest]
	if open == nil {
		return nil, ErrNotFound
	}
	r, err := open()
	if err != nil {
		return nil, err
	}
	return forward(r, off)
}

func (f files) manifest(context.Context, string) (Manifest, error) { return Manifest{}, ErrNotFound }
