package testkit

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/internal/unpack"
)

// ReadImage reads the manifest and config of the one image in the OCI layout at dir, and its manifest's descriptor.
func ReadImage(dir string) (v1.Descriptor, v1.Manifest, v1.Image, error) {
	var (
		index    v1.Index
		manifest v1.Manifest
		config   v1.Image
	)
	b, err := os.ReadFile(filepath.Join(dir, v1.ImageIndexFile))
	if err == nil {
		err = json.Unmarshal(b, &index)
	}
	if err == nil && len(index.Manifests) != 1 {
		err = fmt.Errorf("%s: has %d manifests, want one", dir, len(index.Manifests))
	}
	if err != nil {
		return v1.Descriptor{}, manifest, config, err
	}
	desc := index.Manifests[0]
	if err = readJSON(dir, desc.Digest, &manifest); err == nil {
		err = readJSON(dir, manifest.Config.Digest, &config)
	}
	return desc, manifest, config, err
}

// An Entry is one member of a layer's tar.
type Entry struct {
	Path     string // without "./" or "/" before and "/" behind it; whiteouts as they are, "etc/.wh.motd"
	Type     byte   // tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, …
	Mode     int64  // permission, setuid, setgid and sticky bits, as in 0o4755
	UID, GID int
	Link     string // target of a symbolic link, or path of a hard link's other name
	Size     int64
	Digest   digest.Digest // of the content of a regular file
	ModTime  int64         // seconds since 1970
	XAttrs   map[string]string
}

// LayerEntries returns what is in each layer of the one image in the OCI layout at dir, lowest layer first, in the order
// of the tar. It checks each layer's digest and diff ID on the way.
func LayerEntries(dir string) ([][]Entry, error) {
	var all [][]Entry
	err := eachLayer(dir, func(r *tar.Reader) error {
		var entries []Entry
		for {
			h, err := r.Next()
			if err == io.EOF {
				all = append(all, entries)
				return nil
			}
			if err != nil {
				return err
			}
			e := Entry{
				Path: cleanPath(h.Name), Type: h.Typeflag, Mode: h.Mode, UID: h.Uid, GID: h.Gid,
				Link: h.Linkname, Size: h.Size, ModTime: h.ModTime.Unix(), XAttrs: unpack.XAttrs(h),
			}
			if h.Typeflag == tar.TypeLink {
				e.Link = cleanPath(h.Linkname)
			}
			if h.Typeflag == tar.TypeReg {
				sum := sha256.New()
				if _, err := io.Copy(sum, r); err != nil {
					return err
				}
				e.Digest = sumDigest(sum.Sum(nil))
			}
			entries = append(entries, e)
		}
	})
	return all, err
}

// eachLayer calls do with each layer's tar, lowest first.
func eachLayer(dir string, do func(*tar.Reader) error) error {
	_, manifest, config, err := ReadImage(dir)
	if err != nil {
		return err
	}
	if len(manifest.Layers) != len(config.RootFS.DiffIDs) {
		return fmt.Errorf("%s: %d layers but %d diff IDs", dir, len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	for i, l := range manifest.Layers {
		if err := readLayer(dir, l, config.RootFS.DiffIDs[i], do); err != nil {
			return fmt.Errorf("%s: layer %d: %w", dir, i, err)
		}
	}
	return nil
}

func readLayer(dir string, l v1.Descriptor, diffID digest.Digest, do func(*tar.Reader) error) error {
	f, err := os.Open(blobPath(dir, l.Digest))
	if err != nil {
		return err
	}
	defer f.Close()
	compressed, plain := sha256.New(), sha256.New()
	raw := io.TeeReader(f, compressed)
	var r io.Reader
	switch {
	case strings.HasSuffix(l.MediaType, "gzip"):
		r, err = gzip.NewReader(bufio.NewReaderSize(raw, 1<<18))
	case strings.HasSuffix(l.MediaType, "zstd"):
		var d *zstd.Decoder
		if d, err = zstd.NewReader(raw); err == nil {
			defer d.Close()
			r = d
		}
	default:
		r = raw
	}
	if err != nil {
		return err
	}
	r = io.TeeReader(r, plain)
	if err := do(tar.NewReader(r)); err != nil {
		return err
	}
	// tar stops at its end mark; the rest counts for the digests.
	for _, rest := range []io.Reader{r, raw} {
		if _, err := io.Copy(io.Discard, rest); err != nil {
			return err
		}
	}
	if got := sumDigest(plain.Sum(nil)); got != diffID {
		return fmt.Errorf("diff ID is %s, the config says %s", got, diffID)
	}
	if got := sumDigest(compressed.Sum(nil)); got != l.Digest {
		return fmt.Errorf("digest is %s, the manifest says %s", got, l.Digest)
	}
	return nil
}

func readJSON(dir string, d digest.Digest, v any) error {
	b, err := os.ReadFile(blobPath(dir, d))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	return err
}

func cleanPath(p string) string {
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}
