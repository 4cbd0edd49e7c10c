package bootc

import (
	"cmp"
	"io/fs"
)

// File is a regular file of the image. What is static belongs in /usr, what differs from site to site in /etc. What a
// bootable image cannot carry is refused: see Draft.Put.
type File struct {
	// Path is absolute and clean. Directories on the way are made if the image lacks them.
	Path string
	// Content of the file; the zero value is an empty file.
	Content Content `json:",omitzero"`
	// Mode are the permissions, with fs.ModeSetuid, fs.ModeSetgid and fs.ModeSticky; the zero value is 0644.
	Mode fs.FileMode `json:",omitzero"`
	// Owner is "user:group", "user" with the user's own group, or numbers; names are those of the base. The zero
	// value is root:root.
	Owner string `json:",omitzero"`
}

// File adds a file with text, 0644 root:root; see File.
func (s Spec) File(path, text string) Spec { return s.With(File{Path: path, Content: Text(text)}) }

// Contribute adds the file.
func (f File) Contribute(d *Draft) error {
	uid, gid, ownerErr := d.owner("Owner", f.Owner)
	_, sizeErr := f.Content.Size()
	if sizeErr != nil {
		sizeErr = &FieldError{"Content", sizeErr}
	}
	if err := join([]error{checkPath("Path", f.Path), checkMode("Mode", f.Mode), ownerErr, sizeErr}); err != nil {
		return err
	}
	d.Put(PhaseFiles, Entry{Path: f.Path, Mode: cmp.Or(f.Mode, 0o644), UID: uid, GID: gid, Content: f.Content})
	return nil
}

// Dir is a directory of the image. One that the image has gets the mode and owner given here.
type Dir struct {
	// Path is absolute and clean. Directories on the way are made if the image lacks them.
	Path string
	// Mode are the permissions, with fs.ModeSetgid and fs.ModeSticky; the zero value is 0755.
	Mode fs.FileMode `json:",omitzero"`
	// Owner as in File.
	Owner string `json:",omitzero"`
}

// Dir adds a directory, 0755 root:root; see Dir.
func (s Spec) Dir(path string) Spec { return s.With(Dir{Path: path}) }

// Contribute adds the directory.
func (f Dir) Contribute(d *Draft) error {
	uid, gid, ownerErr := d.owner("Owner", f.Owner)
	if err := join([]error{checkPath("Path", f.Path), checkMode("Mode", f.Mode), ownerErr}); err != nil {
		return err
	}
	d.Put(PhaseFiles, Entry{Path: f.Path, Mode: cmp.Or(f.Mode, 0o755) | fs.ModeDir, UID: uid, GID: gid})
	return nil
}

// Symlink is a symbolic link of the image, root:root.
type Symlink struct {
	// Path of the link, absolute and clean.
	Path string
	// Target as it stands in the link: relative to the link's directory, or absolute. It need not exist.
	Target string
}

// Symlink adds a symbolic link; see Symlink.
func (s Spec) Symlink(path, target string) Spec { return s.With(Symlink{Path: path, Target: target}) }

// Contribute adds the link.
func (f Symlink) Contribute(d *Draft) error {
	if err := join([]error{checkPath("Path", f.Path), checkTarget(f)}); err != nil {
		return err
	}
	d.Put(PhaseFiles, link(f.Path, f.Target))
	return nil
}

func link(path, target string) Entry {
	return Entry{Path: path, Mode: fs.ModeSymlink | 0o777, Link: target}
}

func checkTarget(f Symlink) error {
	if err := checkLink(f.Path, f.Target); err != nil {
		return &FieldError{"Target", err}
	}
	return nil
}
