package diskimage

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// File is a file in the disk. It is there for good: no update of the image changes it. Allowed are paths in /etc (but for
// fstab, passwd, shadow and group), /root, /usr/local/bin and /usr/local/sbin.
type File struct {
	// Path is absolute.
	Path string
	// Content is text; the zero value is the empty file.
	Content bootc.Content `json:",omitzero"`
	// Secret names a secret of BuildOptions.Secrets that is the content instead. In the disk it is like any other file.
	Secret string `json:",omitzero"`
	// Mode has permissions up to 0777; the zero value is 0644.
	Mode fs.FileMode `json:",omitzero"`
	// User and Group are names in the image or numbers; the zero values are root.
	User  string `json:",omitzero"`
	Group string `json:",omitzero"`
}

// Directory is a directory in the disk, in /etc.
type Directory struct {
	// Path is absolute.
	Path string
	// Mode has permissions up to 0777; the zero value is 0755.
	Mode fs.FileMode `json:",omitzero"`
	// User and Group are names in the image or numbers; the zero values are root.
	User  string `json:",omitzero"`
	Group string `json:",omitzero"`
	// Parents makes the directories above it too.
	Parents bool `json:",omitzero"`
}

// pathPolicy allows what is at or below a path, or with deny takes it out again; the longest match decides. It is the policy
// for bootc images in pkg/policies of osbuild's image-builder.
type pathPolicy struct {
	allow, deny []string
}

var (
	filePolicy      = pathPolicy{[]string{"/etc", "/root", "/usr/local/bin", "/usr/local/sbin"}, []string{"/etc/fstab", "/etc/shadow", "/etc/passwd", "/etc/group"}}
	directoryPolicy = pathPolicy{allow: []string{"/etc"}}
)

func (p pathPolicy) check(field, what, name string) error {
	if !cleanPath(name) {
		return bootc.Errorf(field, "%q is not a clean absolute path", name)
	}
	in := func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
	if slices.ContainsFunc(p.deny, in) || !slices.ContainsFunc(p.allow, in) {
		text := fmt.Sprintf("a disk can have %s of its own in %s", what, strings.Join(p.allow, ", "))
		if len(p.deny) > 0 {
			text += ", but not " + strings.Join(p.deny, ", ")
		}
		return bootc.Errorf(field, "%s is not allowed: %s; put it into the image", name, text)
	}
	return nil
}

// cleanPath says whether the tool takes a path: absolute, canonical, not the root.
func cleanPath(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && p != "/" && utf8.ValidString(p) && !strings.ContainsAny(p, "\x00\n\r")
}

func (s Spec) checkFiles() []error {
	var errs []error
	kind := map[string]string{} // of each path
	put := func(at, name, what string) {
		if kind[name] != "" {
			errs = append(errs, bootc.Errorf(at+".Path", "%s is there twice", name))
		}
		kind[name] = what
	}
	for i, d := range s.Directories {
		at := fmt.Sprintf("Directories[%d]", i)
		errs = append(errs, directoryPolicy.check(at+".Path", "directories", d.Path), checkMode(at+".Mode", d.Mode),
			checkOwner(at+".User", userName, d.User), checkOwner(at+".Group", groupName, d.Group))
		put(at, d.Path, "directory")
	}
	for i, f := range s.Files {
		at := fmt.Sprintf("Files[%d]", i)
		errs = append(errs, filePolicy.check(at+".Path", "files", f.Path), checkMode(at+".Mode", f.Mode),
			checkOwner(at+".User", userName, f.User), checkOwner(at+".Group", groupName, f.Group), f.checkContent(at))
		put(at, f.Path, "file")
	}
	above := func(at, name string) {
		for dir := path.Dir(name); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if kind[dir] == "file" {
				errs = append(errs, bootc.Errorf(at+".Path", "%s cannot be in %s, which is a file", name, dir))
			}
		}
	}
	for i, d := range s.Directories {
		above(fmt.Sprintf("Directories[%d]", i), d.Path)
	}
	for i, f := range s.Files {
		above(fmt.Sprintf("Files[%d]", i), f.Path)
	}
	return errs
}

func (f File) checkContent(at string) error {
	data, err := f.Content.ReadAll()
	switch {
	case err != nil:
		return &bootc.FieldError{Path: at + ".Content", Err: err}
	case f.Secret != "" && len(data) > 0:
		return bootc.Errorf(at+".Secret", "there is Content as well: set one of them")
	case !utf8.Valid(data):
		return bootc.Errorf(at+".Content", "is not UTF-8 text, and the tool takes nothing else: put binaries into the image")
	}
	return nil
}

func checkMode(field string, m fs.FileMode) error {
	if m&^fs.ModePerm != 0 {
		return bootc.Errorf(field, "%#o is not a mode that the tool takes: permissions up to 0777", uint32(m))
	}
	return nil
}

// The names that pkg/customizations/fsnode of osbuild's image-builder takes.
var (
	userName  = lazyregexp.New(`^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,31}$`)
	groupName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$`)
)

func checkOwner(field string, names *lazyregexp.Regexp, owner string) error {
	if owner == "" || names.MatchString(owner) {
		return nil
	}
	return bootc.Errorf(field, "%q is neither a name nor a number", owner)
}

// ownerValue is a number where the tool should take it as one.
func ownerValue(s string) any {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return n
	}
	if s == "" {
		return nil
	}
	return s
}
