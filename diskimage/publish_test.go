package diskimage_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

var unsigned = registry.PublishOptions{Unsigned: true}

func tagged(tags ...string) diskimage.PublishOptions {
	return diskimage.PublishOptions{PublishOptions: registry.PublishOptions{Unsigned: true, Tags: tags}}
}

func TestPublishAndPull(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r *testkit.Registry) {
		c, ctx, repo := client(t, r), t.Context(), r.Host+"/os"
		image := osImage(t, c, repo, unsigned, host, "linux/s390x")
		d := qcow2(t, image.Reference(), "disk")
		o := tagged("disk")
		o.Annotations = map[string]string{"com.acme.plan": "sha256:1"}
		p, err := diskimage.Publish(ctx, c, d, repo, o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := diskimage.Publish(ctx, c, d, repo, o)
		if err != nil || again.Digest != p.Digest || again.Uploaded > 0 {
			t.Errorf("published again %+v, error %v", again, err)
		}

		// The shape is that of "podman manifest add --artifact".
		var index v1.Index
		if err := json.Unmarshal(must(c.GetManifest(ctx, repo+":disk")).Data, &index); err != nil {
			t.Fatal(err)
		}
		entry := index.Manifests[0]
		if len(index.Manifests) != 1 || entry.ArtifactType != "application/vnd.diskimage.qcow2" || entry.Platform.OS+"/"+entry.Platform.Architecture != host {
			t.Errorf("index %+v", index)
		}
		// The subject is the image for the disk's platform, not the index.
		instance := must(c.Resolve(ctx, image.Reference(), host))
		info := must(c.Artifact(ctx, p.Reference(), ""))
		if info.Subject != instance.Digest || info.Files[0].Title != "disk.qcow2" || info.Files[0].MediaType != info.Type || info.Annotations["com.acme.plan"] != "sha256:1" {
			t.Errorf("artifact %+v", info)
		}
		found, err := diskimage.Find(ctx, c, image.Reference(), host)
		if err != nil || len(found) != 1 || found[0].Digest != info.Digest || found[0].Format != diskimage.QCOW2 {
			t.Errorf("found %+v, error %v", found, err)
		}
		if found, err := diskimage.Find(ctx, c, image.Reference(), "linux/s390x"); err != nil || len(found) > 0 {
			t.Errorf("found %+v, error %v", found, err)
		}

		got, err := diskimage.Pull(ctx, c, repo+":disk", t.TempDir(), diskimage.PullOptions{Unverified: true})
		want := d
		want.Path = got.Path
		if err != nil || got != want || filepath.Base(got.Path) != "disk.qcow2" {
			t.Errorf("pulled %+v, want %+v, error %v", got, want, err)
		}
		if string(must(os.ReadFile(got.Path))) != string(must(os.ReadFile(d.Path))) {
			t.Error("the disk has changed on the way")
		}
		dir := t.TempDir()
		orasPull(t, r, "os", "disk", dir)
		if string(must(os.ReadFile(filepath.Join(dir, "disk.qcow2")))) != string(must(os.ReadFile(d.Path))) {
			t.Error("oras gets another disk")
		}
	})
}

// orasPull is what "oras pull --platform" does.
func orasPull(t *testing.T, r *testkit.Registry, name, tag, dir string) {
	t.Helper()
	store := must(file.New(dir))
	defer store.Close()
	repo := must(remote.NewRepository(r.Host + "/" + name))
	repo.Client = &auth.Client{Client: r.Client(), Credential: auth.StaticCredential(r.Host, auth.Credential{Username: r.Username, Password: r.Password})}
	var o oras.CopyOptions
	platform := strings.Split(host, "/")
	o.WithTargetPlatform(&v1.Platform{OS: platform[0], Architecture: platform[1]})
	if _, err := oras.Copy(t.Context(), repo, tag, store, tag, o); err != nil {
		t.Fatal(err)
	}
}

// TestFlightCtl: what the image builder of Flight Control writes, and where it looks.
func TestFlightCtl(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c, ctx, repo := client(t, r), t.Context(), r.Host+"/os"
	image := osImage(t, c, repo, unsigned, host)
	d := qcow2(t, image.Reference(), "disk")
	o := diskimage.PublishOptions{PublishOptions: unsigned, FlightCtl: true}
	p := must(diskimage.Publish(ctx, c, d, repo, o))
	var m v1.Manifest
	if err := json.Unmarshal(must(c.GetManifest(ctx, p.Reference())).Data, &m); err != nil {
		t.Fatal(err)
	}
	if m.ArtifactType != "application/vnd.qcow2" || m.Subject.Digest != image.Digest || m.Annotations[v1.AnnotationTitle] != "disk.qcow2" ||
		len(m.Layers) != 1 || m.Layers[0].MediaType != v1.MediaTypeImageLayer || m.Layers[0].Digest != d.Digest {
		t.Errorf("manifest %+v", m)
	}
	got, err := diskimage.Pull(ctx, c, p.Reference(), t.TempDir(), diskimage.PullOptions{Unverified: true})
	if err != nil || got.Digest != d.Digest || got.Format != diskimage.QCOW2 {
		t.Errorf("pulled %+v, error %v", got, err)
	}
	o.Shape = diskimage.ContainerDisk
	p = must(diskimage.Publish(ctx, c, d, repo, o))
	if list := must(c.Referrers(ctx, image.Reference(), "application/vnd.kubevirt.containerdisk")); len(list) != 1 || list[0].Digest != p.Digest {
		t.Errorf("referrers %+v", list)
	}
	if _, err := diskimage.Pull(ctx, c, p.Reference(), t.TempDir(), diskimage.PullOptions{Unverified: true}); !errors.Is(err, diskimage.ErrNotDisk) {
		t.Errorf("error %v", err)
	}
	if found := must(diskimage.Find(ctx, c, image.Reference(), "")); len(found) != 1 {
		t.Errorf("found %+v", found)
	}
}

func TestPublishIndex(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c, ctx, repo := client(t, r), t.Context(), r.Host+"/os"
	image := osImage(t, c, repo, unsigned, "linux/amd64", "linux/arm64")
	amd, arm := qcow2(t, image.Reference(), "amd"), qcow2(t, image.Reference(), "arm")
	amd.Platform, arm.Platform = "linux/amd64", "linux/arm64"
	if _, err := diskimage.PublishIndex(ctx, c, []diskimage.Disk{amd, arm}, repo, tagged("disk")); err != nil {
		t.Fatal(err)
	}
	for _, d := range []diskimage.Disk{amd, arm} {
		got, err := diskimage.Pull(ctx, c, repo+":disk", t.TempDir(), diskimage.PullOptions{Platform: d.Platform, Unverified: true})
		if err != nil || got.Digest != d.Digest {
			t.Errorf("pulled %+v, error %v", got, err)
		}
	}
	o := tagged("machine")
	o.Shape = diskimage.ContainerDisk
	if _, err := diskimage.PublishIndex(ctx, c, []diskimage.Disk{amd, arm}, repo, o); err != nil {
		t.Fatal(err)
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		if info := must(c.Inspect(ctx, repo+":machine", platform)); info.Platform != platform || len(info.Layers) != 1 {
			t.Errorf("containerDisk %+v", info)
		}
	}
	d := amd
	d.Platform = "linux/s390x"
	if _, err := diskimage.Publish(ctx, c, d, repo, tagged("x")); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "the OS image of the disk") {
		t.Errorf("a disk for what the image is not: %v", err)
	}
}

func TestPublishMistakes(t *testing.T) {
	good := qcow2(t, "", "disk")
	with := func(change func(*diskimage.Disk)) diskimage.Disk {
		d := good
		change(&d)
		return d
	}
	container := diskimage.PublishOptions{PublishOptions: unsigned, Shape: diskimage.ContainerDisk}
	flightctl := diskimage.PublishOptions{PublishOptions: unsigned, FlightCtl: true}
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	for name, tt := range map[string]struct {
		d    diskimage.Disk
		o    diskimage.PublishOptions
		path string
	}{
		"format":                    {with(func(d *diskimage.Disk) { d.Format = "qcow" }), tagged(), "Disk.Format"},
		"encoding":                  {with(func(d *diskimage.Disk) { d.Encoding = "xz" }), tagged(), "Disk.Encoding"},
		"platform":                  {with(func(d *diskimage.Disk) { d.Platform = "" }), tagged(), "Disk.Platform"},
		"no such platform":          {with(func(d *diskimage.Disk) { d.Platform = "amd64" }), tagged(), "Artifacts[0].Platform"},
		"gone":                      {with(func(d *diskimage.Disk) { d.Path += ".gone" }), tagged(), "Disk.Path"},
		"directory":                 {with(func(d *diskimage.Disk) { d.Path = filepath.Dir(d.Path) }), tagged(), "Disk.Path"},
		"changed":                   {with(func(d *diskimage.Disk) { d.Size++ }), tagged(), "Disk.Size"},
		"vmdk as containerDisk":     {with(func(d *diskimage.Disk) { d.Format = diskimage.VMDK }), container, "Disk.Format"},
		"gzip as containerDisk":     {with(func(d *diskimage.Disk) { d.Encoding = "gzip" }), container, "Disk.Encoding"},
		"containerDisk for nothing": {with(func(d *diskimage.Disk) { d.Platform = "amd64" }), container, "Disk.Platform"},
		"raw for Flight Control":    {with(func(d *diskimage.Disk) { d.Format = diskimage.Raw }), flightctl, "Disk.Format"},
		"no shape":                  {good, diskimage.PublishOptions{PublishOptions: unsigned, Shape: "square"}, "Shape"},
		"title":                     {good, diskimage.PublishOptions{PublishOptions: unsigned, Title: "../x"}, "Artifacts[0].Files[0].Title"},
	} {
		_, err := diskimage.Publish(t.Context(), client(t, r), tt.d, r.Host+"/os", tt.o)
		f, ok := errors.AsType[*bootc.FieldError](err)
		if !ok || f.Path != tt.path {
			t.Errorf("%s: error %v, want one of %s", name, err, tt.path)
		}
		if op, ok := errors.AsType[*bootc.OpError](err); !ok || op.Op != "publish" {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := len(r.Requests()); n > 0 {
		t.Errorf("%d requests before the mistakes were found", n)
	}
	_, err := diskimage.Publish(t.Context(), client(t, r), good, r.Host+"/os", diskimage.PublishOptions{})
	if !errors.Is(err, registry.ErrNoSigner) {
		t.Errorf("error %v", err)
	}
	// A disk that is not what its digest says is not published.
	bad := with(func(d *diskimage.Disk) { d.Digest = digest.FromString("another") })
	if _, err := diskimage.Publish(t.Context(), client(t, r), bad, r.Host+"/os", tagged("x")); !errors.Is(err, registry.ErrDigestMismatch) {
		t.Errorf("error %v", err)
	}
}

// accept is a policy that notes what it is asked about.
type accept struct {
	asked []string
	err   error
}

func (a *accept) Verify(_ context.Context, _ registry.Client, ref string) error {
	a.asked = append(a.asked, ref)
	return a.err
}

func TestPullAsksFirst(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c, ctx := client(t, r), t.Context()
	p := must(diskimage.Publish(ctx, c, qcow2(t, "", "disk"), r.Host+"/disk", tagged("1")))
	for _, o := range []diskimage.PullOptions{{}, {Policy: &accept{}, Unverified: true}} {
		r.Reset()
		if _, err := diskimage.Pull(ctx, c, r.Host+"/disk:1", t.TempDir(), o); err == nil || len(r.Requests()) > 0 {
			t.Errorf("pulled with %+v: error %v", o, err)
		}
	}
	no := errors.New("no")
	for _, a := range []*accept{{}, {err: no}} {
		dir := t.TempDir()
		_, err := diskimage.Pull(ctx, c, r.Host+"/disk:1", dir, diskimage.PullOptions{Policy: a})
		if !errors.Is(err, a.err) || !reflect.DeepEqual(a.asked, []string{p.Reference()}) {
			t.Errorf("error %v, asked about %v", err, a.asked)
		}
		if files, _ := os.ReadDir(dir); (len(files) > 0) != (err == nil) {
			t.Errorf("files %v, error %v", files, err)
		}
	}
}

func TestArtifactType(t *testing.T) {
	for want, d := range map[string]diskimage.Disk{
		"application/vnd.diskimage.qcow2":    {Format: diskimage.QCOW2},
		"application/vnd.diskimage.raw.gzip": {Format: diskimage.Raw, Encoding: "gzip"},
		"application/vnd.diskimage.raw.zstd": {Format: diskimage.AMI, Encoding: "zstd"},
		"application/vnd.diskimage.iso":      {Format: diskimage.InstallerISO},
		"application/vnd.diskimage.gce.tgz":  {Format: diskimage.GCE},
		"application/vnd.diskimage.vhd.gzip": {Format: diskimage.VHD, Encoding: "gzip"},
		"":                                   {Format: "qcow"},
	} {
		if got := d.ArtifactType(); got != want {
			t.Errorf("%+v is a %q, want %q", d, got, want)
		}
	}
	// Every format comes back as what it was.
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(t, r)
	for _, f := range []diskimage.Format{diskimage.QCOW2, diskimage.Raw, diskimage.VMDK, diskimage.VHD, diskimage.GCE, diskimage.AMI, diskimage.OVA,
		diskimage.AnacondaISO, diskimage.InstallerISO, diskimage.PXE} {
		for _, encoding := range []string{"", "gzip", "zstd"} {
			d := qcow2(t, "", string(f)+encoding)
			d.Format, d.Encoding = f, encoding
			p := must(diskimage.Publish(t.Context(), c, d, r.Host+"/disk", tagged()))
			got, err := diskimage.Pull(t.Context(), c, p.Reference(), t.TempDir(), diskimage.PullOptions{Unverified: true})
			if err != nil || got.Format != f || got.Encoding != encoding {
				t.Errorf("%s %s comes back as %+v, error %v", f, encoding, got, err)
			}
		}
	}
}

// FuzzArtifactType: a type that is understood is that of a disk there is.
func FuzzArtifactType(f *testing.F) {
	for _, s := range []string{"application/vnd.diskimage.raw.gzip", "application/vnd.qcow2", "application/vnd.iso", "application/vnd.diskimage.", "application/vnd.diskimage.gzip",
		"application/vnd.kubevirt.containerdisk", "application/vnd.diskimage.gce.tgz.zstd", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := diskimage.FromType(s)
		if !ok {
			return
		}
		again, ok := diskimage.FromType(d.ArtifactType())
		if !ok || again != d {
			t.Errorf("%q is %+v, whose type is %q, which is %+v", s, d, d.ArtifactType(), again)
		}
	})
}
