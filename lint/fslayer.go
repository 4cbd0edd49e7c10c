package lint

import (
	"context"
	"io"
	"io/fs"
	"path"
)

// readFS fills the layer from a file system, as a root of its own. Symbolic links are not followed where the file system
// can tell them apart (fs.ReadLinkFS).
func (g *gatherer) readFS(ctx context.Context, fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		p := path.Clean("/" + name)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if name == "." {
				return err
			}
			part, err := dirProblem(err)
			g.problem(p, part, err)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			g.problem(p, false, cause(err))
			return nil
		}
		f := File{Path: p, Mode: info.Mode()}
		f.UID, f.GID = ownerOf(info)
		switch f.Mode.Type() {
		case 0:
			f.Size = info.Size()
		case fs.ModeSymlink:
			if f.Link, err = fs.ReadLink(fsys, name); err != nil {
				g.problem(p, false, cause(err))
			}
		}
		switch {
		case !g.add(f, func() (io.Reader, error) { return fsys.Open(name) }):
			return fs.SkipAll
		case p+"/" == ostreeStore:
			return fs.SkipDir
		}
		return nil
	})
}
