package testkit

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// NewCanary returns a text that is nowhere else: put it into a secret, then look where it comes out with [FindCanaries].
func NewCanary() string { return "canary" + rand.Text() }

// A Sighting is a place where a canary is.
type Sighting struct {
	Canary string // its name
	Form   string // "plain", "base64" or "hex"
	Blob   string // the file of the layout, "blobs/sha256/…"
	Path   string // the layer's file, "etc/shadow"; "" if it is in a name or another header, in a config or a manifest
}

// FindCanaries looks for secrets in everything that is in the OCI layout at dir, whether a manifest names it or not:
// manifests with their annotations, configs with their history, and layers with names, headers and files, also those
// that a later layer deletes, and what is compressed in them by gzip or zstd. It finds a canary as it is, in hex and in
// base64, also within a longer text that was encoded with it. canaries are bytes by name, eight at least. The result is
// sorted, and each place is in it once.
func FindCanaries(dir string, canaries map[string][]byte) ([]Sighting, error) {
	s := scanner{found: map[Sighting]bool{}}
	for name, secret := range canaries {
		if len(secret) < 8 {
			return nil, errors.New("canary " + name + " is so short that it is everywhere")
		}
		s.add(name, secret)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return s.scan(Sighting{Blob: filepath.ToSlash(rel)}, f)
	})
	var all []Sighting
	for at := range s.found {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b Sighting) int {
		return cmp.Or(strings.Compare(a.Canary, b.Canary), strings.Compare(a.Blob, b.Blob), strings.Compare(a.Path, b.Path), strings.Compare(a.Form, b.Form))
	})
	return all, err
}

type scanner struct {
	patterns []pattern
	longest  int
	found    map[Sighting]bool
}

type pattern struct {
	canary, form string
	bytes        []byte
}

func (s *scanner) add(name string, secret []byte) {
	add := func(form string, b []byte) {
		s.patterns = append(s.patterns, pattern{name, form, b})
		s.longest = max(s.longest, len(b))
	}
	add("plain", secret)
	text := hex.EncodeToString(secret)
	add("hex", []byte(text))
	add("hex", []byte(strings.ToUpper(text)))
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		// A letter stands for six bits, so the same bytes look different after 0, 1 and 2 others, and those at the ends
		// depend on the neighbours.
		for before := range 3 {
			text := encoding.EncodeToString(append(make([]byte, before), secret...))
			add("base64", []byte(text[(before*8+5)/6:(before+len(secret))*8/6]))
		}
	}
}

// scan looks through r, or through what it is once it is decompressed and unpacked.
func (s *scanner) scan(at Sighting, r io.Reader) error {
	b := bufio.NewReaderSize(r, 1<<16)
	head, err := b.Peek(512)
	if err != nil && err != io.EOF {
		return err
	}
	err, r = nil, b
	var rest io.Writer = &window{scanner: s, at: at} // what nobody reads as something else, or behind it
	inFile := at.Path != ""
	if inFile { // which may only begin like something else
		r, rest = io.TeeReader(b, rest), io.Discard
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		var z *gzip.Reader
		if z, err = gzip.NewReader(r); err == nil {
			s.texts(at, z.Name, z.Comment, string(z.Extra))
			err = s.scan(at, z)
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1)); err == nil {
			err = s.scan(at, z)
			z.Close()
		}
	case len(head) == 512 && string(head[257:262]) == "ustar":
		err = s.unpack(at, r)
	}
	if inFile {
		err = nil
	}
	_, err2 := io.Copy(rest, r)
	return errors.Join(err, err2)
}

// unpack looks through the entries of a tar.
func (s *scanner) unpack(at Sighting, r io.Reader) error {
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		s.texts(at, h.Name, h.Linkname, h.Uname, h.Gname)
		for k, v := range h.PAXRecords {
			s.texts(at, k, v)
		}
		file := at
		file.Path = path.Join(at.Path, cleanPath(h.Name))
		if err := s.scan(file, tr); err != nil {
			return err
		}
	}
}

func (s *scanner) texts(at Sighting, texts ...string) {
	for _, t := range texts {
		_, _ = io.WriteString(&window{scanner: s, at: at}, t) // does not fail
	}
}

// A window is the end of what was last written, as it is and without line breaks, which base64 may have anywhere.
type window struct {
	*scanner
	at             Sighting
	text, unbroken []byte
}

func (w *window) Write(p []byte) (int, error) {
	w.text = w.look(append(w.text, p...))
	for _, line := range bytes.FieldsFunc(p, func(r rune) bool { return r == '\n' || r == '\r' }) {
		w.unbroken = append(w.unbroken, line...)
	}
	w.unbroken = w.look(w.unbroken)
	return len(p), nil
}

// look searches b and returns its end, in which a canary may begin.
func (w *window) look(b []byte) []byte {
	for _, p := range w.patterns {
		if bytes.Contains(b, p.bytes) {
			at := w.at
			at.Canary, at.Form = p.canary, p.form
			w.found[at] = true
		}
	}
	return append(b[:0], b[max(0, len(b)-w.longest+1):]...)
}
