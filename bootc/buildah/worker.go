//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/reexec"
	"go.podman.io/storage/pkg/unshare"
)

// run hands a request to a worker of its own and waits for the worker to be gone: with it go all the processes,
// mounts and secrets of a build. on gets the worker's events, check the layers of an image that is about to be made; an error
// of check is that of run, and the worker makes no image.
func run(ctx context.Context, s *session, req request, on func(event), check func(layers) error) (json.RawMessage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	req.Session = s.paths
	input, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	stdin, stdinW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	defer stdinW.Close()
	output, outputW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer output.Close()
	defer outputW.Close()
	var stderr tail

	cmd, start, err := workerCommand(s)
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	cmd.ExtraFiles = []*os.File{outputW, s.lock}
	cmd.WaitDelay = time.Second

	// The worker gets SIGKILL when the thread that started it ends, so that thread must stay until the worker is gone.
	started, gone := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := start()
		started <- err
		if err == nil {
			gone <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the build's process: %w", err)
	}
	stdin.Close()
	outputW.Close()

	var result message
	var refused error
	var wg sync.WaitGroup
	wg.Go(func() { stdinW.Write(input) }) // fails if the worker has died: its end says more
	wg.Go(func() {
		d := json.NewDecoder(output)
		for {
			var m message
			if d.Decode(&m) != nil {
				return
			}
			switch {
			case m.Layers != nil:
				refused = check(*m.Layers)
				json.NewEncoder(stdinW).Encode(verdict{Refused: refused != nil}) // fails if the worker has died
			case m.Event == nil:
				result = m
			case ctx.Err() == nil:
				on(*m.Event)
			}
		}
	})

	var exit error
	select {
	case exit = <-gone:
	case <-ctx.Done():
		// The worker ends with its standard input, and with it every process in its namespaces.
		stdinW.Close()
		select {
		case <-gone:
		case <-time.After(time.Second):
			cmd.Process.Kill()
			<-gone
		}
	}
	stdinW.Close()
	wg.Wait()
	switch {
	case ctx.Err() != nil && result.Result == nil:
		return nil, context.Cause(ctx)
	case refused != nil && result.Error != nil:
		return nil, &refusal{refused}
	case result.Error != nil:
		return nil, result.Error
	case result.Result != nil:
		return result.Result, nil
	}
	return nil, &crash{exit, stderr.String()}
}

// refusal is the error of a check. The worker has tidied up.
type refusal struct{ err error }

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

// crash is the end of a worker that did not say why.
type crash struct {
	err  error
	text string
}

func (e *crash) Error() string {
	return fmt.Sprintf("the build's process died: %v\n%s", e.err, strings.TrimSpace(e.text))
}

func (e *crash) Unwrap() error { return e.err }

// workerCommand is this program, to be started again as PID 1 of its own pid and mount namespaces, for an ordinary
// user by way of a process that makes a user namespace.
func workerCommand(s *session) (*exec.Cmd, func() error, error) {
	if os.Geteuid() == 0 {
		cmd := reexec.Command(workerName)
		cmd.Env = workerEnv(s.paths)
		cmd.SysProcAttr = workerAttr()
		return cmd, cmd.Start, nil
	}
	me, err := user.Current()
	if err != nil {
		return nil, nil, err
	}
	uids, gids, err := unshare.GetSubIDMappings(me.Username, me.Username)
	if err != nil {
		return nil, nil, err
	}
	cmd := unshare.Command(usernsName)
	cmd.Env = workerEnv(s.paths)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.UnshareFlags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
	cmd.UseNewuidmap, cmd.UidMappings = true, withSelf(os.Geteuid(), uids)
	cmd.UseNewgidmap, cmd.GidMappings = true, withSelf(os.Getegid(), gids)
	cmd.GidMappingsEnableSetgroups = true
	return cmd.Cmd, cmd.Start, nil
}

// withSelf maps the caller to root, and the subordinate ids to what follows.
func withSelf(id int, sub []specs.LinuxIDMapping) []specs.LinuxIDMapping {
	maps := append([]specs.LinuxIDMapping{{HostID: uint32(id), Size: 1}}, sub...)
	for i := 1; i < len(maps); i++ {
		maps[i].ContainerID = maps[i-1].ContainerID + maps[i-1].Size
	}
	return maps
}

func workerAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     true,
	}
}

// usernsMain runs in the user namespace: only a child can be PID 1 of a pid namespace.
func usernsMain() {
	runtime.LockOSThread()
	cmd := reexec.Command(workerName)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "_Containers-") })
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	output, lock := os.NewFile(outputFD, "output"), os.NewFile(lockFD, "lock")
	cmd.ExtraFiles = []*os.File{output, lock}
	cmd.SysProcAttr = workerAttr()
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	output.Close()
	cmd.Wait()
	os.Exit(cmd.ProcessState.ExitCode())
}

// workerEnv is all that a worker sees of the caller's environment.
func workerEnv(p paths) []string {
	home := filepath.Join(p.Run, "home")
	empty := filepath.Join(p.Run, "empty")
	env := []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CACHE_HOME=" + home,
		"XDG_RUNTIME_DIR=" + p.Run,
		"TMPDIR=" + p.Temp,
		// A program with the race detector sleeps a second at its end, and a build starts it some twenty times.
		"GORACE=" + strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=0"),
		"CONTAINERS_CONF=" + empty, "CONTAINERS_STORAGE_CONF=" + empty, "CONTAINERS_REGISTRIES_CONF=" + empty,
	}
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	env = append(env, "PATH="+path)
	// How to reach the network, and what Go itself listens to.
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "FTP_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG", "GOTRACEBACK", "GOMAXPROCS", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// tail keeps the last of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - 8<<10; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
