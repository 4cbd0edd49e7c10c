package changes

import (
	"io/fs"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

// Report is what an update changes. What is empty does not change.
type Report struct {
	// From and To are the two images.
	From, To Image
	// Update is what a device downloads, as bootc.Diff has it.
	Update bootc.Update
	// OS is the name that the system has for itself: PRETTY_NAME of os-release.
	OS Value `json:",omitzero"`
	// Kernel is the version of the kernel, as its directory in /usr/lib/modules is called. Of an image with several, which
	// bootc does not boot, they stand side by side.
	Kernel Value `json:",omitzero"`
	// Kargs are the kernel arguments.
	Kargs Kargs `json:",omitzero"`
	// Packages by format, name and architecture.
	Packages []Package `json:",omitzero"`
	// Units of systemd, and files of quadlet, by name.
	Units []Unit `json:",omitzero"`
	// Users and Groups by name.
	Users, Groups []Account `json:",omitzero"`
	// Files by path.
	Files []File `json:",omitzero"`
	// Warnings are about what does not come out on a device as the images look.
	Warnings []string `json:",omitzero"`
}

// Empty says that a device would not see a difference. Its layers may differ all the same.
func (r Report) Empty() bool {
	return r.OS == (Value{}) && r.Kernel == (Value{}) && len(r.Kargs.Add)+len(r.Kargs.Remove) == 0 &&
		len(r.Packages)+len(r.Units)+len(r.Users)+len(r.Groups)+len(r.Files) == 0
}

// Image is one of the two.
type Image struct {
	// Name is its repository, or empty.
	Name     string `json:",omitzero"`
	Digest   digest.Digest
	Platform string
	// Version is its label org.opencontainers.image.version.
	Version string `json:",omitzero"`
}

// Value is something that each image has one of; empty where it has none.
type Value struct{ From, To string }

// Kind is a kind of change.
type Kind string

// The kinds.
const (
	Added      Kind = "added"
	Removed    Kind = "removed"
	Changed    Kind = "changed"
	Upgraded   Kind = "upgraded"   // of packages: to a newer version
	Downgraded Kind = "downgraded" // of packages: to an older version
)

// kind is that of what is empty where it is missing.
func kind[T comparable](from, to T) Kind {
	var none T
	switch {
	case from == none:
		return Added
	case to == none:
		return Removed
	}
	return Changed
}

// Kargs are kernel arguments that bootc adds to, and removes from, those of a device with the update.
type Kargs struct{ Add, Remove []string }

// Package is a package that comes, goes, or gets another version.
type Package struct {
	// Format is "rpm" or "deb".
	Format string
	Name   string
	Arch   string
	// From and To are versions as the package manager writes them, such as "1:2.0-3.el10"; empty where it is not installed.
	// Of a package that may be installed several times, such as a kernel, those that come and go have entries of their own.
	From, To string
	// Kind is Added, Removed, Upgraded or Downgraded.
	Kind Kind
	// Bytes is by how much the package's installed size grows, as its maker counts it.
	Bytes int64
}

// Unit is a unit of systemd that comes, goes, is enabled or disabled, or is edited. A file of quadlet, from which a unit is
// made on the device, counts as one.
type Unit struct {
	Name string
	// From and To are the states, as systemctl list-unit-files has them: enabled, disabled, static, indirect, masked, alias,
	// linked; quadlet for a file of quadlet; empty where there is no such unit.
	From, To string
	// Edited says that its file, or a drop-in of it, has changed.
	Edited bool `json:",omitzero"`
}

// Kind is that of the change: Added, Removed or Changed.
func (u Unit) Kind() Kind { return kind(u.From, u.To) }

// Account is a user or group that comes, goes or gets another number. It is in a passwd or group file of the image, or
// declared in sysusers.d.
type Account struct {
	Name string
	// From and To are its numbers: AnyNumber if each device picks one, empty where it does not exist.
	From, To string
}

// AnyNumber is the number of an account for which each device picks one when it first boots an image with it.
const AnyNumber = "any"

// Kind is that of the change: Added, Removed or Changed.
func (a Account) Kind() Kind { return kind(a.From, a.To) }

// File is a file that comes, goes or changes.
type File struct {
	// Path is absolute.
	Path string
	// From and To are what is there; zero where nothing is.
	From, To Stat `json:",omitzero"`
	// Package is the package of Report.Packages that brings the change: which has the file in its new or, if it goes, its old
	// version. It is empty for a file that was put into the image otherwise.
	Package string `json:",omitzero"`
}

// Kind is that of the change: Added, Removed or Changed.
func (f File) Kind() Kind { return kind(f.From, f.To) }

// Bytes is by how much the file grows.
func (f File) Bytes() int64 { return f.To.Size - f.From.Size }

// Stat is what an image says of a file.
type Stat struct {
	// Mode has type, permissions and the setuid, setgid and sticky bits.
	Mode     fs.FileMode
	UID, GID int
	// Size of a regular file, and SHA256 of its content.
	Size   int64  `json:",omitzero"`
	SHA256 string `json:",omitzero"`
	// Link is the target of a symbolic link.
	Link string `json:",omitzero"`
}
