//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/sirupsen/logrus"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
)

// File descriptors that a worker starts with, beside standard input and error.
const (
	outputFD = 3 // messages to the caller's process
	lockFD   = 4 // the session's lock, held until the worker is gone
)

// worker is the process that pulls and builds. It lives for one request.
type worker struct {
	request
	mu    sync.Mutex
	out   *json.Encoder
	store storage.Store
	*steps
	verdicts chan verdict // of the caller's process, each the answer to a message with layers
}

// workerMain is the main function of the worker.
func workerMain() {
	unix.CloseOnExec(outputFD)
	unix.CloseOnExec(lockFD)
	// A change of user clears the signal that the parent asked for.
	unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	unix.Umask(0o022)
	w := &worker{out: json.NewEncoder(os.NewFile(outputFD, "output")), verdicts: make(chan verdict)}
	d := json.NewDecoder(os.Stdin)
	if err := d.Decode(&w.request); err != nil {
		fmt.Fprintln(os.Stderr, "read the request:", err)
		os.Exit(1)
	}
	// The caller's process closes standard input to cancel, and the kernel closes it if that process is killed.
	// The end of PID 1 is the end of all processes in its namespace.
	go func() {
		for {
			var v verdict
			if d.Decode(&v) != nil {
				os.Exit(1)
			}
			w.verdicts <- v
		}
	}()
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "not PID 1 of a pid namespace")
		os.Exit(1)
	}
	w.steps = newSteps(w)
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.WarnLevel)
	logrus.AddHook(w)

	result, err := w.serve(context.Background())
	if err != nil {
		w.send(message{Error: w.failure(err)})
	} else if data, err := json.Marshal(result); err != nil {
		w.send(message{Error: w.failure(err)})
	} else {
		w.send(message{Result: data})
	}
	os.Exit(0)
}

func (w *worker) serve(ctx context.Context) (result any, err error) {
	if err := w.enter(); err != nil {
		return nil, err
	}
	if w.store, err = storage.GetStore(w.storeOptions()); err != nil {
		return nil, &bootc.OpError{Op: "open", Ref: w.Root, Err: err}
	}
	istorage.Transport.SetStore(w.store)
	defer func() {
		if err != nil {
			w.sweepSession(w.Session) // what buildah leaves behind when it fails
		}
		w.store.Shutdown(false)
	}()
	switch w.Op {
	case "inspect":
		return w.inspect(ctx)
	case "build":
		return w.build(ctx)
	case "verify":
		return struct{}{}, w.verify(ctx)
	case "sweep":
		return struct{}{}, w.sweep()
	case "size":
		return w.size()
	case "prune":
		return w.prune(ctx)
	}
	return nil, fmt.Errorf("unknown operation %q", w.Op)
}

func (r *request) storeOptions() storage.StoreOptions {
	return storage.StoreOptions{
		GraphRoot:       filepath.Join(r.Root, "storage"),
		RunRoot:         filepath.Join(r.RunRoot, "storage"),
		GraphDriverName: r.Driver,
	}
}

// system points containers/image at files of the session, so that it never looks for the host's.
func (w *worker) system() *types.SystemContext {
	run := func(name string) string { return filepath.Join(w.Session.Run, name) }
	sys := &types.SystemContext{
		SignaturePolicyPath:         run("policy.json"),
		RegistriesDirPath:           run("registries.d"),
		SystemRegistriesConfPath:    run("empty"),
		SystemRegistriesConfDirPath: run("none"),
		UserShortNameAliasConfPath:  run("aliases"),
		AuthFilePath:                run("auth.json"),
		DockerPerHostCertDirPath:    run("none"),
		DockerCertPath:              run("certs"),
		BlobInfoCacheDir:            filepath.Join(w.Root, "cache", "blobinfo"),
		BigFilesTemporaryDir:        w.Session.Temp,
	}
	if w.Registry.Insecure {
		sys.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
	}
	sys.OSChoice, sys.ArchitectureChoice, sys.VariantChoice = splitPlatform(w.Platform)
	return sys
}

func (w *worker) send(m message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out.Encode(m)
}

// Levels and Fire make the worker a hook of logrus, which buildah and its libraries warn through.
func (w *worker) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel} }

func (w *worker) Fire(e *logrus.Entry) error {
	w.emit(bootc.Event{Kind: bootc.EventWarning, Text: w.redact(e.Message)})
	return nil
}
