package registry_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// shop is what the examples work with: a registry in this process, a directory, an image that an engine has built.
type shop struct {
	host, dir string
	client    registry.Client
	image     bootc.Image
	reg       *testkit.Registry
}

func openShop() *shop {
	reg, err := testkit.StartOlareg(testkit.RegistryOptions{TLS: true, Username: "robot", Password: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	s := &shop{host: reg.Host, dir: dir, reg: reg}
	s.client = registry.Client{CA: reg.CA, Credentials: map[string]registry.Credential{reg.Host: {Username: "robot", Password: "secret"}}}
	s.image = s.build("amd64")
	return s
}

func (s *shop) close() {
	s.reg.Close()
	os.RemoveAll(s.dir)
}

// build stands for an engine.
func (s *shop) build(arch string) bootc.Image {
	dir := filepath.Join(s.dir, arch)
	created := time.Unix(1_700_000_000, 0).UTC()
	config := v1.Image{Created: &created, Platform: v1.Platform{OS: "linux", Architecture: arch}}
	config.Config.Labels = map[string]string{"containers.bootc": "1"}
	d, err := testkit.WriteLayout(dir, config, func(tw *tar.Writer) error {
		return tw.WriteHeader(&tar.Header{Name: "usr/", Typeflag: tar.TypeDir, Mode: 0o755})
	})
	if err != nil {
		log.Fatal(err)
	}
	return bootc.Image{Digest: d.Digest, MediaType: d.MediaType, Platform: "linux/" + arch, Location: "oci:" + dir}
}

// push brings the image to host/edge-os:1.
func (s *shop) push() {
	_, err := s.client.Publish(context.Background(), s.image, s.host+"/edge-os", registry.PublishOptions{Tags: []string{"1"}, Unsigned: true})
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleClient_Publish() {
	s := openShop()
	defer s.close()
	ctx, image := context.Background(), s.image

	client := s.client
	client.OnEvent = func(e bootc.Event) {
		if e.Kind == bootc.EventStart && e.Op == "tag" {
			fmt.Println("tag comes last")
		}
	}
	// Without a Signer, Publish wants to hear that this is meant.
	_, err := client.Publish(ctx, image, s.host+"/acme/edge-os", registry.PublishOptions{Tags: []string{"1.4.0"}})
	fmt.Println(errors.Is(err, registry.ErrNoSigner))

	published, err := client.Publish(ctx, image, s.host+"/acme/edge-os", registry.PublishOptions{Tags: []string{"1.4.0"}, Unsigned: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(published.Digest == image.Digest, published.Tags)
	fmt.Println(published.Reference() == s.host+"/acme/edge-os@"+image.Digest.String())
	// Output:
	// true
	// tag comes last
	// true [1.4.0]
	// true
}

func ExampleClient_Push() {
	s := openShop()
	defer s.close()
	published, err := s.client.Push(context.Background(), s.image, s.host+"/staging")
	if err != nil {
		log.Fatal(err)
	}
	tags, err := s.client.Tags(context.Background(), s.host+"/staging")
	fmt.Println(published.Digest == s.image.Digest, tags, err)
	// Output: true [] <nil>
}

func ExampleClient_PublishIndex() {
	s := openShop()
	defer s.close()
	ctx := context.Background()
	images := []bootc.Image{s.build("amd64"), s.build("arm64")}
	_, err := s.client.PublishIndex(ctx, images, s.host+"/edge-os", registry.PublishOptions{Tags: []string{"1"}, Unsigned: true})
	if err != nil {
		log.Fatal(err)
	}
	info, err := s.client.Inspect(ctx, s.host+"/edge-os:1", "linux/arm64")
	fmt.Println(info.Platforms, info.Digest == images[1].Digest, err)
	// Output: [linux/amd64 linux/arm64] true <nil>
}

func ExampleClient_Pull() {
	s := openShop()
	defer s.close()
	s.push()
	to := "oci-archive:" + filepath.Join(s.dir, "edge-os.tar") + ":edge-os"
	image, err := s.client.Pull(context.Background(), s.host+"/edge-os:1", to, registry.PullOptions{Platform: "linux/amd64"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(image.Digest == s.image.Digest, image.Platform, len(image.Layers), image.Location == to)
	// Output: true linux/amd64 1 true
}

func ExampleClient_Save() {
	s := openShop()
	defer s.close()
	saved, err := s.client.Save(context.Background(), s.image, "oci-archive:"+filepath.Join(s.dir, "edge-os.tar"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(filepath.Base(saved.Location), saved.Digest == s.image.Digest)
	// Output: edge-os.tar true
}

func ExampleClient_Open() {
	s := openShop()
	defer s.close()
	image, err := s.client.Open(context.Background(), s.image, "linux/amd64")
	if err != nil {
		log.Fatal(err)
	}
	defer image.Close()
	layer, err := image.Layer(context.Background(), 0)
	if err != nil {
		log.Fatal(err)
	}
	defer layer.Close()
	n, err := io.Copy(io.Discard, layer)
	fmt.Println(image.Labels["containers.bootc"], n > 0, err)
	// Output: 1 true <nil>
}

func ExampleClient_Copy() {
	s := openShop()
	defer s.close()
	s.push()
	copied, err := s.client.Copy(context.Background(), s.host+"/edge-os:1", s.host+"/site-7/edge-os:stable", registry.CopyOptions{Signatures: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(copied.Digest == s.image.Digest, copied.Tags, copied.Uploaded, "bytes uploaded")
	// Output: true [stable] 0 bytes uploaded
}

func ExampleClient_Resolve() {
	s := openShop()
	defer s.close()
	s.push()
	d, err := s.client.Resolve(context.Background(), s.host+"/edge-os:1", "")
	fmt.Println(d.Digest == s.image.Digest, d.MediaType, err)
	_, err = s.client.Resolve(context.Background(), s.host+"/edge-os:2", "")
	fmt.Println(errors.Is(err, registry.ErrNotFound))
	_, err = s.client.Resolve(context.Background(), "edge-os:1", "")
	fmt.Println(err)
	// Output:
	// true application/vnd.oci.image.manifest.v1+json <nil>
	// true
	// resolve edge-os:1: invalid reference "edge-os:1": it does not begin with the host of a registry (docker.io/library/… for Docker's official images); want registry/repository[:tag][@sha256:…], such as quay.io/acme/edge-os:1.4.0
}

func ExampleClient_Inspect() {
	s := openShop()
	defer s.close()
	s.push()
	info, err := s.client.Inspect(context.Background(), s.host+"/edge-os:1", "linux/amd64")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Platform, info.Created.Format(time.DateOnly), info.Labels, len(info.Layers))
	// Output: linux/amd64 2023-11-14 map[containers.bootc:1] 1
}

func ExampleClient_Tags() {
	s := openShop()
	defer s.close()
	s.push()
	tags, err := s.client.Tags(context.Background(), s.host+"/edge-os")
	fmt.Println(tags, err)
	// Output: [1] <nil>
}

func ExampleClient_Delete() {
	s := openShop()
	defer s.close()
	s.push()
	ctx := context.Background()
	err := s.client.Delete(ctx, s.host+"/edge-os@"+s.image.Digest.String())
	_, gone := s.client.Resolve(ctx, s.host+"/edge-os:1", "")
	fmt.Println(err, errors.Is(gone, registry.ErrNotFound))
	// Output: <nil> true
}

// What hangs on an image is an image of its own: blobs, a manifest that lists them, a tag.
func ExampleClient_PutManifest() {
	s := openShop()
	defer s.close()
	ctx, repository := context.Background(), s.host+"/edge-os"
	blob, err := s.client.PutBlob(ctx, repository, "application/vnd.acme.note", []byte("checked by hand"))
	if err != nil {
		log.Fatal(err)
	}
	empty, err := s.client.PutBlob(ctx, repository, v1.MediaTypeEmptyJSON, []byte("{}"))
	if err != nil {
		log.Fatal(err)
	}
	m := registry.NewManifest(v1.MediaTypeImageManifest, fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.acme.note","config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		v1.MediaTypeImageManifest, empty.MediaType, empty.Digest, empty.Size, blob.MediaType, blob.Digest, blob.Size))
	if err := s.client.PutManifest(ctx, repository+":note", m); err != nil {
		log.Fatal(err)
	}
	got, err := s.client.GetManifest(ctx, repository+":note")
	fmt.Println(got.Digest == m.Digest, got.IsIndex(), err)
	text, err := s.client.GetBlob(ctx, repository+"@"+blob.Digest.String(), 1<<10)
	fmt.Println(string(text), err)
	// Output:
	// true false <nil>
	// checked by hand <nil>
}

func ExampleClient_System() {
	s := openShop()
	defer s.close()
	s.push()
	sys, cleanup, err := s.client.System()
	if err != nil {
		log.Fatal(err)
	}
	defer cleanup()
	ref, err := docker.ParseReference("//" + s.host + "/edge-os:1")
	if err != nil {
		log.Fatal(err)
	}
	d, err := docker.GetDigest(context.Background(), sys, ref)
	fmt.Println(d == s.image.Digest, err)
	// Output: true <nil>
}

// A report on an image is an artifact, found from the image.
func ExampleClient_PublishArtifact() {
	s := openShop()
	defer s.close()
	s.push()
	ctx, repository := context.Background(), s.host+"/edge-os"
	report := registry.Artifact{
		Type:    "application/vnd.acme.report+json",
		Subject: repository + "@" + s.image.Digest.String(),
		Files: []registry.File{{
			Title: "report.json", MediaType: "application/json",
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(`{"passed":true}`)), nil },
		}},
	}
	if _, err := s.client.PublishArtifact(ctx, report, repository, registry.PublishOptions{Unsigned: true}); err != nil {
		log.Fatal(err)
	}

	list, err := s.client.Referrers(ctx, repository+":1", "application/vnd.acme.report+json")
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range list {
		pulled, err := s.client.PullArtifact(ctx, r.Reference(), filepath.Join(s.dir, "reports"), registry.PullOptions{})
		if err != nil {
			log.Fatal(err)
		}
		content, err := os.ReadFile(pulled.Files[0].Path)
		fmt.Println(pulled.Files[0].Title, string(content), err)
	}
	// Output: report.json {"passed":true} <nil>
}

// The same report for two platforms has one name.
func ExampleClient_PublishArtifactIndex() {
	s := openShop()
	defer s.close()
	ctx, repository := context.Background(), s.host+"/reports"
	var reports []registry.Artifact
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		reports = append(reports, registry.Artifact{
			Type: "application/vnd.acme.report", Platform: platform,
			Files: []registry.File{{Title: "report.txt", Open: func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader("good on " + platform)), nil
			}}},
		})
	}
	_, err := s.client.PublishArtifactIndex(ctx, reports, repository, registry.PublishOptions{Tags: []string{"1"}, Unsigned: true})
	if err != nil {
		log.Fatal(err)
	}
	info, err := s.client.Artifact(ctx, repository+":1", "linux/arm64")
	fmt.Println(info.Type, info.Platform, info.Files[0].Title, info.Files[0].Size, err)
	// Output: application/vnd.acme.report linux/arm64 report.txt 19 <nil>
}

// Names in a registry are whatever somebody wrote there.
func ExampleClient_PullArtifact_hostile() {
	s := openShop()
	defer s.close()
	ctx, repository := context.Background(), s.host+"/edge-os"
	blob, err := s.client.PutBlob(ctx, repository, "text/plain", []byte("* * * * * root reboot"))
	if err != nil {
		log.Fatal(err)
	}
	m := registry.NewManifest(v1.MediaTypeImageManifest, fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"text/plain","digest":%q,"size":%d},"layers":[{"mediaType":"text/plain","digest":%[2]q,"size":%[3]d,"annotations":{%q:"../../etc/cron.d/x"}}]}`,
		v1.MediaTypeImageManifest, blob.Digest, blob.Size, v1.AnnotationTitle))
	if err := s.client.PutManifest(ctx, repository+":x", m); err != nil {
		log.Fatal(err)
	}
	_, err = s.client.PullArtifact(ctx, repository+":x", s.dir, registry.PullOptions{})
	fmt.Println(strings.ReplaceAll(err.Error()[strings.Index(err.Error(), "\""):], s.host, "HOST"))
	// Output: "../../etc/cron.d/x" is not the name of a file below a directory
}
