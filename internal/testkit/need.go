package testkit

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Need ends the test unless ok. reason says what is missing and how to get it, as "root, to mount".
//
// Usually that is a skip. With CI=true (or 1) or BOOTLOOM_REQUIRE=1 in the environment it is a failure, because there a test
// that does not run would pass for one that does.
func Need(t testing.TB, reason string, ok bool) {
	t.Helper()
	switch {
	case ok:
	case required():
		t.Fatalf("needs %s; a skip is a failure here (CI or BOOTLOOM_REQUIRE is set)", reason)
	default:
		t.Skipf("needs %s", reason)
	}
}

// NeedRoot is Need for tests that mount, chroot or create files of other owners.
func NeedRoot(t testing.TB) {
	t.Helper()
	Need(t, "root", os.Geteuid() == 0)
}

// NeedTool is Need for programs in PATH (or in the sbin directories, which an ordinary user's PATH lacks on Debian).
func NeedTool(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := lookTool(name)
		Need(t, name+" (run hack/setup.sh)", err == nil)
	}
}

func lookTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/local/sbin/", "/usr/sbin/", "/sbin/"} {
		if p, e := exec.LookPath(dir + name); e == nil {
			return p, nil
		}
	}
	return "", err
}

func required() bool {
	on := func(v string) bool { return v == "1" || strings.EqualFold(v, "true") }
	return on(os.Getenv("CI")) || on(os.Getenv("BOOTLOOM_REQUIRE"))
}
