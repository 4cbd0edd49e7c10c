package bootc

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Packages installs and removes packages with the base's own tool. All Packages features of a Spec become one
// transaction in one RUN, which fails if a package does not exist, cannot be verified or cannot be installed.
// What the tool leaves behind (metadata, downloads, logs, dnf's history) is removed in the same step; the package
// database stays. The image ends with one kernel: packages that bring a second one, as weak dependencies do at times, are
// an error. If they change what the initramfs has copies of, it is made anew in the same step; see Initramfs and Kernel.
// Services do not start during the step. SSH host keys that apt's openssh-server makes are removed too,
// and ssh.service gets a drop-in by which each machine makes its own.
//
// The step gives the same bytes each time, as long as the repositories serve the same packages and their scripts keep
// to SOURCE_DATE_EPOCH, as rpm 4.20 and systemd-sysusers do. A release of rpm that does not know it writes the time of
// installation into its database, and the layer has a new digest each time that the step really runs.
type Packages struct {
	// Install names packages. For dnf: name, name-version-release[.arch], @group, /path/to/a/file or a provide such
	// as perl(Digest); for apt: name[:arch], optionally with =version or /suite. Patterns are refused: what they
	// match changes from day to day.
	Install []string `json:",omitzero"`
	// Remove names packages that the image must not have; for dnf * and ? match any text and any letter. They
	// go before others come, so that a package can be replaced by one that conflicts with it. Naming one that is
	// not installed is no error.
	Remove []string `json:",omitzero"`
	// Files are packages to install that no repository serves. They are mounted for the step: no layer has them.
	Files []PackageFile `json:",omitzero"`
	// NoWeakDeps leaves out what packages merely recommend (dnf: install_weak_deps=False, apt:
	// --no-install-recommends). Asked for once it counts for the whole transaction. The zero value leaves the choice
	// to the base's configuration.
	NoWeakDeps bool `json:",omitzero"`
	// KeepCache keeps metadata and downloads in a cache mount of the engine, for the next build. The image does not
	// have them. Asked for once it counts for the whole transaction.
	KeepCache bool `json:",omitzero"`
}

// PackageFile is an .rpm or .deb, at an address or at hand. The tools do not check signatures of packages that no
// repository serves; what makes one the right one is the checksum, or that the caller has it.
type PackageFile struct {
	// URL of the file, http or https, and Checksum, sha256:… in hex.
	URL      string `json:",omitzero"`
	Checksum string `json:",omitzero"`
	// Name and Content of the file, instead of URL and Checksum.
	Name    string  `json:",omitzero"`
	Content Content `json:",omitzero"`
}

// Install adds packages; see Packages.Install.
func (s Spec) Install(names ...string) Spec { return s.With(Packages{Install: names}) }

// Remove removes packages; see Packages.Remove.
func (s Spec) Remove(names ...string) Spec { return s.With(Packages{Remove: names}) }

var (
	dnfName     = lazyregexp.New(`^(@\^?[A-Za-z0-9][A-Za-z0-9_-]*|/[A-Za-z0-9._/+-]+|[A-Za-z0-9_][A-Za-z0-9+._~^:-]*(\([A-Za-z0-9+._~^:-]*\))*)$`)
	dnfPattern  = lazyregexp.New(`^[A-Za-z0-9_*?][A-Za-z0-9+._~^:*?-]*$`)
	aptName     = lazyregexp.New(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+.](:[a-z0-9-]+)?([=/][A-Za-z0-9][A-Za-z0-9.+:~-]*)?$`)
	sha256Sum   = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)
	plainWord   = lazyregexp.New(`^[A-Za-z0-9@%+=:,./_-]+$`)
	packageFile = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9+._~^-]*\.(rpm|deb)$`)
)

// Contribute checks the names against the base's tool and joins the transaction.
func (p Packages) Contribute(d *Draft) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	var errs []error
	for i, name := range p.Install {
		errs = append(errs, checkPackage(tool, indexed("Install", i), name, false))
	}
	for i, name := range p.Remove {
		errs = append(errs, checkPackage(tool, indexed("Remove", i), name, true))
		for _, other := range d.packages {
			if slices.Contains(other.value.Install, name) {
				errs = append(errs, Errorf(indexed("Remove", i), "%s is installed by %s", name, other.features[0]))
			}
		}
		if slices.Contains(p.Install, name) {
			errs = append(errs, Errorf(indexed("Remove", i), "%s is in Install as well", name))
		}
	}
	for i, name := range p.Install {
		for _, other := range d.packages {
			if slices.Contains(other.value.Remove, name) {
				errs = append(errs, Errorf(indexed("Install", i), "%s is removed by %s", name, other.features[0]))
			}
		}
	}
	for i, f := range p.Files {
		errs = append(errs, within(indexed("Files", i), f.check(tool))...)
		for _, other := range d.packages {
			if slices.ContainsFunc(other.value.Files, func(o PackageFile) bool { return o.file() == f.file() }) {
				errs = append(errs, Errorf(indexed("Files", i), "%s has a file %s as well", other.features[0], f.file()))
			}
		}
	}
	err = join(errs)
	if err != nil {
		p.Files = nil // their mistakes have been told; the names still serve the checks of other features
	}
	d.packages = append(d.packages, intend(d, p))
	return err
}

func checkPackage(tool PackageTool, at, name string, remove bool) error {
	switch {
	case name == "":
		return Errorf(at, "the name is empty")
	case strings.Contains(name, "://"):
		return Errorf(at, "%q is an address: put it into Files, with its checksum", name)
	case tool == APT && (!aptName.MatchString(name) || remove && strings.ContainsAny(name, "=/")):
		form := "name[:arch][=version] or name[:arch]/suite"
		if remove {
			form = "name[:arch]"
		}
		return Errorf(at, "%q is not a package as apt has them: %s, without patterns", name, form)
	case tool != APT && !dnfName.MatchString(name) && (!remove || !dnfPattern.MatchString(name)):
		return Errorf(at, "%q is not a package as dnf has them: name[-version-release][.arch], @group, /path or a provide", name)
	}
	return nil
}

func (f PackageFile) check(tool PackageTool) error {
	var errs []error
	if (f.URL == "") == (f.Name == "") {
		return Errorf("", "set URL and Checksum, or Name and Content")
	}
	field := "Name"
	if f.URL != "" {
		field = "URL"
		errs = append(errs, checkURL(field, f.URL, "http", "https"))
		if !sha256Sum.MatchString(f.Checksum) {
			errs = append(errs, Errorf("Checksum", "%q is not sha256: and 64 hex digits", f.Checksum))
		}
	} else if n, err := f.Content.Size(); err != nil {
		errs = append(errs, &FieldError{"Content", err})
	} else if n == 0 {
		errs = append(errs, Errorf("Content", "is empty"))
	}
	ext := ".rpm"
	if tool == APT {
		ext = ".deb"
	}
	if name := f.file(); !packageFile.MatchString(name) || !strings.HasSuffix(name, ext) {
		errs = append(errs, Errorf(field, "%s installs NAME%s, this is %q", tool, ext, name))
	}
	return join(errs)
}

// file is the name that the tool sees.
func (f PackageFile) file() string { return cmp.Or(f.Name, path.Base(f.URL)) }
