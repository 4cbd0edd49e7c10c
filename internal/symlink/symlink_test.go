package symlink_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/internal/symlink"
)

var links = map[string]string{
	"lib": "usr/lib", "sbin": "/usr/sbin", "usr/sbin": "bin", "up": "../../../etc", "a": "b", "b": "a", "usr/lib/self": ".",
	"etc/os-release": "../usr/lib/os-release",
}

func link(at string) (string, bool, error) {
	target, ok := links[strings.TrimPrefix(at, "/")]
	return target, ok, nil
}

func TestResolve(t *testing.T) {
	for name, want := range map[string]string{
		"":                  "",
		"/":                 "",
		"..":                "",
		"usr/lib/x":         "usr/lib/x",
		"lib/x":             "usr/lib/x",
		"/lib/systemd/../x": "usr/lib/x",
		"lib/..":            "usr",
		"sbin/init":         "usr/bin/init",
		"up/passwd":         "etc/passwd",
		"lib/self/self/x":   "usr/lib/x",
		"etc/os-release":    "usr/lib/os-release",
		"none/at/all":       "none/at/all",
	} {
		for root, want := range map[string]string{".": strings.TrimPrefix("./"+want, "./"), "/": "/" + want} {
			if root == "." && want == "" {
				want = "."
			}
			if got, err := symlink.Resolve(root, name, link); got != want || err != nil {
				t.Errorf("%s from %s is %s (%v), want %s", name, root, got, err, want)
			}
		}
	}
	if end, err := symlink.Resolve(".", "a/x", link); !errors.Is(err, symlink.ErrLoop) || end != "a" && end != "b" {
		t.Errorf("a circle ends at %s: %v", end, err)
	}
	damaged := errors.New("damaged")
	if end, err := symlink.Resolve("/", "usr/lib/x", func(at string) (string, bool, error) {
		if at == "/usr/lib" {
			return "", false, damaged
		}
		return "", false, nil
	}); err != damaged || end != "/usr/lib" {
		t.Errorf("stopped at %s: %v", end, err)
	}
}

// TestMax asks the kernel how many links it follows.
func TestMax(t *testing.T) {
	t.Chdir(t.TempDir())
	for i := range symlink.Max + 1 {
		if err := os.Symlink(fmt.Sprint(i), fmt.Sprint(i+1)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	if err := os.WriteFile("0", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	read := func(at string) (string, bool, error) {
		target, err := os.Readlink(at)
		return target, err == nil, nil
	}
	for _, n := range []int{symlink.Max, symlink.Max + 1} {
		_, kernel := os.Stat(fmt.Sprint(n))
		if _, err := symlink.Resolve(".", fmt.Sprint(n), read); (err == nil) != (kernel == nil) {
			t.Errorf("%d links: %v, and the kernel says %v", n, err, kernel)
		}
	}
}
