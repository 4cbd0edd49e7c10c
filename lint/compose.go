package lint

import "strings"

// compose lays upper over lower, both by path, as overlayfs shows them: whiteouts delete, opaque directories and files
// that take the place of a directory hide what is below them. It keeps whiteouts and marks, so that it is associative
// and layers can be put together in any grouping.
func compose(lower, upper []*File) []*File {
	out := make([]*File, 0, len(lower)+len(upper))
	var hidden prefixes
	for len(lower) > 0 || len(upper) > 0 {
		switch {
		case len(upper) == 0 || len(lower) > 0 && lower[0].Path < upper[0].Path:
			f := lower[0]
			lower = lower[1:]
			if !hidden.covers(f.Path) {
				out = append(out, f)
			}
			continue
		case len(lower) > 0 && lower[0].Path == upper[0].Path:
			f := upper[0]
			if cuts(lower[0]) && f.IsDir() && !f.Opaque() { // what is further down must not come back
				f = opaqued(f)
			}
			out = append(out, f)
			lower = lower[1:]
		default:
			out = append(out, upper[0])
		}
		hidden.add(upper[0])
		upper = upper[1:]
	}
	return out
}

// cuts says that the entry hides what lower layers have below its path.
func cuts(f *File) bool { return !f.IsDir() || f.Opaque() || f.Whiteout() }

// opaqued is a copy of the directory that hides what is further down as well.
func opaqued(f *File) *File {
	c := *f
	m := *c.extra()
	m.opaque = true
	c.more = &m
	return &c
}

// prefixes are the directories whose content is hidden, for a walk in byte order. That order is not the order of a
// tree: "a-b" comes between "a" and "a/b". But all that is below "a" is in one piece, so the list stays short.
type prefixes []string

func (p *prefixes) add(f *File) {
	if cuts(f) {
		*p = append(*p, strings.TrimSuffix(f.Path, "/"))
	}
}

// covers says whether path is below one of the directories. Paths must come in byte order: a directory is dropped once
// all that may be below it has passed.
func (p *prefixes) covers(path string) bool {
	for i := len(*p) - 1; i >= 0; i-- {
		top := (*p)[i]
		rest, ok := strings.CutPrefix(path, top)
		switch {
		case ok && strings.HasPrefix(rest, "/"):
			return true
		case ok && rest < "/" || path < top: // what is below it is yet to come
		case i == len(*p)-1:
			*p = (*p)[:i]
		}
	}
	return false
}

// merge is compose over all layers, in pairs, so that a hundred layers cost seven passes and not a hundred.
func merge(layers [][]*File) []*File {
	switch len(layers) {
	case 0:
		return nil
	case 1:
		return layers[0]
	}
	half := len(layers) / 2
	return compose(merge(layers[:half]), merge(layers[half:]))
}

// visible leaves out the whiteouts.
func visible(files []*File) []*File {
	out := files[:0:0]
	for _, f := range files {
		if !f.Whiteout() {
			out = append(out, f)
		}
	}
	return out
}
