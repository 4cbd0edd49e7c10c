package lint

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// tarLayer reads the tar of a layer. Nothing is unpacked, and content is kept only of files that rules want.
type tarLayer struct {
	*gatherer
	links  []int           // of files: hard links, whose targets are looked up at the end
	store  map[string]File // the objects of a chunked base, which are no files of the image
	object string          // the last object, whose links are likely to follow, and its content
	buffer []byte
	second map[string]need // content that only a second look can give: a hard link before its target, or far behind it
}

// keptObject is up to which size the content of an object is remembered for the links that follow it.
const keptObject = 64 << 10

// readTar fills the layer from its uncompressed tar.
func (g *gatherer) readTar(r io.Reader) (*tarLayer, error) {
	t := &tarLayer{gatherer: g, store: map[string]File{}, second: map[string]need{}}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return t, fmt.Errorf("the layer cannot be read to the end: %w", err)
		}
		if !t.entry(h, tr) {
			return t, nil
		}
	}
}

// entry adds one entry; false means that a limit has been met.
func (t *tarLayer) entry(h *tar.Header, content io.Reader) bool {
	p, ok := cleanPath(h.Name)
	if !ok {
		t.problem(p, false, fmt.Errorf("the layer has it as %s, which leads out of the root: runtimes refuse such a layer", clip(h.Name)))
		return true
	}
	if strings.HasPrefix(p, ostreeStore) {
		return t.storeEntry(p, h, content)
	}
	if name := path.Base(p); strings.HasPrefix(name, ".wh.") {
		return t.whiteout(p, name)
	}
	f := File{Path: p, UID: uint32(h.Uid), GID: uint32(h.Gid), Mode: modeOf(h)}
	t.xattrs(&f, h)
	open := func() (io.Reader, error) { return content, nil }
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont, tar.TypeGNUSparse: //lint:ignore SA1019 old archives have TypeRegA
		f.Size = h.Size
	case tar.TypeDir:
	case tar.TypeSymlink:
		f.Link, f.Mode = h.Linkname, fs.ModeSymlink|0o777
	case tar.TypeLink:
		target, ok := cleanPath(h.Linkname)
		if !ok {
			t.problem(p, false, fmt.Errorf("is a hard link to %s, which leads out of the root", clip(h.Linkname)))
			return true
		}
		f.ensure().hard = target
		if target == t.object && t.object != "" {
			return t.linkToObject(f)
		}
		if !t.add(f, nil) {
			return false
		}
		t.links = append(t.links, len(t.files)-1)
		return true
	case tar.TypeChar, tar.TypeBlock:
		f.ensure().dev = uint32(h.Devmajor)<<8 | uint32(h.Devminor)&0xff
	case tar.TypeFifo:
	default:
		t.problem(p, true, fmt.Errorf("has the entry type %q, which is not understood", h.Typeflag))
		return true
	}
	return t.add(f, open)
}

// whiteout adds what AUFS' convention makes of a name, which OCI took over
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts).
func (t *tarLayer) whiteout(p, name string) bool {
	dir := path.Dir(p)
	switch {
	case name == ".wh..wh..opq":
		return t.add(File{Path: dir, more: &more{whiteout: true, opaque: true}}, nil)
	case strings.HasPrefix(name, ".wh..wh."): // AUFS' own book-keeping
		return true
	}
	return t.add(File{Path: path.Join(dir, name[len(".wh."):]), more: &more{whiteout: true}}, nil)
}

// storeEntry remembers an object of a chunked base.
func (t *tarLayer) storeEntry(p string, h *tar.Header, content io.Reader) bool {
	if t.entries.Add(1) > int64(t.limits.Entries) {
		t.full = true
		t.problem("", true, errEntries)
		return false
	}
	if h.Typeflag != tar.TypeReg {
		return true
	}
	f := File{Path: p, UID: uint32(h.Uid), GID: uint32(h.Gid), Mode: modeOf(h), Size: h.Size}
	t.xattrs(&f, h)
	t.store[p] = f
	t.object, t.buffer = p, nil
	if h.Size <= keptObject {
		t.buffer, _ = io.ReadAll(content) // an error comes again from the reader's Next
	}
	return true
}

// paxXattr is how PAX headers name extended attributes.
const paxXattr = "SCHILY.xattr."

var keptXattrs = []string{"security.capability", "security.selinux"}

func (t *tarLayer) xattrs(f *File, h *tar.Header) {
	if len(h.PAXRecords) == 0 {
		return
	}
	for _, name := range keptXattrs {
		if v, ok := h.PAXRecords[paxXattr+name]; ok {
			m := f.ensure()
			if m.xattrs == nil {
				m.xattrs = map[string]string{}
			}
			m.xattrs[name] = v
		}
	}
}

func modeOf(h *tar.Header) fs.FileMode {
	m := fs.FileMode(h.Mode & 0o777)
	for _, b := range unixBits {
		if h.Mode&b.unix != 0 {
			m |= b.mode
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		m |= fs.ModeDir
	case tar.TypeSymlink:
		m |= fs.ModeSymlink
	case tar.TypeChar:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case tar.TypeBlock:
		m |= fs.ModeDevice
	case tar.TypeFifo:
		m |= fs.ModeNamedPipe
	}
	return m
}

var unixBits = []struct {
	unix int64
	mode fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}
