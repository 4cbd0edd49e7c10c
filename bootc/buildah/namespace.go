//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"
)

// enter turns the new namespaces of a worker into the place where it can work: no mount of it reaches the host, /proc
// shows its own processes, the host's configuration of containers is out of sight, and secrets have a tmpfs.
func (w *worker) enter() error {
	mount := func(source, target, kind string, flags uintptr, data string) error {
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", source, target, err)
		}
		return nil
	}
	if err := mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	for _, dir := range []string{"/etc/containers", "/usr/share/containers"} {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() || w.uses(dir) {
			continue
		}
		if err := mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=4k,mode=755"); err != nil {
			return err
		}
	}
	run := w.Session.Run
	if err := mount("tmpfs", run, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=700"); err != nil {
		return err
	}
	return w.furnish()
}

// furnish writes the files that stand for the host's configuration.
func (w *worker) furnish() error {
	for _, dir := range []string{"home", "none", "registries.d", "secrets", "certs"} {
		if err := os.Mkdir(filepath.Join(w.Session.Run, dir), 0o700); err != nil {
			return err
		}
	}
	policy := []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`)
	files := map[string][]byte{"empty": nil, "auth.json": w.Registry.Auth}
	for name, data := range w.Registry.Certs {
		files[filepath.Join("certs", name)] = data
	}
	if w.Policy != nil {
		var err error
		if policy, err = withOwnStore(w.Policy.JSON); err != nil {
			return err
		}
		if w.Policy.Registries == nil {
			files["registries.d/default.yaml"] = []byte("default-docker:\n  use-sigstore-attachments: true\n")
		}
		for name, data := range w.Policy.Registries {
			if name != filepath.Base(name) || !strings.HasSuffix(name, ".yaml") {
				return fmt.Errorf("Options.Policy.Registries: %q is not a file name that ends in .yaml", name)
			}
			files[filepath.Join("registries.d", name)] = data
		}
	}
	files["policy.json"] = policy
	for id, value := range w.Secrets {
		files[filepath.Join("secrets", id)] = value
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(w.Session.Run, name), data, 0o600); err != nil {
			return err
		}
	}
	// Cache mounts outlive a build; buildah keeps them in the temporary directory.
	kept := filepath.Join(w.Root, "cache", "mounts")
	there := filepath.Join(w.Session.Temp, "buildah-cache-"+strconv.Itoa(unshare.GetRootlessUID()))
	for _, dir := range []string{kept, there} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount(kept, there, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kept, there, err)
	}
	var rlimit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &rlimit); err == nil {
		rlimit.Cur = rlimit.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &rlimit)
	}
	return nil
}

// uses says whether something that the worker was given lies in dir.
func (w *worker) uses(dir string) bool {
	given := []string{w.Root, w.RunRoot, w.Session.Temp, w.Session.Run, w.Runtime}
	for _, ref := range append(w.images(), w.Ref) {
		if _, path, ok := localPath(ref); ok {
			given = append(given, path)
		}
	}
	for _, path := range given {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// withOwnStore lets images of the engine's own store be read under any policy: that is how buildah goes from one step
// to the next.
func withOwnStore(policy []byte) ([]byte, error) {
	var p map[string]json.RawMessage
	if err := json.Unmarshal(policy, &p); err != nil {
		return nil, fmt.Errorf("Options.Policy.JSON: %w", err)
	}
	transports := map[string]json.RawMessage{}
	if raw, ok := p["transports"]; ok {
		if err := json.Unmarshal(raw, &transports); err != nil {
			return nil, fmt.Errorf("Options.Policy.JSON: transports: %w", err)
		}
	}
	transports["containers-storage"] = json.RawMessage(`{"": [{"type": "insecureAcceptAnything"}]}`)
	var err error
	if p["transports"], err = json.Marshal(transports); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}
