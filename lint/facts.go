package lint

import (
	"iter"
	"slices"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// Facts is what is known about a target: all that rules get to see. One rule serves before and after the build, because a
// Spec and a Containerfile are brought into the same form as an image: layers of files.
type Facts struct {
	// Stages that the facts come from.
	Stages Stage
	// Root is the merged root file system. Before the build it has only what the Spec and the Containerfile add, and
	// Root.Whole is false. It is never nil.
	Root *Tree
	// Layers from the lowest. Before the build there is one for each step of the image's stages; a directory is one.
	Layers []*Layer
	// Build is the Containerfile, read to the bottom; nil if the target is an image or directory.
	Build *Build
	// Plan and Spec that the Containerfile comes from; nil if it was somebody else's.
	Plan *bootc.Plan
	Spec *bootc.Spec
	// Config of the image; before the build, what the Containerfile sets. It is nil for a directory.
	Config *Config
	// Previous are the facts about the image that this one replaces; nil unless the stage is InUpgrade.
	Previous *Facts
	// Managed are paths that something writes on devices; see Linter.Managed.
	Managed []string
	// Update is how devices get the next image, as far as the caller says.
	Update Update
	// Profiles that are on.
	Profiles []Profile
	// Now is the time that expiry is measured by.
	Now time.Time

	madeBy *Build // the Containerfile of an image
}

// At says whether the facts come from any of the stages.
func (f *Facts) At(s Stage) bool { return f.Stages&s != 0 }

// Files yields the files of Root that any of the patterns matches; see Want for patterns.
func (f *Facts) Files(patterns ...string) iter.Seq[*File] { return f.Root.Glob(patterns...) }

// Commands yields every command that the RUN steps of the image's stages run, in order. It yields nothing where there is
// no Containerfile.
func (f *Facts) Commands() iter.Seq[*Command] {
	return func(yield func(*Command) bool) {
		if f.Build == nil {
			return
		}
		for _, s := range f.Build.Steps {
			if !s.InImage {
				continue
			}
			for _, c := range s.Commands {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// BoundaryKnown says whether it is known which layers are the base's, so that File.Derived tells them apart.
func (f *Facts) BoundaryKnown() bool {
	if f.Build != nil {
		return true
	}
	for _, l := range f.Layers {
		if l.Base {
			return true
		}
	}
	return false
}

// inBase says whether the base has something at the path as well: a layer names the directories again in which it changes
// something.
func (f *Facts) inBase(path string) bool {
	return slices.ContainsFunc(f.Layers, func(l *Layer) bool {
		if !l.Base {
			return false
		}
		file := l.File(path)
		return file != nil && !file.Whiteout()
	})
}

// Finding returns a finding about the target as a whole.
func (f *Facts) Finding(format string, args ...any) Finding {
	out := Finding{Message: sprintf(format, args)}
	for _, s := range []Stage{InUpgrade, InConfig, InLayers, InRoot, InContainerfile, InSpec} {
		if f.At(s) {
			out.Stage = s
		}
	}
	return out
}
