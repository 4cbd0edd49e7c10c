package diskimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bootloom/bootloom/internal/lockfile"
)

const workPrefix = "bootloom-disk-"

// work is the directory of one run. Who has it holds a lock in it, so that the next run can tell what a killed one has left.
type work struct {
	dir  string
	lock *os.File
}

func newWork(parent string) (*work, error) {
	sweep(parent)
	dir, err := os.MkdirTemp(parent, ".bootloom-new-") // 0700
	if err != nil {
		return nil, err
	}
	w := &work{dir: dir}
	if w.lock, err = os.OpenFile(w.at("lock"), os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		_, err = lockfile.Try(w.lock) // nobody else knows its name
	}
	for _, name := range []string{"images", "output"} {
		if err == nil {
			err = os.Mkdir(w.at(name), 0o755)
		}
	}
	if err == nil { // it has the name that others look for once it has the lock
		final := filepath.Join(parent, workPrefix+strings.TrimPrefix(filepath.Base(dir), ".bootloom-new-"))
		if err = os.Rename(dir, final); err == nil {
			w.dir = final
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.remove())
	}
	return w, nil
}

func (w *work) at(name string) string { return filepath.Join(w.dir, name) }

func (w *work) name() string { return filepath.Base(w.dir) }

// write puts a file there that only the owner can read.
func (w *work) write(name string, data []byte) error { return os.WriteFile(w.at(name), data, 0o600) }

func (w *work) remove() error {
	err := removeAll(w.dir)
	if w.lock != nil {
		err = errors.Join(err, w.lock.Close()) // after the files: nobody else is to sweep what is being removed
	}
	return err
}

// removeAll removes a directory of a run. A loop device that a killed tool has left is detached first; a file system of a
// dying process can be busy for a moment.
func removeAll(dir string) error {
	detachLoops(dir)
	var err error
	for wait := 10 * time.Millisecond; wait < 2*time.Second; wait *= 2 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(wait)
	}
	return fmt.Errorf("remove the work directory: %w", err)
}

// sweep removes what runs that were killed have left in parent.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		if e.IsDir() && strings.HasPrefix(e.Name(), workPrefix) {
			if lock, ok := abandoned(dir); ok {
				_ = removeAll(dir) // what belongs to another user stays
				lock.Close()
			}
		}
	}
}

// abandoned takes the lock of a work directory if nobody has it. A directory without one is being made, or is not ours.
func abandoned(dir string) (lock *os.File, ok bool) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		return nil, false
	}
	if ok, err := lockfile.Try(f); !ok || err != nil {
		f.Close()
		return nil, false
	}
	return f, true
}

// label is on containers and volumes of a run, for whoever cleans up after a killed process: the machine and its work directory.
const label = "com.github.bootloom.disk"

func (j Job) owner() string { return hostname() + ":" + j.Dir }

// isOrphan says whether what has this label belongs to a run of this machine that is over.
func isOrphan(owner string) bool {
	dir, ok := strings.CutPrefix(owner, hostname()+":")
	if !ok || !strings.HasPrefix(filepath.Base(dir), workPrefix) {
		return false
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return true
	}
	lock, ok := abandoned(dir)
	if ok {
		lock.Close()
	}
	return ok
}

func hostname() string {
	name, _ := os.Hostname() // without one it is still this machine's
	return name
}

// cleanup is a context for what must be done after ctx has ended.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}
