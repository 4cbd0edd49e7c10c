package bootc

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// origin reads the address of the remote from the config (git-config(1)).
func (g *gitRepo) origin() (string, error) {
	text, err := os.ReadFile(filepath.Join(g.common, "config"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = strings.HasPrefix(line, `[remote "origin"]`)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !inside || !ok || !strings.EqualFold(strings.TrimSpace(key), "url") {
			continue
		}
		if value, ok = unquote(strings.TrimSpace(value)); ok {
			return remoteAddress(value), nil
		}
	}
	return "", nil
}

var scpLike = lazyregexp.New(`^([A-Za-z0-9_.-]+@)?[A-Za-z0-9.-]{2,}:[^\\]`)

// remoteAddress is the address for others: without login, and empty for a path on this machine.
func remoteAddress(remote string) string {
	scheme, _, ok := strings.Cut(remote, "://")
	switch {
	case ok && scheme != "file":
		clean := withoutLogin(remote)
		if strings.Contains(clean, "@") && !strings.HasSuffix(scheme, "ssh") {
			return "" // an address that net/url does not understand may still have a password in it
		}
		return clean
	case !ok && scpLike.MatchString(remote):
		return remote
	}
	return ""
}

// compareVersions compares runs of digits by their value and all else as text, so that 1.10 is above 1.9.
func compareVersions(a, b string) int {
	number := regexp.MustCompile(`^\d+`)
	for a != "" && b != "" {
		na, nb := number.FindString(a), number.FindString(b)
		if na != "" && nb != "" {
			x, _ := strconv.ParseUint(na, 10, 64)
			y, _ := strconv.ParseUint(nb, 10, 64)
			if x != y {
				return cmp.Compare(x, y)
			}
			a, b = a[len(na):], b[len(nb):]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	// 1.0 is above 1.0-rc1, and 1.0.1 above 1.0
	switch {
	case strings.HasPrefix(a, "-"):
		return -1
	case strings.HasPrefix(b, "-"):
		return 1
	}
	return cmp.Compare(len(a), len(b))
}
