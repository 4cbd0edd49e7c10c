package testkit

import (
	"archive/tar"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// The recipe of an image is its source: editing it makes a new cache entry.
var (
	//go:embed tiny.go
	tinyRecipe string
	//go:embed layout.go
	layoutRecipe string
)

var tinyTime = time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)

const policyJSON = `{
    "default": [
        {
            "type": "insecureAcceptAnything"
        }
    ],
    "transports": {
        "docker-daemon": {
            "": [
                {
                    "type": "insecureAcceptAnything"
                }
            ]
        }
    }
}
`

func makeTiny(ctx context.Context, dir string) ([]string, error) {
	busybox, applets, err := fetchBusybox(ctx)
	if err != nil {
		return nil, err
	}
	lower := func(tw *tar.Writer) error {
		w := files{tw: tw}
		for _, d := range strings.Fields("dev etc etc/containers etc/containers/registries.d proc root run sys usr usr/bin usr/lib usr/local var var/lib var/log") {
			w.dir(d, 0o755)
		}
		w.dir("tmp", 0o1777)
		w.dir("var/tmp", 0o1777)
		w.link("bin", "usr/bin")
		w.link("sbin", "usr/bin")
		w.link("usr/sbin", "bin")
		w.link("lib", "usr/lib")
		w.file("usr/bin/busybox", 0o755, string(busybox))
		for _, a := range applets {
			switch a {
			case "busybox":
			case "sh":
				w.hardLink("usr/bin/sh", "usr/bin/busybox")
			default:
				w.link("usr/bin/"+a, "busybox")
			}
		}
		w.file("usr/lib/os-release", 0o644, "ID=tiny\nID_LIKE=debian\nNAME=\"Tiny test base\"\nPRETTY_NAME=\"Tiny test base 1\"\nVERSION_ID=\"1\"\n")
		w.link("etc/os-release", "../usr/lib/os-release")
		w.file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/bin/false\n")
		w.file("etc/group", 0o644, "root:x:0:\nwheel:x:10:\nnogroup:x:65534:\n")
		w.file("etc/shadow", 0o600, "root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n")
		w.file("etc/machine-id", 0o444, "")
		w.file("etc/containers/policy.json", 0o644, policyJSON)
		w.file("etc/motd", 0o644, "lower layer\n")
		w.file("etc/gone", 0o644, "the upper layer deletes this\n")
		return w.err
	}
	upper := func(tw *tar.Writer) error {
		w := files{tw: tw}
		w.dir("etc", 0o755)
		w.file("etc/.wh.gone", 0o644, "")
		w.file("etc/motd", 0o644, "upper layer\n")
		return w.err
	}
	if _, err := WriteLayout(dir, tinyConfig(), lower, upper); err != nil {
		return nil, err
	}
	return layoutFiles(dir)
}

func tinyConfig() v1.Image {
	return v1.Image{
		Created:  &tinyTime,
		Platform: v1.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config: v1.ImageConfig{
			Env:    []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
			Cmd:    []string{"/bin/sh"},
			Labels: map[string]string{v1.AnnotationVersion: "1"},
		},
		History: []v1.History{
			{Created: &tinyTime, CreatedBy: "testkit: busybox"},
			{Created: &tinyTime, CreatedBy: "testkit: changes"},
		},
	}
}

// fetchBusybox returns Debian's static busybox and the names it answers to.
func fetchBusybox(ctx context.Context) ([]byte, []string, error) {
	tmp, err := os.MkdirTemp("", "testkit-busybox-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(tmp)
	download := func() error {
		cmd := exec.Command("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "busybox-static")
		cmd.Dir = tmp
		_, err := run(ctx, "apt-get download busybox-static", cmd)
		return err
	}
	if err := download(); err != nil {
		// Absent or old lists; only root can renew them.
		_, up := run(ctx, "apt-get update", exec.Command("apt-get", "-q", "update"))
		if up != nil {
			return nil, nil, errors.Join(err, up)
		}
		if err := download(); err != nil {
			return nil, nil, err
		}
	}
	debs, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(debs) != 1 {
		return nil, nil, fmt.Errorf("apt-get download busybox-static left %d packages: %v", len(debs), err)
	}
	if _, err := run(ctx, "dpkg-deb", exec.Command("dpkg-deb", "--extract", debs[0], tmp)); err != nil {
		return nil, nil, err
	}
	bin := filepath.Join(tmp, "bin/busybox")
	if _, err := os.Stat(bin); err != nil {
		bin = filepath.Join(tmp, "usr/bin/busybox") // where Debian 13 has it
	}
	list, err := run(ctx, "busybox --list", exec.Command(bin, "--list"))
	if err != nil {
		return nil, nil, err
	}
	b, err := os.ReadFile(bin)
	return b, strings.Fields(list), err
}

// files writes tar entries owned by root, and keeps the first error.
type files struct {
	tw  *tar.Writer
	err error
}

func (w *files) add(h tar.Header, content string) {
	if w.err != nil {
		return
	}
	h.Size, h.ModTime, h.Format = int64(len(content)), tinyTime, tar.FormatPAX
	if w.err = w.tw.WriteHeader(&h); w.err == nil {
		_, w.err = io.Copy(w.tw, bytes.NewReader([]byte(content)))
	}
}

func (w *files) dir(name string, mode int64) {
	w.add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, "")
}

func (w *files) file(name string, mode int64, content string) {
	w.add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, content)
}

func (w *files) link(name, target string) {
	w.add(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, "")
}

func (w *files) hardLink(name, other string) {
	w.add(tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: other, Mode: 0o755}, "")
}
