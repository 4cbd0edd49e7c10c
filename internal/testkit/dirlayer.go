package testkit

import (
	"archive/tar"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// DirLayer is a layer of what is in a directory: directories, regular files and symbolic links, owned by root. It has no
// hard links, devices and extended attributes.
func DirLayer(dir string) Layer {
	return func(tw *tar.Writer) error {
		return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			link := ""
			switch info.Mode().Type() {
			case 0, fs.ModeDir:
			case fs.ModeSymlink:
				if link, err = os.Readlink(path); err != nil {
					return err
				}
			default:
				return nil
			}
			h, err := tar.FileInfoHeader(info, link)
			if err != nil {
				return err
			}
			if h.Name, err = filepath.Rel(dir, path); err != nil {
				return err
			}
			h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "", ""
			h.ModTime, h.AccessTime, h.ChangeTime, h.Format = tinyTime, time.Time{}, time.Time{}, tar.FormatPAX
			if e.IsDir() {
				h.Name += "/"
			}
			if err := tw.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(tw, f)
			return err
		})
	}
}

// FileLayer is a layer of files with mode 0755, by their path without a "/" before it.
func FileLayer(content map[string]string) Layer {
	return func(tw *tar.Writer) error {
		w := files{tw: tw}
		for _, name := range slices.Sorted(maps.Keys(content)) {
			w.file(name, 0o755, content[name])
		}
		return w.err
	}
}
