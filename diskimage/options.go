package diskimage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
	"github.com/bootloom/bootloom/registry"
)

// BuildOptions are the options of one build.
type BuildOptions struct {
	// Output is the file that the disk becomes. A file that is there is replaced when the new one is whole.
	Output string
	// Encoding compresses the file as a whole: "" for not, "gzip" or "zstd".
	Encoding string
	// Owner of the file, "uid" or "uid:gid" in numbers; empty for the current user.
	Owner string
	// Tool makes the disk; the zero value is BootcImageBuilder in DefaultImage.
	Tool Tool
	// Registry says how to reach the registry of the Source. Its OnEvent is not used.
	Registry registry.Client
	// Secrets has a value for each name that the Spec has.
	Secrets map[string]bootc.SecretValue
	// WorkDir is where the work is done, in a directory that is removed afterwards: on a file system with room (some twelve times the
	// compressed size of the image), that overlays can lie on. Empty for /var/tmp.
	WorkDir string
	// Stall is how long the tool may be silent before it is taken for dead; 0 for half an hour, negative for ever.
	Stall time.Duration
	// IgnoreFreeSpace starts also where the room will probably not do.
	IgnoreFreeSpace bool
	// OnEvent is told what happens, serially; nil is silence. The tool's pipelines and stages are steps, its output are logs.
	OnEvent func(bootc.Event)
}

const defaultStall = 30 * time.Minute

// owner is "uid" or "uid:gid" in numbers, as the tool's --chown takes it.
var owner = lazyregexp.New(`^\d{1,10}(:\d{1,10})?$`)

func (o BuildOptions) check(s Spec, manifest bool) []error {
	errs := o.Tool.check(s)
	if !manifest {
		if o.Output == "" {
			errs = append(errs, bootc.Errorf("BuildOptions.Output", "is empty: name the file that the disk becomes, such as edge%s", s.Format.Ext()))
		} else if info, err := os.Stat(filepath.Dir(o.Output)); err != nil {
			errs = append(errs, &bootc.FieldError{Path: "BuildOptions.Output", Err: err})
		} else if !info.IsDir() {
			errs = append(errs, bootc.Errorf("BuildOptions.Output", "%s is no directory", filepath.Dir(o.Output)))
		} else if info, err := os.Stat(o.Output); err == nil && !info.Mode().IsRegular() {
			errs = append(errs, bootc.Errorf("BuildOptions.Output", "%s is there, and is no regular file", o.Output))
		}
	}
	if !slices.Contains([]string{"", "gzip", "zstd"}, o.Encoding) {
		errs = append(errs, bootc.Errorf("BuildOptions.Encoding", "%q is unknown: want gzip or zstd", o.Encoding))
	}
	if o.Owner != "" && !owner.MatchString(o.Owner) {
		errs = append(errs, bootc.Errorf("BuildOptions.Owner", "%q is not uid or uid:gid in numbers", o.Owner))
	}
	if o.WorkDir != "" {
		if info, err := os.Stat(o.WorkDir); err != nil {
			errs = append(errs, &bootc.FieldError{Path: "BuildOptions.WorkDir", Err: err})
		} else if !info.IsDir() {
			errs = append(errs, bootc.Errorf("BuildOptions.WorkDir", "%s is no directory", o.WorkDir))
		} else if strings.ContainsAny(o.WorkDir, ":,") { // of podman's --volume
			errs = append(errs, bootc.Errorf("BuildOptions.WorkDir", "%q has a colon or comma, which podman takes for its own", o.WorkDir))
		}
	}
	return errs
}

// secret returns the value of a secret for a field; hashes are checked. Errors have no values.
func (o BuildOptions) secret(field, name string) (string, error) {
	v, ok := o.Secrets[name]
	if !ok {
		return "", bootc.Errorf(field, "BuildOptions.Secrets has no %q", name)
	}
	b, err := v.Resolve()
	if err != nil {
		return "", &bootc.FieldError{Path: field, Err: fmt.Errorf("secret %q: %w", name, err)}
	}
	text := string(b)
	if strings.HasSuffix(field, ".PasswordSecret") {
		text = strings.TrimRight(text, "\n") // files end in one
		if err := checkHash(field, text); err != nil {
			return "", err
		}
	}
	return text, nil
}

func (o BuildOptions) workDir() string {
	switch {
	case o.WorkDir != "":
		return o.WorkDir
	case runtime.GOOS == "linux":
		return "/var/tmp" // os.TempDir may be in memory
	}
	return os.TempDir()
}

func (o BuildOptions) stall() time.Duration {
	if o.Stall == 0 {
		return defaultStall
	}
	return o.Stall
}

// chown gives the file its owner.
func (o BuildOptions) chown(file string) error {
	if o.Owner == "" {
		return nil
	}
	u, g, ok := strings.Cut(o.Owner, ":")
	uid, err := strconv.Atoi(u)
	gid := -1
	if ok {
		var gerr error
		gid, gerr = strconv.Atoi(g)
		err = errors.Join(err, gerr)
	}
	if err != nil {
		return err
	}
	return os.Chown(file, uid, gid)
}

// hidden are the parts of a secret that must not show in output: each line, but for those too short to tell.
func hidden(value string) []string {
	var out []string
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); len(line) >= 8 {
			out = append(out, line)
		}
	}
	return out
}
