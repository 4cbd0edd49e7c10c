package pkgdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"strconv"
)

// The tags that are read (https://rpm.org/docs/4.20.x/manual/tags.html).
const (
	tagName         = 1000
	tagVersion      = 1001
	tagRelease      = 1002
	tagEpoch        = 1003
	tagSize         = 1009
	tagArch         = 1022
	tagOldFileNames = 1027
	tagDirIndexes   = 1116
	tagBaseNames    = 1117
	tagDirNames     = 1118
	tagLongSize     = 5009
)

// rpmHeader is a header as rpm's database has it: without magic or signature
// (https://rpm-software-management.github.io/rpm/manual/format_header.html).
type rpmHeader struct {
	index map[uint32][]byte // entries of the index by tag
	data  []byte
}

func parseHeader(b []byte) (rpmHeader, error) {
	const entry = 16
	if len(b) < 8 {
		return rpmHeader{}, fmt.Errorf("%w: a header of %d bytes", errDamaged, len(b))
	}
	entries, size := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if uint64(entries)*entry+uint64(size) != uint64(len(b)-8) {
		return rpmHeader{}, fmt.Errorf("%w: a header of %d bytes that says %d entries and %d bytes", errDamaged, len(b), entries, size)
	}
	h := rpmHeader{index: make(map[uint32][]byte, entries), data: b[8+entries*entry:]}
	for rest := b[8 : 8+entries*entry]; len(rest) > 0; rest = rest[entry:] {
		h.index[binary.BigEndian.Uint32(rest)] = rest[:entry]
	}
	return h, nil
}

// at returns the data of a tag from its beginning on, its type and how many values it has.
func (h rpmHeader) at(tag uint32) (data []byte, kind, count uint32) {
	e, ok := h.index[tag]
	if !ok {
		return nil, 0, 0
	}
	offset := binary.BigEndian.Uint32(e[8:])
	if uint64(offset) > uint64(len(h.data)) {
		return nil, 0, 0
	}
	return h.data[offset:], binary.BigEndian.Uint32(e[4:]), binary.BigEndian.Uint32(e[12:])
}

// strings are the values of a tag that has some: of the types STRING, STRING_ARRAY and I18NSTRING.
func (h rpmHeader) strings(tag uint32) []string {
	data, kind, count := h.at(tag)
	if kind != 6 && kind != 8 && kind != 9 {
		return nil
	}
	var out []string
	for range count {
		end := bytes.IndexByte(data, 0)
		if end < 0 {
			break
		}
		out = append(out, string(data[:end]))
		data = data[end+1:]
	}
	return out
}

func (h rpmHeader) string(tag uint32) string {
	if s := h.strings(tag); len(s) > 0 {
		return s[0]
	}
	return ""
}

// numbers are the values of a tag of the types INT32 and INT64.
func (h rpmHeader) numbers(tag uint32) []uint64 {
	data, kind, count := h.at(tag)
	size := map[uint32]int{4: 4, 5: 8}[kind]
	if size == 0 || uint64(count)*uint64(size) > uint64(len(data)) {
		return nil
	}
	out := make([]uint64, count)
	for i := range out {
		if size == 4 {
			out[i] = uint64(binary.BigEndian.Uint32(data[4*i:]))
		} else {
			out[i] = binary.BigEndian.Uint64(data[8*i:])
		}
	}
	return out
}

// files are the paths of what the package brings.
func (h rpmHeader) files() []string {
	if old := h.strings(tagOldFileNames); len(old) > 0 {
		return old
	}
	names, dirs, index := h.strings(tagBaseNames), h.strings(tagDirNames), h.numbers(tagDirIndexes)
	if len(index) != len(names) {
		return nil
	}
	out := make([]string, 0, len(names))
	for i, name := range names {
		if index[i] < uint64(len(dirs)) {
			out = append(out, path.Join(dirs[index[i]], name))
		}
	}
	return out
}

// packageOf is the package that a header describes.
func (h rpmHeader) packageOf() (Package, error) {
	p := Package{Format: RPM, Name: h.string(tagName), Arch: h.string(tagArch), Files: h.files()}
	p.Version = h.string(tagVersion) + "-" + h.string(tagRelease)
	if epoch := h.numbers(tagEpoch); len(epoch) > 0 {
		p.Version = strconv.FormatUint(epoch[0], 10) + ":" + p.Version
	}
	for _, tag := range []uint32{tagSize, tagLongSize} {
		if size := h.numbers(tag); len(size) > 0 {
			p.Size = int64(size[0])
		}
	}
	if p.Name == "" || p.Version == "-" {
		return p, fmt.Errorf("%w: a package without name or version", errDamaged)
	}
	return p, nil
}
