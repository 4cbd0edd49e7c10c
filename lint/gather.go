package lint

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync/atomic"
)

// gathering is the one pass over all layers of a target.
type gathering struct {
	router   *router
	limits   Limits
	boundary bool // it is known which layers are the base's
	cache    *cache
	entries  atomic.Int64
	content  atomic.Int64
}

func newGathering(rules []Rule, limits Limits) *gathering {
	return &gathering{router: newRouter(rules), limits: limits.withDefaults()}
}

// gatherer fills one layer, or a part of it, in one goroutine.
type gatherer struct {
	*gathering
	router   *router
	layer    *Layer
	files    []File
	problems []problem
	full     bool   // a limit has been met
	scratch  []byte // for files that are looked through
}

func (g *gathering) layer(l *Layer) *gatherer {
	return &gatherer{gathering: g, router: g.router.fork(), layer: l}
}

// ostreeStore is where chunked base images have their objects (https://ostreedev.github.io/ostree-rs-ext/).
const ostreeStore = "/sysroot/ostree/repo/"

var (
	errEntries = errors.New("the image has more entries than the limit: the rest was not looked at")
	errContent = errors.New("the files that rules read are larger than the limit together: this one and others were not looked at")
)

// maxProblems of a layer are reported; a hostile one may have a million.
const maxProblems = 100

// problem notes what could not be read; part says that nothing is wrong with the image.
func (g *gatherer) problem(path string, part bool, err error) {
	if len(g.problems) < maxProblems {
		g.problems = append(g.problems, problem{path, err, part})
	}
}

// add puts an entry into the layer. open reads a regular file's content, of which it gives f.Size bytes; it is nil if the
// content is not known; what it returns is closed if it can be. False means that a limit has been met and the source may stop.
func (g *gatherer) add(f File, open func() (io.Reader, error)) bool {
	if g.full {
		return false
	}
	if g.entries.Add(1) > int64(g.limits.Entries) {
		g.full = true
		g.problem("", true, errEntries)
		return false
	}
	if err := checkLength(f.Path); err != nil {
		g.problem(f.Path, false, err)
		return true
	}
	f.Layer = g.layer
	if f.IsRegular() && open != nil && f.HardLink() == "" && !f.Whiteout() {
		g.read(&f, open)
	}
	g.files = append(g.files, f)
	return true
}

// read takes what rules want from a file.
func (g *gatherer) read(f *File, open func() (io.Reader, error)) {
	n := sum(g.router.wants(f.Path, f.Mode, g.boundary && !f.Layer.Base))
	if n.none() {
		return
	}
	g.fill(f, n, open)
}

func (g *gatherer) fill(f *File, n need, open func() (io.Reader, error)) {
	keep := n.max > 0 && f.Size <= n.max
	if n.max > 0 && !keep && n.loud {
		g.problem(f.Path, true, fmt.Errorf("has %d bytes, more than the %d up to which it is read", f.Size, n.max))
	}
	try := !keep && slices.ContainsFunc(n.having, func(w Want) bool { return f.Size <= w.max() })
	if !keep && !try && !n.digest {
		return
	}
	if keep && !g.room(f) {
		return
	}
	r, err := open()
	if err != nil {
		g.problem(f.Path, false, cause(err))
		return
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	hash := sha256.New()
	if n.digest {
		r = io.TeeReader(r, hash)
	}
	var content []byte
	switch {
	case keep:
		content = make([]byte, f.Size)
		_, err = io.ReadFull(r, content)
	case try:
		g.scratch = slices.Grow(g.scratch[:0], int(f.Size))[:f.Size]
		_, err = io.ReadFull(r, g.scratch)
	default:
		_, err = io.CopyN(io.Discard, r, f.Size)
	}
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		g.problem(f.Path, false, cause(err))
		return
	}
	if try && n.keeps(g.scratch) && g.room(f) {
		content, keep = slices.Clone(g.scratch), true
	}
	if keep {
		m := f.ensure()
		m.content = content
		m.has |= hasContent
	}
	if n.digest {
		f.ensure().digest = "sha256:" + hex.EncodeToString(hash.Sum(nil))
	}
}

// room says whether the content of one more file may be kept.
func (g *gatherer) room(f *File) bool {
	if g.content.Add(f.Size) <= g.limits.Content {
		return true
	}
	g.content.Add(-f.Size)
	g.problem(f.Path, true, errContent)
	return false
}

// done puts what was gathered into the layer, by path. Of entries with the same path the last one counts, as it does when the layer is unpacked; a
// whiteout together with an entry means that only what is below goes.
func (g *gatherer) done() {
	g.layer.problems = g.problems
	files := sorted(g.files)
	out := files[:0]
	for i := 0; i < len(files); {
		j, whiteout, opaque := i, false, false
		var last *File
		for ; j < len(files) && files[j].Path == files[i].Path; j++ {
			f := &files[j]
			switch {
			case f.Whiteout() && f.Opaque():
				opaque = true
			case f.Whiteout():
				whiteout = true
			default:
				last = f
			}
		}
		switch {
		case last == nil && opaque: // a directory of which the layer has nothing but the mark
			f := files[i]
			f.Mode = fs.ModeDir | 0o755
			f.more = &more{opaque: true}
			out = append(out, f)
		case last == nil:
			out = append(out, files[j-1])
		default:
			f := *last
			if f.IsDir() && (opaque || whiteout) {
				f.ensure().opaque = true
			}
			out = append(out, f)
		}
		i = j
	}
	clear(files[len(out):])
	g.layer.Files = out
	for i := range out {
		out[i].Layer = g.layer
	}
}

// sorted sorts by path; entries of the same path stay in their order.
func sorted(files []File) []File {
	if slices.IsSortedFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) }) {
		return files
	}
	order := make([]int32, len(files)) // cheaper to move about than files
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(strings.Compare(files[a].Path, files[b].Path), cmp.Compare(a, b))
	})
	out := make([]File, len(files))
	for i, n := range order {
		out[i] = files[n]
	}
	return out
}

// cleanPath makes the name of a tar entry absolute. ok is false if it leads out of the root.
func cleanPath(name string) (p string, ok bool) {
	if strings.Contains(name, "..") {
		for part := range strings.SplitSeq(name, "/") {
			if part == ".." {
				return path.Clean("/" + name), false
			}
		}
	}
	return path.Clean("/" + name), true
}

// cause takes off a fs.PathError, whose path is one of this machine.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
