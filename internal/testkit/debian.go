package testkit

import (
	"archive/tar"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

var (
	//go:embed debian.go
	debianRecipe string
	//go:embed base.sh
	baseScript string
)

func makeDebian(ctx context.Context, kind Kind) (string, error) {
	a, err := findArchive(ctx)
	if err != nil {
		return "", err
	}
	k := key(debianRecipe, baseScript, layoutRecipe, string(kind), runtime.GOARCH, a.mirror, a.release)
	return cached(ctx, string(kind), k, func(ctx context.Context, dir string) ([]string, error) {
		root := filepath.Join(dir, "rootfs.tar")
		if err := runToFile(ctx, root, "base.sh", baseScript, string(kind), a.mirror, suite, strconv.FormatInt(a.date.Unix(), 10)); err != nil {
			return nil, err
		}
		if err := tarToLayout(dir, root, kind, a.date); err != nil {
			return nil, err
		}
		if err := os.Remove(root); err != nil {
			return nil, err
		}
		return layoutFiles(dir)
	})
}

// tarToLayout makes an image of a root file system: the kernel in a layer of its own, above all else.
func tarToLayout(dir, rootfs string, kind Kind, created time.Time) error {
	part := func(kernel bool) Layer {
		return func(tw *tar.Writer) error {
			f, err := os.Open(rootfs)
			if err != nil {
				return err
			}
			defer f.Close()
			return copyTar(tw, tar.NewReader(f), kernel)
		}
	}
	labels := map[string]string{
		"containers.bootc":   "1",
		"ostree.bootable":    "1",
		v1.AnnotationVersion: suite + "." + created.Format("20060102"),
	}
	_, err := WriteLayout(dir, v1.Image{
		Created:  &created,
		Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config: v1.ImageConfig{
			Env:    []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			Cmd:    []string{"/sbin/init"},
			Labels: labels,
		},
		History: []v1.History{
			{Created: &created, CreatedBy: "testkit: " + string(kind) + " system"},
			{Created: &created, CreatedBy: "testkit: kernel"},
		},
	}, part(false), part(true))
	return err
}

// copyTar copies the kernel's entries, or all the others. Device nodes are nobody's: no base image has them, and an
// import by ostree fails on them.
func copyTar(tw *tar.Writer, r *tar.Reader, kernel bool) error {
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := cleanPath(h.Name)
		isKernel := strings.HasPrefix(name+"/", "usr/lib/modules/")
		isParent := h.Typeflag == tar.TypeDir && (name == "usr" || name == "usr/lib")
		isDevice := h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock || (name != "dev" && strings.HasPrefix(name, "dev/"))
		if name == "" || isDevice || isKernel != kernel && !(isParent && kernel) {
			continue
		}
		h.Name = name
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if h.Typeflag == tar.TypeLink {
			h.Linkname = cleanPath(h.Linkname)
		}
		h.Uname, h.Gname = "", "" // names are the image's own business
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := io.Copy(tw, r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}
