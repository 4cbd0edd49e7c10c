package bootc

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// DriverSource is source code: files at hand, an archive or a commit.
type DriverSource struct {
	// FS holds the files, as in Tree. In JSON it stands in full.
	FS fs.FS
	// URL of a tar archive, http or https, compressed or not, and its Checksum, sha256:… in hex. Directories that it
	// has at its top stay: Driver.Dir leads into them.
	URL, Checksum string
	// Git is the address of a repository, http or https, and Commit the full name of a commit in it. The build stage
	// installs git.
	Git, Commit string
}

var (
	commitName = lazyregexp.New(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	tarName    = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9+._~-]*\.(tar(\.[a-z0-9]+)?|tgz|txz|tbz2?)$`)
)

func (s DriverSource) check() error {
	set := 0
	for _, is := range []bool{s.FS != nil, s.URL != "", s.Git != ""} {
		if is {
			set++
		}
	}
	if set != 1 {
		return Errorf("", "set one of FS, URL and Git")
	}
	var errs []error
	switch {
	case s.FS != nil:
		files, err := Tree{FS: s.FS}.list()
		if err != nil {
			errs = append(errs, &FieldError{"FS", err})
		} else if !slices.ContainsFunc(files, func(f treeFile) bool { return f.Mode.IsRegular() }) {
			errs = append(errs, Errorf("FS", "has no files"))
		}
	case s.URL != "":
		errs = append(errs, checkURL("URL", s.URL, "http", "https"))
		if name := path.Base(s.URL); !tarName.MatchString(name) {
			errs = append(errs, Errorf("URL", "%q is not the name of a tar archive, such as acme-1.2.tar.gz", name))
		}
		if !sha256Sum.MatchString(s.Checksum) {
			errs = append(errs, Errorf("Checksum", "%q is not sha256: and 64 hex digits", s.Checksum))
		}
	default:
		errs = append(errs, checkURL("Git", s.Git, "http", "https"))
		if !commitName.MatchString(s.Commit) {
			errs = append(errs, Errorf("Commit", "%q is not the full name of a commit: a branch or tag can be another one tomorrow", s.Commit))
		}
	}
	if s.Checksum != "" && s.URL == "" {
		errs = append(errs, Errorf("Checksum", "belongs to URL, which is empty"))
	}
	if s.Commit != "" && s.Git == "" {
		errs = append(errs, Errorf("Commit", "belongs to Git, which is empty"))
	}
	return join(errs)
}

// packages are what fetch needs in the stage.
func (s DriverSource) packages() []string {
	if s.Git != "" {
		return []string{"git"}
	}
	return nil
}

// fetch brings the source to sourceDir, by entries of the stage or by steps.
func (s DriverSource) fetch(d *Draft) ([]Entry, []containerfile.Step, error) {
	switch {
	case s.FS != nil:
		entries, err := Tree{Path: sourceDir, FS: s.FS}.entries(d)
		return entries, nil, err
	case s.URL != "":
		file := buildDir + "/" + path.Base(s.URL)
		return nil, []containerfile.Step{
			containerfile.Add{Sources: []string{containerfile.Literal(s.URL)}, Dest: file, Checksum: s.Checksum},
			containerfile.Run{Command: containerfile.Command{Shell: "mkdir " + sourceDir + " && tar -C " + sourceDir + " -xf " + words([]string{file})}},
		}, nil
	}
	return nil, []containerfile.Step{containerfile.Script(strings.Join([]string{
		"set -eu",
		"git init -q " + sourceDir,
		"cd " + sourceDir,
		"git fetch -q --depth 1 " + words([]string{s.Git}) + " " + s.Commit,
		"git checkout -q FETCH_HEAD",
	}, "\n") + "\n")}, nil
}

type driverSourceJSON struct {
	Files         []treeFile `json:",omitempty"`
	URL, Checksum string     `json:",omitempty"`
	Git, Commit   string     `json:",omitempty"`
}

// MarshalJSON writes the files in full.
func (s DriverSource) MarshalJSON() ([]byte, error) {
	v := driverSourceJSON{nil, s.URL, s.Checksum, s.Git, s.Commit}
	if s.FS != nil {
		var err error
		if v.Files, err = (Tree{FS: s.FS}).list(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *DriverSource) UnmarshalJSON(b []byte) error {
	var v driverSourceJSON
	if err := decodeStrictly(b, &v); err != nil {
		return err
	}
	*s = DriverSource{nil, v.URL, v.Checksum, v.Git, v.Commit}
	if v.Files != nil {
		if err := checkTreeFiles(v.Files); err != nil {
			return err
		}
		s.FS = treeFS{v.Files}
	}
	return nil
}
