package bootc

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// Archive is a tar file of the build context. It has the entries that were asked for and no others, so that unpacking
// it leaves owner, mode and time of every other directory as it was.
type Archive struct {
	Name    string    // in the context: "files.tar"
	Entries []Entry   // by path
	Epoch   time.Time // of every entry
}

// WriteTo writes the tar in PAX format: the same Archive gives the same bytes. Content is streamed, whatever its
// size; a file whose size changes under it is an error.
func (a Archive) WriteTo(w io.Writer) (int64, error) {
	counter := &counter{w: w}
	tw := tar.NewWriter(counter)
	for _, e := range a.Entries {
		if err := e.writeTo(tw, a.Epoch); err != nil {
			return counter.n, fmt.Errorf("%s: %s: %w", a.Name, e.Path, err)
		}
	}
	err := tw.Close()
	return counter.n, err
}

func (e Entry) writeTo(tw *tar.Writer, epoch time.Time) error {
	h := &tar.Header{
		Typeflag: tar.TypeReg,
		Name:     strings.TrimPrefix(e.Path, "/"),
		Mode:     tarMode(e.Mode),
		Uid:      e.UID,
		Gid:      e.GID,
		ModTime:  epoch,
		Format:   tar.FormatPAX,
	}
	switch e.Mode.Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case fs.ModeSymlink:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.Link, 0o777
	default:
		size, err := e.Content.Size()
		if err != nil {
			return err
		}
		h.Size = size
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	r, err := e.Content.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := io.Copy(tw, io.LimitReader(r, h.Size))
	if err != nil {
		return err
	}
	if more, _ := io.CopyN(io.Discard, r, 1); n < h.Size || more > 0 {
		return fmt.Errorf("the size of its content changed from %d bytes while it was read", h.Size)
	}
	return nil
}

// tarMode is the mode as Unix numbers it.
func tarMode(m fs.FileMode) int64 {
	mode := int64(m.Perm())
	for bit, unix := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			mode |= unix
		}
	}
	return mode
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
