package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// suite is the Debian release that bases and verifiers are made of: the first whose systemd takes units as credentials
// (256 or newer), whose skopeo and podman verify sigstore signatures, and that has cosign.
const suite = "trixie"

// archive is the state of the Debian archive that the machine's own apt configuration leads to.
type archive struct {
	mirror  string
	release string // the suite's InRelease
	date    time.Time
}

var releaseDate = regexp.MustCompile(`(?m)^Date: (.+)$`)

func findArchive(ctx context.Context) (archive, error) {
	out, err := run(ctx, "apt-get indextargets", exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"))
	if err != nil {
		return archive{}, err
	}
	var a archive
	for uri := range strings.Lines(out) {
		// Other vendors' archives are in the list as well.
		if uri = strings.TrimRight(uri, "/\n"); strings.HasSuffix(uri, "/debian") {
			a.mirror = uri
			break
		}
	}
	if a.mirror == "" {
		return a, errors.New("the apt configuration of this machine names no Debian mirror (a URI that ends in /debian)")
	}
	b, err := readRelease(ctx, a.mirror)
	if err != nil {
		return a, err
	}
	a.release = string(b)
	m := releaseDate.FindStringSubmatch(a.release)
	if m == nil {
		return a, fmt.Errorf("InRelease of %s at %s has no Date", suite, a.mirror)
	}
	a.date, err = time.Parse(time.RFC1123, m[1])
	a.date = a.date.UTC()
	return a, err
}

// readRelease returns the suite's InRelease, as it was at most an hour ago. Without a network it is the one seen last, so
// that what the cache has remains usable.
func readRelease(ctx context.Context, mirror string) ([]byte, error) {
	root, err := CacheDir()
	if err != nil {
		return nil, err
	}
	root = filepath.Join(root, "testkit")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(root, "InRelease-"+key(mirror, suite))
	if fi, err := os.Stat(file); err == nil && time.Since(fi.ModTime()).Abs() < time.Hour {
		return os.ReadFile(file)
	}
	tmp, err := os.MkdirTemp(root, "InRelease-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	fresh := filepath.Join(tmp, "InRelease")
	// apt's own downloader knows the machine's proxies and every kind of URI that a mirror can have.
	url := mirror + "/dists/" + suite + "/InRelease"
	_, err = run(ctx, "download "+url, exec.Command("/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=root", "download-file", url, fresh))
	if err == nil {
		now := time.Now() // apt gives the file the server's time
		err = errors.Join(os.Chtimes(fresh, now, now), os.Rename(fresh, file))
	}
	b, readErr := os.ReadFile(file)
	if readErr != nil {
		return nil, errors.Join(err, readErr)
	}
	return b, nil
}

// runToFile runs one of the scripts that call mmdebstrap, with its standard output going to a file. What the script puts
// into temporary files is in the file's directory, so that it goes with that if the script is killed.
func runToFile(ctx context.Context, path, name, script string, args ...string) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: a Debian root file system has files of many owners")
	}
	if _, err := lookTool("mmdebstrap"); err != nil {
		return fmt.Errorf("%w: run hack/setup.sh", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	cmd := isolated("sh", append([]string{"-c", script, name}, args...)...)
	cmd.Stdout = f
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(path))
	_, err = run(ctx, name+" "+strings.Join(args, " "), cmd)
	return errors.Join(err, f.Close())
}
