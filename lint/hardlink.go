package lint

import (
	"archive/tar"
	"io"
	"strings"
)

// linkToObject adds a file of a chunked base while the content of its object is at hand.
func (t *tarLayer) linkToObject(f File) bool {
	object := t.store[t.object]
	f.take(&object)
	n := sum(t.router.wants(f.Path, f.Mode, t.boundary && !t.layer.Base))
	if !n.none() && int64(len(t.buffer)) == object.Size {
		t.fill(&f, n, func() (io.Reader, error) { return strings.NewReader(string(t.buffer)), nil })
	} else if !n.none() {
		t.second[t.object] = n
	}
	if !t.add(f, nil) {
		return false
	}
	if !n.none() && f.extra().content == nil && f.Digest() == "" {
		t.links = append(t.links, len(t.files)-1)
	}
	return true
}

// take makes the file what a hard link to the other one is.
func (f *File) take(o *File) {
	f.Size, f.Mode, f.UID, f.GID, f.Link = o.Size, o.Mode, o.UID, o.GID, o.Link
	m := f.ensure()
	from := o.extra()
	m.xattrs, m.dev, m.content, m.digest = from.xattrs, from.dev, from.content, from.digest
	m.has |= from.has & hasContent
}

// resolve makes hard links what their targets are. It returns what only a second look at the layer can give.
func (t *tarLayer) resolve() map[string]need {
	at := make(map[string]int, len(t.links))
	for _, i := range t.links {
		at[t.files[i].HardLink()] = -1
	}
	if len(at) == 0 {
		return nil
	}
	for i := range t.files {
		if _, ok := at[t.files[i].Path]; ok {
			at[t.files[i].Path] = i
		}
	}
	again := map[string]need{}
	for _, i := range t.links {
		f := &t.files[i]
		target := f.HardLink()
		object, inStore := t.store[target]
		switch n := at[target]; {
		case inStore:
			f.take(&object)
		case n >= 0 && n != i && t.files[n].HardLink() == "":
			f.take(&t.files[n])
		case n >= 0 && n != i: // a link to a link: one more step is all that a well-behaved tar has
			if m, ok := at[t.files[n].HardLink()]; ok && m >= 0 && m != i {
				f.take(&t.files[m])
			}
			continue
		default:
			if !strings.HasPrefix(target, ostreeStore) {
				f.ensure().has |= isCrossLink
			}
			continue
		}
		if !f.IsRegular() {
			continue
		}
		n := sum(t.router.wants(f.Path, f.Mode, t.boundary && !t.layer.Base))
		if _, known := f.Content(); n.max > 0 && !known && f.Size <= n.max || n.digest && f.Digest() == "" {
			again[target] = n
		}
	}
	return again
}

// readAgain reads the content of hard links' targets, in a second pass over the same tar.
func (t *tarLayer) readAgain(r io.Reader, again map[string]need) error {
	tr := tar.NewReader(r)
	got := map[string]File{}
	for len(got) < len(again) {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		p, ok := cleanPath(h.Name)
		n, wanted := again[p]
		if !ok || !wanted || h.Typeflag != tar.TypeReg {
			continue
		}
		f := File{Path: p, Size: h.Size, Layer: t.layer}
		n.loud = false
		t.fill(&f, n, func() (io.Reader, error) { return tr, nil })
		got[p] = f
	}
	for _, i := range t.links {
		f := &t.files[i]
		if from, ok := got[f.HardLink()]; ok {
			m := f.ensure()
			m.content, m.digest = from.more.content, from.more.digest
			m.has |= from.more.has & hasContent
		}
	}
	return nil
}
