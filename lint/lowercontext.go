package lint

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// sources puts files of the build context.
func (c *changes) sources(t *target, sources []string) {
	for _, source := range sources {
		source, known := c.step.Expand(source)
		if !known || c.context == nil {
			c.unknown(t, source, known)
			continue
		}
		pattern := strings.TrimPrefix(path.Clean("/"+source), "/")
		if pattern == "" {
			pattern = "."
		}
		names, err := fs.Glob(c.context, pattern)
		if err != nil || len(names) == 0 {
			c.unknown(t, source, known)
			continue
		}
		several := strings.ContainsAny(pattern, "*?[")
		for _, name := range names {
			if c.ignored(name) {
				continue
			}
			c.fromContext(t, name, t.isDir || several)
		}
	}
}

// fromContext puts a file, or what is in a directory.
func (c *changes) fromContext(t *target, name string, intoDir bool) {
	info, err := fs.Stat(c.context, name) // builders follow links of the context
	if err != nil {
		c.unknown(t, name, true)
		return
	}
	if !info.IsDir() {
		rel := ""
		if intoDir {
			rel = path.Base(name)
		}
		if t.parents {
			rel = name
		}
		c.contextFile(t, rel, name, info)
		return
	}
	count := 0
	err = fs.WalkDir(c.context, name, func(p string, d fs.DirEntry, err error) error {
		if count++; err != nil || count > c.limits.Entries {
			return errors.Join(err, fs.SkipAll)
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(p, name), "/")
		if name == "." {
			rel = p
		}
		if slices.ContainsFunc(t.exclude, func(x string) bool { ok, _ := path.Match(x, rel); return ok }) {
			return nil
		}
		info, err := d.Info()
		if err != nil || c.ignored(p) && !d.IsDir() { // a later pattern may take a file below back in
			return nil
		}
		if t.parents {
			rel = p
		}
		c.contextFile(t, rel, p, info)
		return nil
	})
	if err != nil {
		c.step.Opaque = true
	}
}

func (c *changes) contextFile(t *target, rel, name string, info fs.FileInfo) {
	v := &vfile{File: File{Mode: info.Mode() & (fs.ModeType | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)}}
	switch v.Mode.Type() {
	case 0:
		v.Size = info.Size()
		v.open = func() (io.Reader, error) {
			b, err := fs.ReadFile(c.context, name)
			return strings.NewReader(string(b)), err
		}
	case fs.ModeSymlink:
		v.Link, _ = fs.ReadLink(c.context, name)
	}
	c.put(t, rel, v)
}

// documents puts here-documents.
func (c *changes) documents(t *target, docs []containerfile.Heredoc) {
	for _, d := range docs {
		body := d.Body
		if d.StripTabs {
			lines := strings.SplitAfter(body, "\n")
			for i := range lines {
				lines[i] = strings.TrimLeft(lines[i], "\t")
			}
			body = strings.Join(lines, "")
		}
		v := &vfile{File: File{Mode: 0o644}}
		known := true
		if !d.Literal {
			body, known = c.step.Expand(body)
		}
		if known {
			v.fill([]byte(body))
		}
		rel := ""
		if t.isDir {
			rel = d.Name
		}
		c.put(t, rel, v)
	}
}
