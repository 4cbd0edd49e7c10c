package lint

import (
	"encoding/binary"
	"errors"
	"io/fs"
)

// What a file of the layer has beside its fixed fields.
const (
	codedLink = 1 << iota
	codedContent
	codedDigest
	codedHard
	codedXattrs
	codedDevice
	codedWhiteout
	codedOpaque
)

// encode writes the layer: the number of its bytes, its problems, its files. Numbers are varints, strings have their length
// before them.
func encode(l *Layer) []byte {
	b := make([]byte, 0, 64+96*len(l.Files))
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(l.Bytes))
	b = binary.AppendUvarint(b, uint64(len(l.problems)))
	for _, p := range l.problems {
		text(p.path)
		text(p.err.Error())
		b = append(b, map[bool]byte{true: 1}[p.part])
	}
	b = binary.AppendUvarint(b, uint64(len(l.Files)))
	for i := range l.Files {
		f := &l.Files[i]
		m := f.extra()
		var bits uint64
		for _, c := range []struct {
			bit uint64
			on  bool
		}{
			{codedLink, f.Link != ""}, {codedContent, m.has&hasContent != 0}, {codedDigest, m.digest != ""}, {codedHard, m.hard != ""},
			{codedXattrs, len(m.xattrs) > 0}, {codedDevice, m.dev != 0}, {codedWhiteout, m.whiteout}, {codedOpaque, m.opaque},
		} {
			if c.on {
				bits |= c.bit
			}
		}
		text(f.Path)
		b = binary.AppendUvarint(b, bits)
		b = binary.AppendUvarint(b, uint64(f.Mode))
		b = binary.AppendUvarint(b, uint64(f.UID))
		b = binary.AppendUvarint(b, uint64(f.GID))
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = append(b, byte(m.has))
		if f.Link != "" {
			text(f.Link)
		}
		if m.has&hasContent != 0 {
			text(string(m.content))
		}
		if m.digest != "" {
			text(m.digest)
		}
		if m.hard != "" {
			text(m.hard)
		}
		if len(m.xattrs) > 0 {
			for _, name := range keptXattrs {
				text(m.xattrs[name])
			}
		}
		if m.dev != 0 {
			b = binary.AppendUvarint(b, uint64(m.dev))
		}
	}
	return b
}

var errDamaged = errors.New("the facts are damaged")

// decode fills the layer with what encode wrote. Paths and contents are parts of one string, so that a hundred thousand files
// are one allocation and not as many.
func (g *gatherer) decode(data []byte) (err error) {
	d := decoder{rest: string(data)}
	bytes := d.number()
	var problems []problem
	for range min(d.number(), maxProblems) {
		problems = append(problems, problem{d.text(), errors.New(d.text()), d.byte() == 1})
	}
	n := d.number()
	if d.bad || n > uint64(len(data)) {
		return errDamaged
	}
	files := make([]File, n)
	var content int64
	last := ""
	for i := range files {
		f := &files[i]
		f.Layer = g.layer
		f.Path = d.text()
		bits := d.number()
		f.Mode = fs.FileMode(d.number())
		f.UID, f.GID, f.Size = uint32(d.number()), uint32(d.number()), int64(d.number())
		has := has(d.byte())
		if d.bad || i > 0 && f.Path <= last {
			return errDamaged
		}
		last = f.Path
		if bits&codedLink != 0 {
			f.Link = d.text()
		}
		if bits&^codedLink == 0 && has == 0 {
			continue
		}
		m := f.ensure()
		m.has, m.whiteout, m.opaque = has, bits&codedWhiteout != 0, bits&codedOpaque != 0
		if bits&codedContent != 0 {
			m.content = []byte(d.text())
			content += int64(len(m.content))
		}
		if bits&codedDigest != 0 {
			m.digest = d.text()
		}
		if bits&codedHard != 0 {
			m.hard = d.text()
		}
		if bits&codedXattrs != 0 {
			m.xattrs = map[string]string{}
			for _, name := range keptXattrs {
				if v := d.text(); v != "" {
					m.xattrs[name] = v
				}
			}
		}
		if bits&codedDevice != 0 {
			m.dev = uint32(d.number())
		}
	}
	if d.bad || d.rest != "" {
		return errDamaged
	}
	if g.entries.Add(int64(n)) > int64(g.limits.Entries) || g.content.Add(content) > g.limits.Content {
		g.entries.Add(-int64(n))
		return errEntries
	}
	g.layer.Files, g.layer.Bytes, g.layer.problems = files, int64(bytes), problems
	return nil
}

// decoder reads what encode wrote; bad says that something was not there.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) number() uint64 {
	var v uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		b := d.rest[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.bad = true
	return 0
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.bad = true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}
