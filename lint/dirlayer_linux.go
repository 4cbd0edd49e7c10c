package lint

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// diskRoot reads a directory as a root file system. No path is ever followed through a symbolic link, and nothing outside
// the directory is opened, whatever happens to it meanwhile: each directory is opened from the root's descriptor with
// openat2(2), each file from that of its directory.
type diskRoot struct {
	fd      int
	dev     uint64
	overlay bool // the directory is a layer of overlayfs: whiteouts and opaque marks mean what they say there
}

// readDisk fills the layer from a directory.
func (g *gatherer) readDisk(ctx context.Context, dir string, overlay bool) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	r := &diskRoot{fd: fd, dev: st.Dev, overlay: overlay}
	root := statFile("/", &st)
	if overlay && r.attr(fd, ".", "overlay.opaque") == "y" {
		root.ensure().opaque = true
	}
	g.add(root, nil)
	return g.walkDirs(ctx, r.read)
}

// read adds what is in a directory, and returns the directories in it.
func (r *diskRoot) read(g *gatherer, dir string) []string {
	fd, err := r.open(dir)
	if err != nil {
		part, err := dirProblem(err)
		g.problem(dir, part, err)
		return nil
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		g.problem(dir, false, cause(err))
	}
	var below []string
	for _, name := range names {
		p := path.Join(dir, name)
		var st unix.Stat_t
		if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if !errors.Is(err, fs.ErrNotExist) { // else it has gone meanwhile
				g.problem(p, false, err)
			}
			continue
		}
		file := statFile(p, &st)
		r.complete(g, &file, fd, name, &st)
		if !g.add(file, func() (io.Reader, error) { return r.content(fd, name) }) {
			return nil
		}
		if file.IsDir() && st.Dev == r.dev && p+"/" != ostreeStore {
			below = append(below, p)
		}
	}
	return below
}

// complete adds what stat does not tell.
func (r *diskRoot) complete(g *gatherer, f *File, fd int, name string, st *unix.Stat_t) {
	switch f.Mode.Type() {
	case fs.ModeSymlink:
		buf := make([]byte, max(st.Size, 255)+1)
		n, err := unix.Readlinkat(fd, name, buf)
		if err != nil {
			g.problem(f.Path, false, err)
			return
		}
		f.Link = string(buf[:n])
	case fs.ModeDir:
		if st.Dev != r.dev {
			f.ensure().has |= isMountPoint
		} else if r.overlay {
			if r.attr(fd, name, "overlay.opaque") == "y" {
				f.ensure().opaque = true
			}
			if r.attr(fd, name, "overlay.redirect") != "" {
				g.problem(f.Path, true, errors.New("is a directory that overlayfs redirects to another place of a lower layer, which is not followed"))
			}
		}
	case fs.ModeDevice | fs.ModeCharDevice:
		if r.overlay && st.Rdev == 0 {
			f.more = &more{whiteout: true}
		}
	case 0:
		if f.Mode&0o111 != 0 {
			if v := r.getxattr(fd, name, "security.capability"); v != "" {
				f.ensure().xattrs = map[string]string{"security.capability": v}
			}
		}
	}
}

// content opens a file, and refuses one that has been changed for something else.
func (r *diskRoot) content(fd int, name string) (io.Reader, error) {
	if r.overlay && r.attr(fd, name, "overlay.metacopy") != "" {
		return nil, errors.New("overlayfs keeps its content in a lower layer (metacopy), which is not followed")
	}
	file, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(file, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(file)
		return nil, errors.New("is no regular file any more")
	}
	return os.NewFile(uintptr(file), name), nil
}

// open opens a directory of the root.
func (r *diskRoot) open(dir string) (int, error) {
	rel := strings.TrimPrefix(dir, "/")
	if rel == "" {
		rel = "."
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat2(r.fd, rel, &unix.OpenHow{Flags: flags,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS})
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return fd, err
	}
	// Linux before 5.6, or a seccomp filter that does not know the call: one element at a time.
	fd, err = unix.Openat(r.fd, ".", flags, 0)
	for part := range strings.SplitSeq(rel, "/") {
		if err != nil || part == "." {
			continue
		}
		var next int
		next, err = unix.Openat(fd, part, flags, 0)
		unix.Close(fd)
		fd = next
	}
	return fd, err
}

// attr reads an attribute of overlayfs, which is in trusted, or for an ordinary user in user.
func (r *diskRoot) attr(fd int, name, attr string) string {
	if v := r.getxattr(fd, name, "trusted."+attr); v != "" {
		return v
	}
	return r.getxattr(fd, name, "user."+attr)
}

// getxattr goes by /proc, because no call takes a descriptor of the directory and does not follow the last name.
func (r *diskRoot) getxattr(fd int, name, attr string) string {
	var buf [256]byte
	n, err := unix.Lgetxattr("/proc/self/fd/"+strconv.Itoa(fd)+"/"+name, attr, buf[:])
	if err != nil || n <= 0 {
		return ""
	}
	return string(buf[:n])
}

func statFile(p string, st *unix.Stat_t) File {
	f := File{Path: p, UID: st.Uid, GID: st.Gid, Mode: fs.FileMode(st.Mode & 0o777)}
	for _, b := range unixBits {
		if int64(st.Mode)&b.unix != 0 {
			f.Mode |= b.mode
		}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.Size = st.Size
	case unix.S_IFDIR:
		f.Mode |= fs.ModeDir
	case unix.S_IFLNK:
		f.Mode |= fs.ModeSymlink
	case unix.S_IFCHR:
		f.Mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		f.Mode |= fs.ModeDevice
	case unix.S_IFIFO:
		f.Mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		f.Mode |= fs.ModeSocket
	}
	if f.Mode&fs.ModeDevice != 0 {
		f.ensure().dev = unix.Major(uint64(st.Rdev))<<8 | unix.Minor(uint64(st.Rdev))&0xff
	}
	return f
}
