//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.podman.io/buildah/define"
	"go.podman.io/buildah/imagebuildah"
	nettypes "go.podman.io/common/libnetwork/types"
	"go.podman.io/image/v5/types"
	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// build runs in the worker: base, steps, export.
func (w *worker) build(ctx context.Context) (*built, error) {
	var base *pulled
	names := map[string]string{}
	for _, f := range w.Froms {
		if f.Image == "" {
			continue
		}
		p, err := w.pull(ctx, f.Image)
		if err != nil {
			return nil, err
		}
		if f.Base {
			base = p
			if w.Digest != "" && w.Digest != p.Digest {
				return nil, &bootc.OpError{Op: "build", Ref: f.Image,
					Err: fmt.Errorf("%w: it has %s, the plan %s", bootc.ErrChanged, p.Digest, w.Digest)}
			}
		}
		names[f.Image] = p.Name
	}
	w.steps.hide(names)
	file, err := memfd(withNames(w.Containerfile, names))
	if err != nil {
		return nil, err
	}
	defer file.Close()

	w.emit(bootc.Event{Kind: bootc.EventStart, Op: "build", Ref: w.Ref, Platform: w.Platform})
	stdout := &lineWriter{line: func(text string) { w.line(text, false) }}
	stderr := &lineWriter{line: func(text string) { w.line(text, true) }}
	options := buildOptions(&w.request)
	options.SystemContext = w.system()
	options.SignaturePolicyPath = options.SystemContext.SignaturePolicyPath
	options.Log = w.steps.log
	options.Out, options.Err, options.ReportWriter = stdout, stderr, io.Discard
	options.In = strings.NewReader("")
	if err := w.Tuned.apply(&options); err != nil {
		return nil, err
	}
	id, _, err := imagebuildah.BuildDockerfiles(ctx, dated{w.store, w}, options, fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	stdout.flush()
	stderr.flush()
	if err != nil {
		return nil, &bootc.OpError{Op: "build", Ref: w.Ref, Err: &inStep{err}}
	}
	if len(w.Labels) > 0 {
		w.log("%s", containerfile.Instruction(w.Labels))
	}
	w.over()
	if err := w.submit(ctx, id, base); err != nil {
		return nil, err
	}
	result, err := w.export(ctx, id, base)
	if err != nil {
		return nil, err
	}
	w.emit(bootc.Event{Kind: bootc.EventDone, Op: "build", Ref: result.Image.Digest.String(), Platform: w.Platform})
	return result, nil
}

// buildOptions are the settings of a build that do not depend on the process it runs in.
func buildOptions(r *request) define.BuildOptions {
	os, arch, variant := splitPlatform(r.Platform)
	jobs := 1 // the step that runs is known by order alone
	o := define.BuildOptions{
		ContainerSuffix:  containerSuffix(r.Session),
		ContextDirectory: contextDir(r.Session),
		PullPolicy:       define.PullIfMissing,
		OutputFormat:     define.OCIv1ImageManifest,
		Platforms:        []struct{ OS, Arch, Variant string }{{os, arch, variant}},
		Isolation:        define.IsolationChroot,
		CommonBuildOpts: &define.CommonBuildOptions{
			Ulimit:        ulimits(),
			HTTPProxy:     true,
			IdentityLabel: types.OptionalBoolFalse,
		},
		Layers:                  !r.NoLayerCache,
		NoCache:                 r.NoCache,
		RemoveIntermediateCtrs:  true,
		ForceRmIntermediateCtrs: true,
		Jobs:                    &jobs,
		SourceDateEpoch:         &r.Epoch,
		RewriteTimestamp:        true,
		CreatedAnnotation:       types.OptionalBoolFalse,
		InheritAnnotations:      types.OptionalBoolUndefined,
		ConfigureNetwork:        define.NetworkDefault, // NetworkDisabled would also take away resolv.conf and hosts
		NetworkInterface:        noNetwork{},
		NamespaceOptions:        define.NamespaceOptions{{Name: "network", Host: true}},
		CDIConfigDir:            filepath.Join(r.Session.Run, "none"),
		DefaultMountsFilePath:   filepath.Join(r.Session.Run, "empty"),
	}
	if r.Isolation == OCI {
		o.Isolation, o.Runtime = define.IsolationOCI, r.Runtime
	}
	for id := range r.Secrets {
		o.CommonBuildOpts.Secrets = append(o.CommonBuildOpts.Secrets,
			"id="+id+",src="+filepath.Join(r.Session.Run, "secrets", id))
	}
	slices.Sort(o.CommonBuildOpts.Secrets)
	return o
}

func containerSuffix(p paths) string { return tempPrefix + p.ID }

func contextDir(p paths) string { return filepath.Join(p.Temp, "context") }

// ulimits keeps buildah from asking for more than this process may give away.
func ulimits() []string {
	var out []string
	for name, which := range map[string]int{"nofile": unix.RLIMIT_NOFILE, "nproc": unix.RLIMIT_NPROC} {
		var l unix.Rlimit
		if unix.Getrlimit(which, &l) == nil {
			hard := min(l.Max, 1<<20)
			out = append(out, fmt.Sprintf("%s=%d:%d", name, hard, hard))
		}
	}
	slices.Sort(out)
	return out
}

// memfd is a file that exists nowhere: a Containerfile may tell more than its image.
func memfd(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("Containerfile", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), "Containerfile")
	if _, err := f.Write(data); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// noNetwork keeps buildah from looking for the programs that set up a network: steps have the host's.
type noNetwork struct{ nettypes.ContainerNetwork }
