//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/registry"
)

// newDirect is the engine that does what needs no container, in front of this one; nil if all is for this one.
func (e *Engine) newDirect() (*direct.Engine, error) {
	if e.o.NoDirect || e.o.Tune != nil {
		return nil, nil
	}
	o := direct.Options{
		Root: string(directDir(e.o.Root)), Registry: e.o.Registry, Compression: e.o.Compression,
		Lint: e.o.Lint, SkipLint: e.o.SkipLint, OnReport: e.o.OnReport, Run: runner{e},
	}
	o.Registry.TempDir = e.o.TempDir
	if e.o.Policy != nil {
		o.Verify = verifier{e}
	}
	return direct.Open(o)
}

// directly says whether the direct engine is in front for a base: one in a containers/storage it cannot read.
func (e *Engine) directly(ref string) bool {
	return e.direct != nil && !strings.HasPrefix(ref, "containers-storage:")
}

// runner builds what has to run, for the direct engine, which checks the whole.
type runner struct{ e *Engine }

var _ direct.Indexer = runner{}

func (r runner) Inspect(ctx context.Context, ref string, o bootc.BuildOptions) (bootc.Base, error) {
	return r.e.inspect(ctx, ref, o)
}

func (r runner) Build(ctx context.Context, p bootc.Plan, o bootc.BuildOptions) (bootc.Image, error) {
	return r.e.build(ctx, p, o, true)
}

// Index brings a base into the store, which knows its files then. An image that was built here has been indexed.
func (r runner) Index(ctx context.Context, img bootc.Image, _ string) error {
	if strings.HasPrefix(img.Location, "oci:"+filepath.Join(r.e.o.Root, "images")+"/") {
		return nil
	}
	var out inspected
	return r.e.do(ctx, "inspect", img.Location, bootc.BuildOptions{Platform: img.Platform}, nil, &out)
}

// verifier asks Options.Policy about a base that the direct engine builds on. What it accepted once by digest it accepts.
type verifier struct{ e *Engine }

func (v verifier) Verify(ctx context.Context, _ registry.Client, ref string) error {
	policy, err := json.Marshal(v.e.o.Policy)
	if err != nil {
		return err
	}
	mark := filepath.Join(string(directDir(v.e.o.Root)), "accepted", digest.FromString(ref+"\n"+string(policy)).Encoded())
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	var out struct{}
	if err := v.e.do(ctx, "verify", ref, bootc.BuildOptions{}, nil, &out); err != nil || !strings.Contains(ref, "@") {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(mark), 0o700), os.WriteFile(mark, nil, 0o600))
}

// lazyFS is the root file system of a base, which is pulled when it is first looked at.
type lazyFS struct{ open func() (fs.FS, error) }

var (
	_ fs.ReadDirFS  = lazyFS{}
	_ fs.ReadLinkFS = lazyFS{}
)

func (e *Engine) lazily(ctx context.Context, base bootc.Base, o bootc.BuildOptions) fs.FS {
	return lazyFS{sync.OnceValues(func() (fs.FS, error) {
		name := base.Digest.String() + " " + base.Platform
		if l, ok := e.seen.Load(name); ok && o.Pull != bootc.PullAlways && l.(layerFS).there() {
			return l.(fs.FS), nil
		}
		o.OnEvent = nil // the call that they belong to has returned
		b, err := e.inspect(context.WithoutCancel(ctx), base.Ref, o)
		if err == nil && b.Digest != base.Digest {
			err = bootc.ErrChanged
		}
		if l, ok := b.Files.(layerFS); ok && err == nil {
			e.seen.Store(name, l)
		}
		return b.Files, err
	})}
}

func (l lazyFS) Open(name string) (fs.File, error) {
	f, err := l.open()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f.Open(name)
}

func (l lazyFS) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := l.open()
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return fs.ReadDir(f, name)
}

func (l lazyFS) ReadLink(name string) (string, error) {
	f, err := l.open()
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return fs.ReadLink(f, name)
}

func (l lazyFS) Lstat(name string) (fs.FileInfo, error) {
	f, err := l.open()
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return fs.Lstat(f, name)
}
