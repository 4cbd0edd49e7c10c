//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bootloom/bootloom/internal/lockfile"
)

// paths are the directories of one session. They stand in its lock file too, for whoever sweeps after it.
type paths struct {
	ID   string
	Temp string // on disk
	Run  string // under RunRoot
}

// session is one use of a worker. Its lock file is locked for as long as this process or the worker lives, so that
// another engine can tell a session that runs from one whose processes were killed.
type session struct {
	paths
	lock *os.File
	dir  string
}

const tempPrefix = "bootloom-"

func newSession(o Options) (*session, error) {
	unguard, err := guard(sessionsDir(o.Root))
	if err != nil {
		return nil, err
	}
	defer unguard()
	return guarded(o)
}

// guarded makes a session for a caller that holds the guard.
func guarded(o Options) (_ *session, err error) {
	id := strings.ToLower(rand.Text()[:16])
	s := &session{
		paths: paths{ID: id, Temp: filepath.Join(o.TempDir, tempPrefix+id), Run: filepath.Join(o.RunRoot, tempPrefix+id)},
		dir:   sessionsDir(o.Root),
	}
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, id), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.discard()
		}
	}()
	if _, err := lockfile.Try(s.lock); err != nil {
		return nil, fmt.Errorf("lock %s: %w", s.lock.Name(), err)
	}
	if err := json.NewEncoder(s.lock).Encode(s.paths); err != nil {
		return nil, err
	}
	for _, dir := range []string{s.Temp, s.Run} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// discard removes what is left of a session whose worker has tidied up.
func (s *session) discard() error {
	err := errors.Join(os.RemoveAll(s.Temp), os.RemoveAll(s.Run))
	if err == nil {
		err = os.Remove(s.lock.Name())
	}
	return errors.Join(err, s.lock.Close())
}

func sessionsDir(root string) string { return filepath.Join(root, "sessions") }

// guard keeps other processes from making or sweeping sessions.
func guard(dir string) (func(), error) {
	return lockfile.Alone(context.Background(), filepath.Join(dir, ".guard")) // nobody has it for long
}

// stale lists the sessions whose processes are gone, each locked by this process now, and says whether no session
// is alive. Call it under guard.
func stale(dir string) (dead []*session, alone bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, false, err
	}
	alone = true
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, e.Name()), os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return dead, false, err
		}
		if ok, err := lockfile.Try(f); !ok || err != nil {
			f.Close()
			alone = false
			continue
		}
		s := &session{lock: f, dir: dir}
		// A session that was killed while it wrote this file has made nothing yet.
		if json.NewDecoder(f).Decode(&s.paths) != nil || s.ID != e.Name() ||
			filepath.Base(s.Temp) != tempPrefix+s.ID || filepath.Base(s.Run) != tempPrefix+s.ID {
			os.Remove(f.Name())
			f.Close()
			continue
		}
		dead = append(dead, s)
	}
	return dead, alone, nil
}
