package bootc

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Repo is a package repository: a .repo file in /etc/yum.repos.d for dnf (dnf.conf(5)), a deb822 file in
// /etc/apt/sources.list.d for apt (sources.list(5)). Say where it is by exactly one of BaseURL, Metalink, Mirrorlist,
// File and Existing. Signatures of packages are verified, unless InsecureNoGPGCheck says otherwise.
type Repo struct {
	// ID is the repository id of dnf and the name of the file: letters, digits, "-", "_", ".", ":".
	ID string
	// Name for people; the zero value is the ID.
	Name string `json:",omitzero"`

	// BaseURL are the addresses of the repository, all of the same content: http, https or file. dnf's variables
	// ($releasever, $basearch) expand.
	BaseURL []string `json:",omitzero"`
	// Metalink and Mirrorlist are addresses of lists of mirrors; dnf only.
	Metalink   string `json:",omitzero"`
	Mirrorlist string `json:",omitzero"`
	// File is the address of a ready .repo file, which then says all that the fields of this struct say otherwise,
	// also how packages are verified; dnf only. FileChecksum is sha256:… in hex of that file: without it the build
	// takes what is there on the day, and http is refused.
	File         string `json:",omitzero"`
	FileChecksum string `json:",omitzero"`
	// Existing enables the repository that the base has under ID for the package transaction of this build, as
	// --enablerepo does; the image keeps its setting. dnf only.
	Existing bool `json:",omitzero"`

	// Key is the OpenPGP public key that signs the packages (apt: the Release file), armored. It lands in
	// /etc/pki/rpm-gpg (dnf) or /usr/share/keyrings (apt).
	Key string `json:",omitzero"`
	// KeyFile is the path of a key that the base has, instead of Key.
	KeyFile string `json:",omitzero"`
	// InsecureNoGPGCheck installs packages that nobody signed. Over http anyone on the way can then put their own
	// software into the image.
	InsecureNoGPGCheck bool `json:",omitzero"`
	// InsecureSkipTLSVerify takes any certificate of the server; dnf only. For a private CA use CABundle with
	// BeforePackages instead.
	InsecureSkipTLSVerify bool `json:",omitzero"`

	// Priority of dnf: 1 to 99, the lowest wins; the zero value is dnf's own 99.
	Priority int `json:",omitzero"`
	// ModuleHotfixes makes dnf take packages from here although a module stream hides them.
	ModuleHotfixes bool `json:",omitzero"`
	// Suites, Components and Architectures of apt. A suite that ends in "/" is a path and has no components;
	// the zero value of Architectures is what dpkg has.
	Suites        []string `json:",omitzero"`
	Components    []string `json:",omitzero"`
	Architectures []string `json:",omitzero"`

	// BuildOnly removes the repository from the finished image, in its last step.
	BuildOnly bool `json:",omitzero"`
}

var (
	repoID  = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.:-]*$`)
	aptWord = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._/+-]*$`)
)

// Contribute puts the repository's files into the image before packages are installed.
func (r Repo) Contribute(d *Draft) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	var errs []error
	fail := func(field, format string, args ...any) { errs = append(errs, Errorf(field, format, args...)) }
	if !repoID.MatchString(r.ID) {
		fail("ID", "%q is not an id: letters, digits, -, _, . and :", r.ID)
	}
	ways := 0
	for _, set := range []bool{len(r.BaseURL) > 0, r.Metalink != "", r.Mirrorlist != "", r.File != "", r.Existing} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		fail("", "set exactly one of BaseURL, Metalink, Mirrorlist, File and Existing; %d are set", ways)
	}
	if strings.ContainsAny(r.Name, "\r\n") {
		fail("Name", "%q has a line break", r.Name)
	}
	for i, u := range r.BaseURL {
		errs = append(errs, checkURL(indexed("BaseURL", i), u, "http", "https", "file"))
	}
	for _, u := range []struct{ field, value string }{{"Metalink", r.Metalink}, {"Mirrorlist", r.Mirrorlist}, {"File", r.File}} {
		if u.value != "" {
			errs = append(errs, checkURL(u.field, u.value, "http", "https"))
		}
	}
	foreign := r.foreign(tool)
	for _, field := range sortedKeys(foreign) {
		if foreign[field] {
			fail(field, "has no meaning for %s, which the base uses", tool)
		}
	}
	if r.File != "" || r.Existing {
		errs = append(errs, r.checkReady())
	} else {
		errs = append(errs, r.checkKey())
	}
	if tool == APT {
		errs = append(errs, r.checkAPT())
	} else if r.Priority < 0 || r.Priority > 99 {
		fail("Priority", "%d is not 1 to 99", r.Priority)
	}
	if err := join(errs); err != nil {
		return err
	}
	if !r.Existing {
		r.put(d, tool)
	}
	d.repos = append(d.repos, intend(d, r))
	return nil
}

// foreign are the fields that the tool does not know, with whether they are set.
func (r Repo) foreign(tool PackageTool) map[string]bool {
	if tool == APT {
		return map[string]bool{"Metalink": r.Metalink != "", "Mirrorlist": r.Mirrorlist != "", "File": r.File != "",
			"Existing": r.Existing, "InsecureSkipTLSVerify": r.InsecureSkipTLSVerify, "Priority": r.Priority != 0, "ModuleHotfixes": r.ModuleHotfixes}
	}
	return map[string]bool{"Suites": len(r.Suites) > 0, "Components": len(r.Components) > 0, "Architectures": len(r.Architectures) > 0}
}

func (r Repo) checkReady() error {
	var errs []error
	if r.File != "" && r.FileChecksum == "" && !strings.HasPrefix(r.File, "https:") {
		errs = append(errs, Errorf("FileChecksum", "is needed, as the address is not https"))
	}
	if r.FileChecksum != "" && !sha256Sum.MatchString(r.FileChecksum) {
		errs = append(errs, Errorf("FileChecksum", "%q is not sha256: and 64 hex digits", r.FileChecksum))
	}
	if r.Key != "" || r.KeyFile != "" || r.InsecureNoGPGCheck || r.InsecureSkipTLSVerify || r.Priority != 0 || r.ModuleHotfixes {
		errs = append(errs, Errorf("", "the repository is described elsewhere: Key, KeyFile, Insecure…, Priority and ModuleHotfixes have no effect here"))
	}
	if r.Existing && r.BuildOnly {
		errs = append(errs, Errorf("BuildOnly", "an existing repository is enabled for the build only as it is"))
	}
	return join(errs)
}

func (r Repo) checkKey() error {
	switch {
	case r.InsecureNoGPGCheck && (r.Key != "" || r.KeyFile != ""):
		return Errorf("InsecureNoGPGCheck", "there is a key: use it, or leave it out")
	case r.InsecureNoGPGCheck:
		return nil
	case r.Key != "" && r.KeyFile != "":
		return Errorf("KeyFile", "set Key or KeyFile, not both")
	case strings.Contains(r.Key, "PRIVATE KEY"):
		return Errorf("Key", "this is a PRIVATE key: an image must never have it; export the public one")
	case r.KeyFile != "" && !plainPath(r.KeyFile):
		return Errorf("KeyFile", "%q is not a clean absolute path", r.KeyFile)
	case r.KeyFile != "":
		return nil
	case r.Key == "":
		return Errorf("Key", "is needed to verify the packages; InsecureNoGPGCheck does without")
	case !strings.Contains(r.Key, "-----BEGIN PGP PUBLIC KEY BLOCK-----"):
		return Errorf("Key", "is not an armored OpenPGP public key (-----BEGIN PGP PUBLIC KEY BLOCK-----)")
	}
	return nil
}

func (r Repo) checkAPT() error {
	var errs []error
	if len(r.Suites) == 0 {
		errs = append(errs, Errorf("Suites", "is needed, such as trixie, or ./ for a flat repository"))
	}
	for i, s := range r.Suites {
		if s != "./" && s != "/" && !aptWord.MatchString(s) {
			errs = append(errs, Errorf(indexed("Suites", i), "%q is not a suite", s))
		}
		if flat := strings.HasSuffix(s, "/"); flat == (len(r.Components) > 0) {
			errs = append(errs, Errorf("Components", "must be set for a suite, and must not for a path; %q ends in /: %t", s, flat))
		}
	}
	for i, s := range r.Components {
		if !aptWord.MatchString(s) {
			errs = append(errs, Errorf(indexed("Components", i), "%q is not a component", s))
		}
	}
	for i, s := range r.Architectures {
		if !aptWord.MatchString(s) {
			errs = append(errs, Errorf(indexed("Architectures", i), "%q is not an architecture", s))
		}
	}
	return join(errs)
}

func plainPath(p string) bool { return path.IsAbs(p) && path.Clean(p) == p && plainWord.MatchString(p) }

func checkURL(at, s string, schemes ...string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Scheme != "file" && u.Host == "" || strings.ContainsAny(s, " \t\r\n"):
		return Errorf(at, "%q is not an address: %s://…", s, strings.Join(schemes, ":// or "))
	case u.User != nil:
		return Errorf(at, "has a user or password, which everyone who has the image could read")
	}
	return nil
}
