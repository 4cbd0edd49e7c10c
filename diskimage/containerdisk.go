package diskimage

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// What KubeVirt wants of a containerDisk: one disk below /disk that its qemu, user 107, can read (KubeVirt user guide,
// "Disks and Volumes", containerDisk).
const (
	diskDir  = "disk/"
	diskUser = 107
	diskMode = 0o440
)

// diskName is the name of the file in a containerDisk.
var diskName = map[Format]string{QCOW2: "disk.qcow2", Raw: "disk.img", AMI: "disk.img"}

func (d Disk) checkContainerDisk(name string) (errs []error) {
	if diskName[d.Format] == "" && d.Format.kind() != "" {
		errs = append(errs, bootc.Errorf(name+".Format", "%q: a containerDisk has a qcow2 or raw disk", d.Format))
	}
	if d.Encoding != "" {
		errs = append(errs, bootc.Errorf(name+".Encoding", "%q: a containerDisk has the disk as it is", d.Encoding))
	}
	return errs
}

// containerDisk turns the artifact of a disk into an image of one layer. The layer is not compressed: so it can be sent
// from the disk's file, from any place in it, and a qcow2 hardly gets smaller.
func (d Disk) containerDisk(ctx context.Context, client registry.Client, a registry.Artifact, o PublishOptions) (registry.Artifact, error) {
	layer, err := d.layer()
	if err != nil {
		return a, err
	}
	sum, err := layer.digest(ctx, client.OnEvent)
	if err != nil {
		return a, err
	}
	config := v1.Image{RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{sum}}}
	part := strings.Split(d.Platform, "/")
	if len(part) < 2 {
		return a, bootc.Errorf("Disk.Platform", "%q: want os/arch[/variant]", d.Platform)
	}
	config.OS, config.Architecture = part[0], part[1]
	if len(part) > 2 {
		config.Variant = part[2]
	}
	config.History = []v1.History{{CreatedBy: "bootloom: /" + diskDir + diskName[d.Format]}}
	a.Type, a.ConfigType = "", v1.MediaTypeImageConfig
	if a.Config, err = json.Marshal(config); err != nil {
		return a, err
	}
	if o.FlightCtl {
		a.Type = "application/vnd.kubevirt.containerdisk"
		a.Annotations[v1.AnnotationTitle] = "containerdisk"
	}
	a.Files = []registry.File{{Open: layer.open, MediaType: v1.MediaTypeImageLayer, Digest: sum, Size: layer.size()}}
	return a, nil
}

// diskLayer is the tar of one file, around the file itself.
type diskLayer struct {
	head []byte
	path string
	disk int64 // bytes of the file
}

func (d Disk) layer() (diskLayer, error) {
	info, err := os.Stat(d.Path)
	if err != nil {
		return diskLayer{}, err
	}
	var head bytes.Buffer
	w := tar.NewWriter(&head)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: diskDir, Mode: 0o755, ModTime: time.Unix(0, 0)},
		{Typeflag: tar.TypeReg, Name: diskDir + diskName[d.Format], Mode: diskMode, Uid: diskUser, Gid: diskUser, Size: info.Size(), ModTime: time.Unix(0, 0)},
	} {
		if err := w.WriteHeader(&h); err != nil {
			return diskLayer{}, err
		}
	}
	return diskLayer{head.Bytes(), d.Path, info.Size()}, nil
}

// block is what tar counts in.
const block = 512

// size is that of the tar: the headers, the file in whole blocks, and two blocks of zeros as its end.
func (l diskLayer) size() int64 {
	return int64(len(l.head)) + (l.disk+block-1)/block*block + 2*block
}

// open opens the tar. It can seek.
func (l diskLayer) open() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	return struct {
		*io.SectionReader
		io.Closer
	}{io.NewSectionReader(tarAt{l, f}, 0, l.size()), f}, nil
}

// tarAt reads the tar at any place.
type tarAt struct {
	diskLayer
	f *os.File
}

func (t tarAt) ReadAt(p []byte, off int64) (int, error) {
	file := off - int64(len(t.head))
	switch {
	case file < 0:
		return copy(p, t.head[off:]), nil
	case file < t.disk:
		n, err := t.f.ReadAt(p[:min(int64(len(p)), t.disk-file)], file)
		if err == io.EOF && n == 0 {
			return 0, fmt.Errorf("%s has become shorter than %d bytes", t.path, t.disk)
		}
		if err == io.EOF {
			err = nil
		}
		return n, err
	}
	clear(p)
	return len(p), nil
}

// digest reads the tar once.
func (l diskLayer) digest(ctx context.Context, on func(bootc.Event)) (digest.Digest, error) {
	r, err := l.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	event := bootc.Event{Kind: bootc.EventStart, Op: "read", Ref: l.path, Total: l.size()}
	emit := func() {
		if on != nil {
			on(event)
		}
	}
	emit()
	sum := digest.Canonical.Digester()
	const part = 64 << 20
	for event.Kind = bootc.EventProgress; event.Bytes < event.Total; emit() {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		n, err := io.CopyN(sum.Hash(), r, min(part, event.Total-event.Bytes))
		if err != nil {
			return "", err
		}
		event.Bytes += n
	}
	event.Kind = bootc.EventDone
	emit()
	return sum.Digest(), nil
}
