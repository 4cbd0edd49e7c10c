package testkit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startPostgres starts a PostgreSQL with a database "postgres" and one superuser, without a password, on a port of the
// loopback interface. Its data is in dir/postgres, and safe from nothing. It refuses to run as root, so root runs it
// as the user that comes with Debian's package.
func startPostgres(ctx context.Context, dir string, port int, superuser string) (stop func(), err error) {
	initdb, server, err := findPostgres()
	if err != nil {
		return nil, err
	}
	command := func(program string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
		return cmd
	}
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		who, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, err := strconv.Atoi(who.Uid)
		gid, err2 := strconv.Atoi(who.Gid)
		if err := errors.Join(err, err2, os.Chown(data, uid, gid), os.Chmod(dir, 0o711)); err != nil {
			return nil, err
		}
		asRoot := command
		command = func(program string, args ...string) *exec.Cmd {
			cmd := asRoot(program, args...)
			asUser(cmd, uid, gid)
			return cmd
		}
	}
	if _, err := run(ctx, "initdb", command(initdb, "--auth=trust", "--username="+superuser, "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata="+data)); err != nil {
		return nil, err
	}
	cmd := command(server, "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", "",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	p, err := daemon(ctx, dir, "postgres", cmd, func(context.Context) error {
		b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
		if err == nil && !slices.Contains(strings.Fields(string(b)), "ready") { // what pg_ctl --wait looks for
			err = errors.New("no status \"ready\" in postmaster.pid")
		}
		return err
	})
	// SIGQUIT ends it without a checkpoint; killed, it would leave its shared memory behind.
	return func() { p.Quit(syscall.SIGQUIT, 10*time.Second) }, err
}

// findPostgres finds the newest server that Debian's packages have installed; they are not in PATH.
func findPostgres() (initdb, server string, err error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", "", err
	}
	if len(dirs) == 0 {
		return "", "", fmt.Errorf("/usr/lib/postgresql: %w", fs.ErrNotExist)
	}
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	newest := slices.MaxFunc(dirs, func(a, b string) int { return version(a) - version(b) })
	return filepath.Join(newest, "initdb"), filepath.Join(newest, "postgres"), nil
}
