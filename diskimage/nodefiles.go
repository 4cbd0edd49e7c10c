package diskimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// send brings a file or directory of this machine to a path in the container.
func (s *session) send(ctx context.Context, from, to string) error {
	r, w := io.Pipe()
	go func() {
		tw := tar.NewWriter(w)
		err := filepath.WalkDir(from, func(file string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, file)
			if err != nil {
				return err
			}
			return addFile(tw, file, path.Join(strings.TrimPrefix(to, "/"), filepath.ToSlash(rel)))
		})
		if err == nil {
			err = tw.Close()
		}
		w.CloseWithError(err)
	}()
	size := treeSize(from)
	err := s.put(ctx, s.job.Name, "/", s.metered(ctx, "send", r, size))
	r.Close()
	if err != nil {
		return fmt.Errorf("send %s to the node: %w", path.Base(to), err)
	}
	return nil
}

func addFile(tw *tar.Writer, file, name string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	h.Name, h.Uid, h.Gid, h.Uname, h.Gname = name, 0, 0, "", ""
	if info.IsDir() {
		h.Name += "/"
		return tw.WriteHeader(h)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return err
}

// treeSize is the size of the files at a path; it is for progress only.
func treeSize(root string) (n int64) {
	_ = filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func (s *session) metered(ctx context.Context, op string, r io.Reader, total int64) io.Reader {
	return &meter{r: r, ctx: ctx, total: total, report: func(n, total int64) {
		s.job.OnEvent(bootc.Event{Kind: bootc.EventProgress, Op: op, Ref: s.node.URI, Bytes: n, Total: total})
	}}
}

// receive brings the tool's results to Dir/output.
func (s *session) receive(ctx context.Context) error {
	body, err := s.get(ctx, s.job.Name, inContainer.Output)
	if err != nil {
		return err
	}
	defer body.Close()
	root, err := os.OpenRoot(s.job.at("output"))
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(s.metered(ctx, "receive", body, -1)); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("results of the node: %w", err)
		}
		_, name, _ := strings.Cut(path.Clean(h.Name), "/") // without output/
		if h.Typeflag != tar.TypeReg || name == "" {
			continue
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := root.Create(name)
		if err != nil {
			return err
		}
		w := &sparse{f: f}
		_, err = io.CopyBuffer(w, t, make([]byte, 1<<20))
		if err := errors.Join(err, w.end(), f.Close()); err != nil {
			return fmt.Errorf("results of the node: %w", err)
		}
	}
}
