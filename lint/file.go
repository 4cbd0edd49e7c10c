package lint

import (
	"io/fs"
	"path"
)

// File is one entry of a layer or root file system: a regular file, directory, symbolic link or special file. Rules
// only read it.
type File struct {
	// Path is absolute and clean. It may hold any bytes but NUL.
	Path string
	// Link is the target of a symbolic link, as it stands there.
	Link string
	// Size of a regular file in bytes.
	Size int64
	// Mode has type, permissions and the setuid, setgid and sticky bits. A hard link has those of its target.
	Mode fs.FileMode
	// UID and GID are the owner's numbers.
	UID, GID uint32
	// Layer that the file comes from.
	Layer *Layer

	more *more
}

// more is what few files have.
type more struct {
	content  []byte
	digest   string
	hard     string // the path that a hard link was made to
	xattrs   map[string]string
	write    *Write // of the command that made the entry
	step     *Step  // of the Containerfile that an image's file was found to come from
	lines    [2]int // in the Containerfile, where they are narrower than the step
	fields   []string
	conf     Confidence
	has      has
	dev      uint32 // major<<8|minor, for tests and messages
	whiteout bool   // deletes what lower layers have at the path
	opaque   bool   // hides what lower layers have in the directory
}

type has uint8

const (
	hasContent   has = 1 << iota // content is whole
	hasPart                      // content is what a command adds to the file
	isMountPoint                 // something else is mounted there
	isCrossLink                  // a hard link to a file of another layer
	isLostLink                   // a hard link to nothing
)

var noMore more

func (f *File) extra() *more {
	if f.more == nil {
		return &noMore
	}
	return f.more
}

func (f *File) ensure() *more {
	if f.more == nil {
		f.more = &more{}
	}
	return f.more
}

// Name is the last element of the path.
func (f *File) Name() string { return path.Base(f.Path) }

// Dir is the path without its last element.
func (f *File) Dir() string { return path.Dir(f.Path) }

// IsRegular says whether it is a regular file, also by a hard link.
func (f *File) IsRegular() bool { return f.Mode.IsRegular() }

// IsDir says whether it is a directory.
func (f *File) IsDir() bool { return f.Mode.IsDir() }

// IsLink says whether it is a symbolic link.
func (f *File) IsLink() bool { return f.Mode.Type() == fs.ModeSymlink }

// Content returns the whole content of a regular file. ok is false if it is not known: no Want of the rule covers the
// file, it is larger than the Want allows, or a command of a Containerfile makes it in a way that nobody can foresee.
func (f *File) Content() (content []byte, ok bool) {
	m := f.extra()
	return m.content, m.has&hasContent != 0
}

// Text is Content as a string, for parsers. It is "" where the content is not known.
func (f *File) Text() string {
	content, ok := f.Content()
	if !ok {
		return ""
	}
	return string(content)
}

// Part returns what a command of a Containerfile adds to a file whose content is not known, for rules that look for words.
// It is also the whole content where that is known.
func (f *File) Part() []byte { return f.extra().content }

// Digest is sha256:… of the content where a Want asked for it, else "".
func (f *File) Digest() string { return f.extra().digest }

// HardLink is the path that a hard link names as its target, "" if the file is none. Only layers tell.
func (f *File) HardLink() string { return f.extra().hard }

// LinksOut says that the file is a hard link whose target is not in the same layer.
func (f *File) LinksOut() bool { return f.extra().has&(isCrossLink|isLostLink) != 0 }

// Xattr returns an extended attribute: security.capability, security.selinux. No others are kept.
func (f *File) Xattr(name string) (value string, ok bool) {
	value, ok = f.extra().xattrs[name]
	return value, ok
}

// Device returns the numbers of a character or block device.
func (f *File) Device() (major, minor uint32) {
	dev := f.extra().dev
	return dev >> 8, dev & 0xff
}

// Whiteout says that the entry of a layer is no file, but deletes what lower layers have at its path. A Tree has none.
func (f *File) Whiteout() bool { return f.extra().whiteout }

// Opaque says that the directory of a layer hides all that lower layers have in it.
func (f *File) Opaque() bool { return f.extra().opaque }

// MountPoint says that another file system is mounted there, which was not looked into.
func (f *File) MountPoint() bool { return f.extra().has&isMountPoint != 0 }

// Write is what a command of a Containerfile does to the file; nil if the entry is no command's.
func (f *File) Write() *Write { return f.extra().write }

// Derived says that the file comes from above the base image. It is true of all files where nobody knows what the base is.
func (f *File) Derived() bool { return f.Layer == nil || !f.Layer.Base }

// Finding returns a finding about the file: its path, layer, confidence and the place in the Containerfile that made it.
func (f *File) Finding(format string, args ...any) Finding {
	out := f.Layer.Finding(format, args...)
	out.Path = printable(f.Path)
	m := f.extra()
	if m.step != nil {
		out.Source = m.step.source()
	}
	out.Confidence = m.conf
	if out.Source != nil {
		if m.lines[0] > 0 {
			out.Source.Start, out.Source.End = m.lines[0], max(m.lines[0], m.lines[1])
		}
		if len(m.fields) > 0 {
			out.Source.Fields = m.fields
		}
	}
	return out
}

// Unreadable returns a finding of rule BL004: the file is not what it has to be, so that a rule cannot look into it.
func (f *File) Unreadable(err error) Finding {
	out := f.Finding("cannot be read: %v", err)
	out.Rule = idUnreadable
	return out
}
