package lint

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// stateCover is what a device makes below /var by itself, where it is missing.
type stateCover struct {
	paths map[string]bool // what is there afterwards
	files map[string]bool // of them those with content: files and links
	trees []string        // that are copied with all that is below
}

// has says whether the path is made by itself.
func (c *stateCover) has(p string) bool {
	return c.paths[p] || slices.ContainsFunc(c.trees, func(t string) bool { return under(p, t) })
}

// copies says whether a file is written or copied there.
func (c *stateCover) copies(p string) bool {
	return c.files[p] || slices.ContainsFunc(c.trees, func(t string) bool { return under(p, t) })
}

// add notes a path, and the directories on the way, which systemd makes as well.
func (c *stateCover) add(t *Tree, p string) string {
	_, dir := t.Resolve(path.Dir(p))
	p = path.Join(dir, path.Base(p))
	for dir := p; dir != "" && !c.paths[dir]; dir = parent(dir) {
		c.paths[dir] = true
	}
	return p
}

// stateCover collects the lines of tmpfiles.d that make something, and the directories that units ask for.
func (f *Facts) stateCover() *stateCover {
	c := &stateCover{paths: map[string]bool{}, files: map[string]bool{}}
	links := stateLinks(f.Root)
	for _, l := range f.tmpfiles() {
		if l.path == "" || !l.creates() {
			continue
		}
		p := c.add(f.Root, links.of(l.path))
		switch l.kind {
		case 'C':
			c.trees = append(c.trees, p)
		case 'f', 'F', 'L':
			c.files[p] = true
		}
	}
	for _, u := range f.units() {
		if u.masked {
			continue
		}
		for key, dir := range stateDirectories {
			for _, s := range u.all("Service", key) {
				words, _, _ := sdWords(s.value, len(s.value), true)
				for _, w := range words {
					name, _, _ := strings.Cut(w, ":")
					if strings.Contains(name, "%") || name == "" {
						continue
					}
					c.add(f.Root, path.Join(dir, name))
					c.add(f.Root, path.Join(dir, "private", name)) // with DynamicUser=
				}
			}
		}
	}
	return c
}

// stateDirectories are the keys of services that name directories below /var (systemd.exec(5)).
var stateDirectories = map[string]string{"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log"}

// tmpfilesWord writes a path as a word of tmpfiles.d.
func tmpfilesWord(p string) string {
	var b strings.Builder
	for _, c := range []byte(p) {
		switch {
		case c == '%':
			b.WriteString("%%")
		case c <= ' ' || c == '\\' || c == '"' || c == '\'' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// makingLine is the line of tmpfiles.d that makes what is at a path: a directory or link.
func makingLine(file *File, users, groups map[uint32]string) string {
	if file.IsLink() {
		return "L " + tmpfilesWord(file.Path) + " - - - - " + printable(file.Link) + "\n"
	}
	return fmt.Sprintf("d %s %04o %s %s - -\n", tmpfilesWord(file.Path), unixMode(file.Mode), idName(file.UID, users), idName(file.GID, groups))
}

func idName(id uint32, names map[uint32]string) string {
	switch name, ok := names[id]; {
	case ok:
		return name
	case id == 0:
		return "root"
	}
	return strconv.FormatUint(uint64(id), 10)
}

// idNames reads the names of numbers from passwd or group, of /etc and of the image's own.
func idNames(t *Tree, file string) map[uint32]string {
	out := map[uint32]string{}
	for _, dir := range []string{"/usr/lib/", "/etc/"} {
		f := t.File(dir + file)
		if f == nil {
			continue
		}
		for line := range strings.Lines(f.Text()) {
			fields := strings.SplitN(line, ":", 4)
			if len(fields) < 3 {
				continue
			}
			if id, err := strconv.ParseUint(strings.TrimSpace(fields[2]), 10, 32); err == nil && userName.MatchString(fields[0]) {
				out[uint32(id)] = fields[0]
			}
		}
	}
	return out
}

// unixMode is a mode as chmod takes it.
func unixMode(m fs.FileMode) uint32 {
	out := uint32(m.Perm())
	for _, b := range unixBits {
		if m&b.mode != 0 {
			out |= uint32(b.unix)
		}
	}
	return out
}
