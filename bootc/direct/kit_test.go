package direct_test

import (
	"archive/tar"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
)

func baseConfig() v1.Image {
	created := time.Unix(1_700_000_000, 0).UTC()
	return v1.Image{Created: &created, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
}

// entries are those of the layers that were added: type, mode and owner by path.
func entries(t testing.TB, img bootc.Image) map[string]string {
	t.Helper()
	dir, _, _ := strings.Cut(strings.TrimPrefix(img.Location, "oci:"), ":")
	out := map[string]string{}
	for _, l := range img.Layers {
		if l.FromBase {
			continue
		}
		f, err := os.Open(filepath.Join(dir, "blobs", "sha256", l.Digest.Encoded()))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if err != nil {
				break
			}
			out[path.Clean(h.Name)] = fmt.Sprintf("%c %04o %d:%d", h.Typeflag, h.Mode, h.Uid, h.Gid)
		}
	}
	return out
}
