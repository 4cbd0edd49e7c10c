package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bootloom/bootloom/internal/lockfile"
)

// CacheDir is where the test kit keeps what it has made: the directory named by BOOTLOOM_CACHE, else "bootloom" in the
// user's cache directory. It can be deleted at any time that no test runs.
func CacheDir() (string, error) {
	if dir := os.Getenv("BOOTLOOM_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the test cache, set BOOTLOOM_CACHE: %w", err)
	}
	return filepath.Join(dir, "bootloom"), nil
}

// sumsFile in an entry lists what must be intact: {"path": "sha256 hex"}. It is written last.
const sumsFile = ".sums.json"

// checked holds the entries whose sums this process has verified; once is enough, since entries do not change.
var checked sync.Map

// key hashes the parts of a recipe. Each is preceded by its length, so that parts cannot run into each other.
func key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d\n%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:20]
}

// cached returns the directory of the entry name-key. If it is absent or damaged, fill makes it in an empty directory
// beside it, which is then renamed: an entry is whole or not there. fill returns the paths in it, relative to the
// directory, that are hashed now and checked when another process uses the entry.
func cached(ctx context.Context, name, key string, fill func(ctx context.Context, dir string) ([]string, error)) (string, error) {
	root, err := CacheDir()
	if err != nil {
		return "", err
	}
	root = filepath.Join(root, "testkit")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	dir := filepath.Join(root, name+"-"+key)
	if _, ok := checked.Load(dir); ok {
		return dir, nil
	}
	unlock, err := lockfile.Alone(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("wait for another process to make %s: %w", name, err)
	}
	defer unlock()

	switch err := checkSums(dir); {
	case err == nil:
		now := time.Now()
		_ = os.Chtimes(dir, now, now) // for prune; only the owner can
		checked.Store(dir, true)
		return dir, nil
	case !errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(os.Stderr, "testkit: %v: making %s again\n", err, name)
	}
	// Whoever made the entry before is dead, since the lock is ours: its rests can go.
	tmp := dir + ".tmp"
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(tmp), os.Mkdir(tmp, 0o755)); err != nil {
		return "", err
	}
	paths, err := fill(ctx, tmp)
	if err == nil {
		err = writeSums(tmp, paths)
	}
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("make %s: %w", name, err), os.RemoveAll(tmp))
	}
	checked.Store(dir, true)
	return dir, prune(root, name)
}

// prune removes entries of that name which nobody has used for two weeks: their recipes have changed since.
func prune(root, name string) error {
	old, err := filepath.Glob(filepath.Join(root, name+"-*.lock"))
	for _, l := range old {
		dir := strings.TrimSuffix(l, ".lock")
		if fi, e := os.Stat(dir); e == nil && time.Since(fi.ModTime()) > 14*24*time.Hour {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

func writeSums(dir string, paths []string) error {
	sums := make(map[string]string, len(paths))
	for _, p := range paths {
		sum, err := fileSum(filepath.Join(dir, p))
		if err != nil {
			return err
		}
		sums[p] = sum
	}
	b, err := json.MarshalIndent(sums, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, sumsFile), b, 0o644)
}

func checkSums(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if err != nil {
		return err
	}
	var sums map[string]string
	if err := json.Unmarshal(b, &sums); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for p, want := range sums {
		got, err := fileSum(filepath.Join(dir, p))
		if err != nil {
			return fmt.Errorf("%s is incomplete: %v", dir, err)
		}
		if got != want {
			return fmt.Errorf("%s is damaged: %s has sha256 %s, want %s", dir, p, got, want)
		}
	}
	return nil
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
