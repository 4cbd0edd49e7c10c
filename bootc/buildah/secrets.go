//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/bootloom/bootloom/bootc"
)

var secretID = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// resolve reads the values of the secrets that a plan names, and has the plan look at them.
func resolve(p bootc.Plan, values map[string]bootc.SecretValue) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, id := range p.Secrets {
		if !secretID.MatchString(id) {
			return nil, fmt.Errorf("secret %q: an id has letters, digits, and _ . - inside", id)
		}
		v, ok := values[id]
		if !ok {
			return nil, fmt.Errorf("secret %q: BuildOptions.Secrets has no value for it", id)
		}
		value, err := v.Resolve()
		if err != nil {
			return nil, fmt.Errorf("secret %q: %w", id, err)
		}
		out[id] = value
	}
	return out, p.CheckSecrets(out)
}

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
