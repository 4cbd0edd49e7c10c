//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// secretsKey is a random key of this Root. What is remembered of a build with secrets is told from one with other
// values by a code made with it, so that nobody can try values against a copy of what is remembered.
func (e *Engine) secretsKey() ([]byte, error) {
	file := filepath.Join(e.o.Root, "builds", "secrets.key")
	key, err := os.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), unfinishedPrefix) // 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(rand.Text())
	if err := errors.Join(err, temp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) { // another engine was faster
		return nil, err
	}
	return os.ReadFile(file)
}
