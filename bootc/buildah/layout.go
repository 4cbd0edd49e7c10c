//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// sink takes the files of an OCI layout.
type sink interface {
	// has says that a blob is there already.
	has(digest.Digest) bool
	// put stores a file of size bytes, whose path is relative to the layout.
	put(name string, size int64, r io.Reader) error
}

// dirSink is a layout in a directory. It knows what it has made, so that a failure leaves nothing.
type dirSink struct {
	dir  string
	made []string
}

func (t target) writeDir(fill func(sink, []v1.Descriptor) error) (err error) {
	s := &dirSink{dir: t.path}
	var index v1.Index
	if err := readJSON(filepath.Join(t.path, v1.ImageIndexFile), &index); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer func() {
		if err != nil {
			for _, name := range slices.Backward(s.made) {
				os.Remove(name) // a directory that has something of others stays
			}
		}
	}()
	return fill(s, index.Manifests)
}

func (s *dirSink) has(d digest.Digest) bool {
	_, err := os.Stat(filepath.Join(s.dir, v1.ImageBlobsDir, d.Algorithm().String(), d.Encoded()))
	return err == nil
}

func (s *dirSink) put(name string, size int64, r io.Reader) error {
	name = filepath.Join(s.dir, name)
	if err := s.mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".bootloom-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	n, err := io.Copy(f, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		s.made = append(s.made, name)
	}
	return os.Rename(f.Name(), name)
}

func (s *dirSink) mkdir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := s.mkdir(filepath.Dir(dir)); err != nil {
		return err
	}
	s.made = append(s.made, dir)
	return os.Mkdir(dir, 0o755)
}

// tarSink is a layout in a tar file.
type tarSink struct {
	w    *tar.Writer
	seen map[digest.Digest]bool
}

func (t target) writeArchive(fill func(sink, []v1.Descriptor) error) error {
	f, err := os.CreateTemp(filepath.Dir(t.path), ".bootloom-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	s := &tarSink{tar.NewWriter(f), map[digest.Digest]bool{}}
	if err := errors.Join(fill(s, nil), s.w.Close(), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), t.path)
}

func (s *tarSink) has(d digest.Digest) bool {
	seen := s.seen[d]
	s.seen[d] = true
	return seen
}

func (s *tarSink) put(name string, size int64, r io.Reader) error {
	if err := s.w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
		return err
	}
	n, err := io.Copy(s.w, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
