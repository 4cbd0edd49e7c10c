package buildah

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

// Options say where an engine keeps its things and how it builds. Root is required; every other field has a zero
// value that works.
type Options struct {
	// Root is the directory that holds the engine's store, images, caches and temporary files. It is made if it
	// is missing. Several engines, also of several processes, may share one Root. Engine.Prune keeps it in bounds. With
	// the driver overlay its path has no comma, colon or backslash, and neither has that of TempDir.
	Root string
	// RunRoot holds what need not survive a restart of the machine; it should be on a tmpfs, so that a full disk
	// does not stop the engine from tidying up. Empty for a directory named after Root in /run/bootloom, or in
	// $XDG_RUNTIME_DIR/bootloom for an ordinary user.
	RunRoot string
	// TempDir holds the large temporary files of a build; empty for Root/tmp.
	TempDir string
	// Registry says how to reach the registries that bases come from. Its zero value uses the logins of the
	// current user.
	Registry registry.Client
	// Policy decides which bases may be used; nil accepts all of them.
	Policy *Policy
	// Isolation says how RUN steps run; empty for Chroot.
	Isolation Isolation
	// Runtime is the OCI runtime for the isolation OCI: a path, or a name in $PATH. Empty for runc, or crun.
	Runtime string
	// Compression of the layers that a build adds; empty for bootc.Gzip. Layers of the base stay as they are.
	Compression bootc.Compression
	// Driver is the driver of containers/storage; empty for overlay.
	Driver string
	// NoLayerCache makes one layer of each build stage instead of one for each step, and so keeps nothing that a
	// later build could start from.
	NoLayerCache bool
	// Cache is shared with engines of other machines; the zero value is none.
	Cache Cache
	// Lint checks each plan before it is built, and the layers of the image before it is made of them; a build with findings
	// from Lint.FailOn on fails with a *lint.FindingsError, and nothing of it is left. The zero value runs all rules and
	// fails on errors. Lint.Cache empty is a directory in Root. A build that the engine has done before is not linted
	// again.
	Lint lint.Linter
	// SkipLint builds without any check.
	SkipLint bool
	// OnReport is told what Lint found: of the plan, then of the image; nil is silence. Builds that run at once call it at once.
	// Findings that do not fail a build are events as well, of the kind EventWarning, but for notes and what is in the base's
	// layers.
	OnReport func(lint.Report)
	// NoDirect has the builder do every step. The zero value leaves to it what has to run, and adds files and labels that
	// come after the last such step by package bootc/direct: a plan without one needs no root, and its base is not even
	// pulled. The image is the same but for the digests of its layers.
	NoDirect bool
	// Tune changes buildah's own options before each build. It is called in this process with the engine's
	// settings; the build runs in another one, so only plain data gets there: setting a function, a writer or a
	// context there is an error of Build. It implies NoDirect. Outside the compatibility promise of this module.
	Tune Tune

	cacheKey []byte // what Cache.Key has
}

// Policy is a signature policy as containers-policy.json(5) has it. A base it does not accept is refused, by an error
// for which errors.Is(err, ErrUntrusted) holds, before any step runs.
type Policy struct {
	// JSON is the content of a policy.json.
	JSON []byte
	// Registries are the contents of files in registries.d by their name, such as "acme.yaml"
	// (containers-registries.d(5)). nil for one that looks for sigstore signatures in the base's own repository
	// (use-sigstore-attachments).
	Registries map[string][]byte
}

// Isolation says how RUN steps run.
type Isolation string

// The isolations.
const (
	// Chroot runs steps in a chroot with few capabilities inside the worker's namespaces. It needs no other
	// program, but cgo. Steps share the host's network.
	Chroot Isolation = "chroot"
	// OCI runs steps through an OCI runtime, on the host's network.
	OCI Isolation = "oci"
)

// check completes o, or says what is wrong with it.
func (o Options) check() (Options, error) {
	var errs []error
	abs := func(name string, p *string) {
		if *p == "" {
			return
		}
		a, err := filepath.Abs(*p)
		if err != nil {
			errs = append(errs, bootc.Errorf("Options."+name, "%w", err))
		}
		*p = a
	}
	if o.Root == "" {
		errs = append(errs, bootc.Errorf("Options.Root", "is empty: name a directory that the engine may fill"))
	}
	abs("Root", &o.Root)
	abs("RunRoot", &o.RunRoot)
	abs("TempDir", &o.TempDir)
	for _, dir := range []struct{ name, path string }{{"Root", o.Root}, {"TempDir", o.TempDir}} {
		if strings.ContainsAny(dir.path, `,:\`) && (o.Driver == "" || o.Driver == "overlay") {
			errs = append(errs, bootc.Errorf("Options."+dir.name, "%q has a comma, a colon or a backslash, which overlayfs does not take in a path: choose another directory", dir.path))
		}
	}
	if o.RunRoot == "" {
		o.RunRoot = defaultRunRoot(o.Root)
	}
	if o.TempDir == "" {
		o.TempDir = filepath.Join(o.Root, "tmp")
	}
	switch o.Isolation {
	case "":
		o.Isolation = Chroot
	case Chroot, OCI:
	default:
		errs = append(errs, fmt.Errorf("Options.Isolation: %q is neither %q nor %q", o.Isolation, Chroot, OCI))
	}
	switch o.Compression {
	case "":
		o.Compression = bootc.Gzip
	case bootc.Gzip, bootc.Zstd:
	default:
		errs = append(errs, fmt.Errorf("Options.Compression: %q is neither %q nor %q", o.Compression, bootc.Gzip, bootc.Zstd))
	}
	if o.Lint.Cache == "" {
		o.Lint.Cache = filepath.Join(o.Root, "cache", "lint")
	}
	if _, err := o.Lint.Wants(); err != nil && !o.SkipLint {
		errs = append(errs, bootc.Errorf("Options.Lint", "%w", err))
	}
	if o.Driver == "" {
		o.Driver = "overlay"
	}
	if o.Policy != nil && len(o.Policy.JSON) == 0 {
		errs = append(errs, errors.New("Options.Policy.JSON is empty: leave Policy nil to accept every base"))
	}
	var err error
	if o.cacheKey, err = o.Cache.check(); err != nil {
		errs = append(errs, err)
	}
	return o, errors.Join(errs...)
}

// defaultRunRoot is the same for all processes of a user that share root.
func defaultRunRoot(root string) string {
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	dir := "/run"
	if uid := os.Geteuid(); uid != 0 {
		dir = os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = filepath.Join(os.TempDir(), "run-"+strconv.Itoa(uid))
		}
	}
	return filepath.Join(dir, "bootloom", digest.FromString(root).Encoded()[:16])
}
