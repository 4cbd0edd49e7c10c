package registry

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzTitle: a name that is accepted stays below the directory.
func FuzzTitle(f *testing.F) {
	for _, s := range []string{"disk.qcow2", "a/b", "../x", "/x", `a\b`, "a/../../b", "C:x", ".", "x/", "NUL", "a\x00b", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkTitle(s) != nil {
			return
		}
		rel, err := filepath.Rel("/dir", filepath.Join("/dir", filepath.FromSlash(s)))
		if err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, "../") || strings.ContainsAny(s, "\\:\n\x00") {
			t.Errorf("%q leads to %q, %v", s, rel, err)
		}
	})
}

// FuzzArrived: whatever a registry says of an upload is a number of bytes or nothing.
func FuzzArrived(f *testing.F) {
	for _, s := range []string{"0-0", "0--1", "0-33554431", "bytes=0-5", "-", "", "0-x", "0-9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := arrived(&http.Response{Header: http.Header{"Range": {s}}})
		if n < 0 || !ok && n != 0 {
			t.Errorf("%q is %d, %t", s, n, ok)
		}
	})
}
