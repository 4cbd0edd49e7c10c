package lint

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// packageHistory is how a package tool looks in the history of an image.
var packageHistory = lazyregexp.New(`\b(dnf5?|yum|microdnf|apt|apt-get|zypper)\b[^;&|]*\b(install|reinstall|update|upgrade|groupinstall|swap)\b|\brpm\b[^;&|]* (-[a-zA-Z]*[iUF]|--install|--upgrade)`)

// byPackages returns a function that says of a file of an image whether it seems to come from a package: the layer was made by a step that
// installs some, and nothing in that step is seen to write the file. Who builds the image cannot mend such a file, so that rules about how
// things are done say nothing of it. Before the build it is false.
func byPackages() func(*File) bool {
	layers := map[*Layer]*packageLayer{}
	return func(file *File) bool {
		l := file.Layer
		if l == nil || l.stage&(InRoot|InLayers) == 0 || file.extra().step != nil {
			return false
		}
		p := layers[l]
		if p == nil {
			p = newPackageLayer(l)
			layers[l] = p
		}
		return p.installs && !slices.ContainsFunc(p.writes, func(w Write) bool { return under(file.Path, w.Path) })
	}
}

// packageLayer is what is known of how a layer was made.
type packageLayer struct {
	installs bool
	writes   []Write
}

func newPackageLayer(l *Layer) *packageLayer {
	p := &packageLayer{}
	if l.Step != nil { // which has told what files it makes
		p.installs = slices.ContainsFunc(l.Step.Commands, func(c *Command) bool { return packageVerb(c) != "" })
		return p
	}
	if p.installs = packageHistory.MatchString(l.CreatedBy); !p.installs {
		return p
	}
	_, script, ok := strings.Cut(l.CreatedBy, "/bin/sh -c ")
	if !ok {
		script = l.CreatedBy
	}
	commands, _ := ReadShell(script)
	for _, c := range commands {
		for _, w := range c.Writes {
			if w.Op != Remove && !w.Glob {
				p.writes = append(p.writes, w)
			}
		}
	}
	return p
}
