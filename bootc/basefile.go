package bootc

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/bootloom/bootloom/internal/symlink"
)

// ReadFile returns a file of the base. It follows symbolic links as a program in the image would, absolute ones too.
// The error is fs.ErrNotExist where the base has no such file, and ErrUnknownFact where nobody can read the base.
func (b Base) ReadFile(name string) ([]byte, error) {
	at, err := b.resolve(name)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(b.Files, at)
}

// ReadBase returns a file of the base; see Base.ReadFile.
func (d *Draft) ReadBase(name string) ([]byte, error) { return d.base.ReadFile(name) }

// Owner returns the numbers for "user:group", "user" (with the user's own group), ":group", or numbers in their place.
// Names are looked up in the base's passwd and group, of /etc and of /usr/lib; the empty string and root are 0. The
// error is ErrUnknownFact where nobody can read the base.
func (d *Draft) Owner(s string) (uid, gid int, err error) {
	uid, gid, err = d.owner("", s)
	if f, ok := errors.AsType[*FieldError](err); ok {
		err = f.Err
	}
	return uid, gid, err
}

// has says whether the base has the file, or a link to one.
func (b Base) has(name string) (bool, error) {
	_, err := b.resolve(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// resolve follows the symbolic links of name inside the base. fs.FS promises to follow none, and most that do would
// leave the base by an absolute one.
func (b Base) resolve(name string) (string, error) {
	if b.Files == nil {
		return "", fmt.Errorf("%w: %s in its root file system; set Base.Files", ErrUnknownFact, name)
	}
	at, err := symlink.Resolve(".", path.Clean("/"+name), func(at string) (string, bool, error) {
		info, err := fs.Lstat(b.Files, at)
		if err != nil || info.Mode().Type() != fs.ModeSymlink {
			return "", false, err
		}
		target, err := fs.ReadLink(b.Files, at)
		return target, true, err
	})
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: name, Err: cause(err)}
	}
	return at, nil
}

// cause takes off a fs.PathError, which would name the path twice.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
