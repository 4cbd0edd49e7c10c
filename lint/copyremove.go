package lint

import (
	"path"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// wasted is from what size on it is worth to say that a layer has a file which no device sees.
const wasted = 1 << 20

// copyThenRemove looks for files that a COPY or ADD brings and a later RUN deletes, moves away or hides.
func copyThenRemove(f *Facts, found func(Finding)) {
	if f.Build == nil {
		return
	}
	for _, from := range f.Build.Steps {
		if !from.InImage || from.Layer == nil || !brings(from) {
			continue
		}
		told := map[*Step]bool{} // about files without a secret once for each pair of steps
		for i := range from.Layer.Files {
			file := &from.Layer.Files[i]
			if !file.IsRegular() {
				continue
			}
			by := remover(f.Build, from, file.Path)
			if by == nil {
				continue
			}
			what, sure := secretName(file)
			if list := findSecrets(file.Part()); !sure && len(list) > 0 {
				what, sure = list[0].what, true
			}
			known := file.extra().conf == Certain
			switch {
			case sure: // each of them
				found(file.Finding("brings %s, and line %d deletes the file: it stays in the layer, and everyone who can pull the image has it", what, by.Line).
					Showing(by.Text).Fixed("RUN --mount=type=secret,id=NAME in the place of COPY shows it to the command and to nobody else"))
				continue
			case told[by.Step]:
				continue
			case what != "" || !known && sensitive(file.Name()):
				found(file.Finding("brings a file that line %d deletes: it stays in the layer, and if it has a secret everyone who can pull the image has that", by.Line).
					As(Warning).Unsure(Possible).Showing(by.Text).Fixed("RUN --mount=type=bind or, for a secret, --mount=type=secret in the place of COPY"))
			case file.Size >= wasted:
				found(file.Finding("brings a file that line %d deletes: devices download its %s all the same", by.Line, sizeOf(file.Size)).
					As(Note).Showing(by.Text).Fixed("RUN --mount=type=bind,source=%s,target=%s in the place of COPY", file.Name(), printable(file.Path)))
			}
			told[by.Step] = true
		}
	}
}

// brings says whether the step is one that copies files into the image.
func brings(s *Step) bool {
	switch s.Step.(type) {
	case containerfile.Copy, containerfile.Add:
		return true
	}
	return false
}

// remover is the command of a later step that takes the file away.
func remover(b *Build, from *Step, p string) *Command {
	after := false
	for _, s := range b.Steps {
		if s == from {
			after = true
			continue
		}
		if !after || !s.InImage {
			continue
		}
		for _, c := range s.Commands {
			for i := range c.Writes {
				w := &c.Writes[i]
				if w.Op == Move && w.From == p || w.Op == Remove && w.takes(p) {
					return c
				}
			}
		}
	}
	return nil
}

// takes says whether a deletion is of the file, or of a directory that it is in.
func (w *Write) takes(p string) bool {
	if !w.Glob {
		return w.Path == p || w.Below && under(p, w.Path)
	}
	g, err := compileGlob(w.Path)
	if err != nil {
		return false
	}
	for ; p != ""; p = parent(p) {
		if g.match(p) {
			return true
		}
		if !w.Below {
			break
		}
	}
	return false
}

// sensitive says whether a name is such as files with secrets often have.
func sensitive(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json", ".env", ".key", ".pem", ".p12", ".pfx", ".conf", ".cfg", ".toml":
		return true
	}
	return secretVariable(strings.TrimSuffix(name, path.Ext(name))) || strings.HasPrefix(name, ".env")
}
