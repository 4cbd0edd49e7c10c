package bootc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// Tree copies a file system into the image: regular files, symbolic links and empty directories. Files are 0644, or
// 0755 where FS has them executable by anyone; directories are 0755. Names are not read before the plan is compiled,
// content not before it is written.
type Tree struct {
	// Path is the directory that FS becomes, absolute and clean; "/" is allowed.
	Path string
	// FS holds the files. os.DirFS, embed.FS and os.Root.FS serve. In JSON it stands in full, as a list of files.
	FS fs.FS
	// Owner of everything in the tree, as in File. The zero value is root:root, and then directories that the image
	// has stay as they are; else they get the owner too.
	Owner string
}

// Tree copies fsys to dir; see Tree.
func (s Spec) Tree(dir string, fsys fs.FS) Spec { return s.With(Tree{Path: dir, FS: fsys}) }

// Contribute adds the files.
func (t Tree) Contribute(d *Draft) error {
	var errs []error
	if t.Path != "/" {
		errs = append(errs, checkPath("Path", t.Path))
	}
	uid, gid, err := d.owner("Owner", t.Owner)
	files, listErr := t.list()
	if listErr != nil {
		listErr = &FieldError{"FS", listErr}
	}
	errs = append(errs, err, listErr)
	if err := join(errs); err != nil {
		return err
	}
	full := map[string]bool{}
	for _, f := range files {
		if f.Path != "." {
			full[path.Dir(f.Path)] = true
		}
	}
	for _, f := range files {
		at := path.Join(t.Path, f.Path)
		if f.Mode.IsDir() && (at == "/" || full[f.Path] && t.Owner == "") {
			continue
		}
		d.Put(PhaseFiles, Entry{Path: at, Mode: f.Mode, UID: uid, GID: gid, Link: f.Link, Content: f.Content})
	}
	return join(errs)
}

// treeFile is one file of a Tree. Mode is normal: what two machines may see differently is not in it.
type treeFile struct {
	Path    string
	Mode    fs.FileMode
	Link    string  `json:",omitzero"`
	Content Content `json:",omitzero"`
}

// list returns the files in lexical order.
func (t Tree) list() ([]treeFile, error) {
	switch f := t.FS.(type) {
	case nil:
		return nil, errors.New("is nil")
	case treeFS:
		return f.files, nil
	}
	var out []treeFile
	err := fs.WalkDir(t.FS, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch e.Type() {
		case fs.ModeDir:
			out = append(out, treeFile{Path: name, Mode: fs.ModeDir | 0o755})
		case fs.ModeSymlink:
			target, err := fs.ReadLink(t.FS, name)
			if err != nil {
				return err
			}
			out = append(out, treeFile{Path: name, Mode: fs.ModeSymlink | 0o777, Link: target})
		case 0:
			info, err := e.Info()
			if err != nil {
				return err
			}
			mode := fs.FileMode(0o644)
			if info.Mode()&0o111 != 0 {
				mode = 0o755
			}
			out = append(out, treeFile{Path: name, Mode: mode, Content: FromFS(t.FS, name)})
		default:
			return fmt.Errorf("%s is a %s: an image holds files, directories and symbolic links", name, e.Type())
		}
		return nil
	})
	return out, err
}

// treeFS is the FS of a Tree that came from JSON.
type treeFS struct{ files []treeFile }

func (treeFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}

type treeJSON struct {
	Path  string
	Owner string `json:",omitzero"`
	Files []treeFile
}

// MarshalJSON writes the files in full.
func (t Tree) MarshalJSON() ([]byte, error) {
	files, err := t.list()
	if err != nil {
		return nil, err
	}
	return json.Marshal(treeJSON{t.Path, t.Owner, files})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Tree) UnmarshalJSON(b []byte) error {
	var v treeJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if err := checkTreeFiles(v.Files); err != nil {
		return err
	}
	*t = Tree{v.Path, treeFS{v.Files}, v.Owner}
	return nil
}

func checkTreeFiles(files []treeFile) error {
	for _, f := range files {
		if !fs.ValidPath(f.Path) {
			return fmt.Errorf("%q is not a path inside a tree", f.Path)
		}
	}
	return nil
}
