package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

const noteType = "application/vnd.acme.note"

// note is an artifact of one small file.
func note(text, subject string) registry.Artifact {
	return registry.Artifact{
		Type:    noteType,
		Subject: subject,
		Files: []registry.File{{
			Title: "note.txt", MediaType: "text/plain",
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		}},
	}
}

func TestArtifact(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{Username: "u", Password: "secret"})
		c, ctx := client(r), t.Context()
		os1, err := c.Publish(ctx, makeImage(t, "linux/amd64", 1), r.Host+"/os", registry.PublishOptions{Unsigned: true, Tags: []string{"1"}})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "disk.raw")
		if err := os.WriteFile(path, []byte(strings.Repeat("\x00", 200_000)+"content"), 0o600); err != nil {
			t.Fatal(err)
		}
		a := note("checked by hand", os1.Reference())
		a.Annotations = map[string]string{"com.acme.by": "hand"}
		a.Files = append(a.Files, registry.File{Path: path, Annotations: map[string]string{"com.acme.kind": "raw"}})
		s := &signer{}
		o := registry.PublishOptions{Signer: s, Tags: []string{"note"}}
		p, err := c.PublishArtifact(ctx, a, r.Host+"/os", o)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.calls) != 2 || slices.Contains(s.tagsWhenVerified, "note") {
			t.Errorf("signer %v, tags by then %v", s.calls, s.tagsWhenVerified)
		}

		// The same again is the same, and nothing is sent.
		again, err := c.PublishArtifact(ctx, a, r.Host+"/os", o)
		if err != nil || again.Digest != p.Digest || again.Uploaded != 0 {
			t.Errorf("published again: %+v, error %v", again, err)
		}
		tags, err := c.Tags(ctx, r.Host+"/os")
		if slices.Sort(tags); err != nil || !slices.Equal(tags, []string{"1", "note"}) {
			t.Errorf("tags %v, error %v", tags, err)
		}
		for _, of := range []string{os1.Reference(), r.Host + "/os:1"} {
			list, err := c.Referrers(ctx, of, noteType)
			want := []registry.Referrer{{Repository: r.Host + "/os", Digest: p.Digest, MediaType: p.MediaType, Size: list[0].Size, Type: noteType, Annotations: a.Annotations}}
			if err != nil || !reflect.DeepEqual(list, want) || list[0].Reference() != p.Reference() {
				t.Errorf("referrers of %s: %+v, error %v", of, list, err)
			}
		}
		if list, err := c.Referrers(ctx, os1.Reference(), "application/vnd.acme.other"); err != nil || len(list) > 0 {
			t.Errorf("referrers of another type: %+v, error %v", list, err)
		}
		if list, err := c.Referrers(ctx, os1.Reference(), ""); err != nil || len(list) != 1 {
			t.Errorf("all referrers: %+v, error %v", list, err)
		}
		if list, err := c.Referrers(ctx, p.Reference(), ""); err != nil || len(list) > 0 {
			t.Errorf("referrers of the note: %+v, error %v", list, err)
		}

		dir := filepath.Join(t.TempDir(), "new", "dir")
		got, err := c.PullArtifact(ctx, r.Host+"/os:note", dir, registry.PullOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != p.Digest || got.Type != noteType || got.Subject != os1.Digest || got.Annotations["com.acme.by"] != "hand" ||
			len(got.Files) != 2 || got.Files[1].Title != "disk.raw" || got.Files[1].Annotations["com.acme.kind"] != "raw" {
			t.Errorf("pulled %+v", got)
		}
		sameFiles(t, dir, map[string]string{"note.txt": "checked by hand", "disk.raw": path})
		r.Reset()
		if _, err := c.PullArtifact(ctx, r.Host+"/os:note", dir, registry.PullOptions{}); err != nil || r.Downloaded() > 0 {
			t.Errorf("pulled %d bytes again, error %v", r.Downloaded(), err)
		}

		// A program that is not ours gets the same files.
		other := t.TempDir()
		orasPull(t, r, "os", "note", other)
		sameFiles(t, other, map[string]string{"note.txt": "checked by hand", "disk.raw": path})
	})
}

// sameFiles compares a directory with contents, or the files that have them.
func sameFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(want) {
		t.Fatalf("%v in %s, error %v", entries, dir, err)
	}
	for name, content := range want {
		if b, err := os.ReadFile(content); err == nil {
			content = string(b)
		}
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != content {
			t.Errorf("%s has %d bytes, want %d, error %v", name, len(got), len(content), err)
		}
	}
}

// orasPull is what "oras pull" does.
func orasPull(t *testing.T, r *testkit.Registry, name, tag, dir string) {
	t.Helper()
	store, err := file.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	_, err = oras.Copy(t.Context(), orasRepository(t, r, name), tag, store, tag, oras.DefaultCopyOptions)
	if err != nil {
		t.Fatal(err)
	}
}

func orasRepository(t *testing.T, r *testkit.Registry, name string) *remote.Repository {
	t.Helper()
	repo, err := remote.NewRepository(r.Host + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = r.CA == nil
	repo.Client = orasClient(r)
	return repo
}

func TestArtifactIndex(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{})
		c, ctx := client(r), t.Context()
		amd, arm := note("amd", ""), note("arm", "")
		amd.Platform, arm.Platform = "linux/amd64", "linux/arm64"
		p, err := c.PublishArtifactIndex(ctx, []registry.Artifact{amd, arm}, r.Host+"/notes", registry.PublishOptions{Unsigned: true, Tags: []string{"1"}})
		if err != nil || p.MediaType != v1.MediaTypeImageIndex {
			t.Fatalf("published %+v, error %v", p, err)
		}
		for platform, text := range map[string]string{"linux/amd64": "amd", "linux/arm64/v8": "arm"} {
			dir := t.TempDir()
			got, err := c.PullArtifact(ctx, r.Host+"/notes:1", dir, registry.PullOptions{Platform: platform})
			if err != nil || got.Type != noteType || got.Platform != platform {
				t.Fatalf("%s: pulled %+v, error %v", platform, got, err)
			}
			sameFiles(t, dir, map[string]string{"note.txt": text})
		}
		if _, err := c.PullArtifact(ctx, r.Host+"/notes:1", t.TempDir(), registry.PullOptions{Platform: "linux/s390x"}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("error %v", err)
		}
		one, err := c.PublishArtifactIndex(ctx, []registry.Artifact{arm}, r.Host+"/notes", registry.PublishOptions{Unsigned: true})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := c.Artifact(ctx, one.Reference(), ""); err != nil || info.Platform != "linux/arm64" {
			t.Errorf("the only one in an index: %+v, error %v", info, err)
		}
		_, err = c.PublishArtifactIndex(ctx, []registry.Artifact{arm, arm}, r.Host+"/notes", registry.PublishOptions{Unsigned: true})
		if err == nil || !strings.Contains(err.Error(), "artifacts 0 and 1 are both") {
			t.Errorf("error %v", err)
		}
	})
}

func TestArtifactMistakes(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	dir := t.TempDir()
	open := note("x", "").Files[0].Open
	for path, a := range map[string]registry.Artifact{
		"Artifact.Type":               {},
		"Artifact.ConfigType":         {Type: noteType, Config: []byte("{}")},
		"Artifact.Subject":            {Type: noteType, Subject: r.Host + "/os:1"},
		"Artifact.Platform":           {Type: noteType, Platform: "amd64"},
		"Artifact.Files[0].Path":      {Type: noteType, Files: []registry.File{{}}},
		"Artifact.Files[0].Open":      {Type: noteType, Files: []registry.File{{Path: "artifact_test.go", Open: open}}},
		"Artifact.Files[1].Path":      {Type: noteType, Files: []registry.File{{Open: open}, {Path: dir}}},
		"Artifact.Files[0].Digest":    {Type: noteType, Files: []registry.File{{Open: open, Digest: "sha256:1"}}},
		"Artifact.Files[0].Title":     {Type: noteType, Files: []registry.File{{Open: open, Title: "../x"}}},
		"Artifact.Files[1].Title":     {Type: noteType, Files: []registry.File{{Open: open, Title: "a/b"}, {Open: open, Title: "a/./b"}}},
		"Artifact.Files[0].MediaType": {Type: noteType, Files: []registry.File{{Open: open, MediaType: "disk"}}},
	} {
		_, err := client(r).PublishArtifact(t.Context(), a, r.Host+"/os", unsigned)
		found := bootc.FieldErrors(err)
		if len(found) != 1 || found[0].Path != path {
			t.Errorf("%s: error %v", path, err)
		}
	}
	_, err := client(r).PublishArtifact(t.Context(), registry.Artifact{Type: "x", Subject: "y", Platform: "z"}, r.Host+"/os:1", registry.PublishOptions{})
	if strings.Count(fmt.Sprint(err), "Artifact.") != 3 || !errors.Is(err, registry.ErrNoSigner) || !errors.Is(err, registry.ErrInvalidReference) {
		t.Errorf("not every mistake at once: %v", err)
	}
	if n := len(r.Requests()); n > 0 {
		t.Errorf("%d requests before the mistakes were found", n)
	}
	gone := note("x", r.Host+"/os@"+digest.FromString("gone").String())
	if _, err := client(r).PublishArtifact(t.Context(), gone, r.Host+"/os", unsigned); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "the subject") {
		t.Errorf("error %v", err)
	}
}

// putTitled stores an artifact by hand, with any title.
func putTitled(t *testing.T, c registry.Client, repository string, titles ...string) string {
	t.Helper()
	empty, err := c.PutBlob(t.Context(), repository, v1.MediaTypeEmptyJSON, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, ArtifactType: noteType, Config: empty}
	m.SchemaVersion = 2
	for i, title := range titles {
		d, err := c.PutBlob(t.Context(), repository, "text/plain", fmt.Append(nil, i))
		if err != nil {
			t.Fatal(err)
		}
		if title != "" {
			d.Annotations = map[string]string{v1.AnnotationTitle: title}
		}
		m.Layers = append(m.Layers, d)
	}
	data := mustJSON(t, m)
	if err := c.PutManifest(t.Context(), repository+":titled", registry.NewManifest(m.MediaType, data)); err != nil {
		t.Fatal(err)
	}
	return repository + ":titled"
}

func TestHostileTitles(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	for _, titles := range [][]string{
		{"../../x"}, {"/etc/passwd"}, {"a/../../x"}, {".."}, {"."}, {"a/.."}, {`..\x`}, {`C:\x`}, {"x/"}, {"a\nb"}, {"good", "../x"},
		{"same", "./same"},
	} {
		outer := t.TempDir()
		dir := filepath.Join(outer, "a", "b")
		_, err := c.PullArtifact(t.Context(), putTitled(t, c, r.Host+"/hostile", titles...), dir, registry.PullOptions{})
		if err == nil {
			t.Errorf("%q: pulled", titles)
		}
		filepath.WalkDir(outer, func(path string, e os.DirEntry, _ error) error {
			if !e.IsDir() {
				t.Errorf("%q: %s was written", titles, path)
			}
			return nil
		})
	}

	// Links that are there already lead nowhere.
	outer := t.TempDir()
	dir := filepath.Join(outer, "dir")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink("..", filepath.Join(dir, "up")), os.Symlink("../passwd", filepath.Join(dir, "passwd"))); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PullArtifact(t.Context(), putTitled(t, c, r.Host+"/hostile", "up/x"), dir, registry.PullOptions{}); err == nil {
		t.Error("followed a link out of the directory")
	}
	if _, err := c.PullArtifact(t.Context(), putTitled(t, c, r.Host+"/hostile", "passwd"), dir, registry.PullOptions{}); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(outer); len(entries) != 1 {
		t.Errorf("written outside: %v", entries)
	}

	// A file without a name is not lost.
	got, err := c.PullArtifact(t.Context(), putTitled(t, c, r.Host+"/hostile", "deep/er/name", ""), t.TempDir(), registry.PullOptions{})
	if err != nil || filepath.Base(got.Files[1].Path) != got.Files[1].Digest.Encoded() {
		t.Errorf("pulled %+v, error %v", got, err)
	}
}

// TestReferrersLie: what a list says is checked.
func TestReferrersLie(t *testing.T) {
	r := testkit.NewDockerRegistry(t, testkit.RegistryOptions{})
	c, ctx, repo := client(r), t.Context(), r.Host+"/os"
	var images []registry.Published
	for seed := range uint64(2) {
		p, err := c.Publish(ctx, makeImage(t, "linux/amd64", seed), repo, unsigned)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, p)
	}
	p, err := c.PublishArtifact(ctx, note("of the first", images[0].Reference()), repo, unsigned)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := c.PublishArtifact(ctx, note("deleted later", images[1].Reference()), repo, unsigned)
	if err != nil {
		t.Fatal(err)
	}
	index := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{
		{MediaType: p.MediaType, Digest: p.Digest, Size: 1, ArtifactType: noteType}, // the other image's
		{MediaType: gone.MediaType, Digest: gone.Digest, Size: 1, ArtifactType: noteType},
		{MediaType: "application/vnd.acme.unknown", Digest: images[0].Digest, Size: 1},
	}}
	index.SchemaVersion = 2
	tag := strings.Replace(images[1].Digest.String(), ":", "-", 1)
	if err := c.PutManifest(ctx, repo+":"+tag, registry.NewManifest(index.MediaType, mustJSON(t, index))); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(ctx, gone.Reference()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"", noteType} {
		if list, err := c.Referrers(ctx, images[1].Reference(), kind); err != nil || len(list) > 0 {
			t.Errorf("referrers %+v, error %v", list, err)
		}
	}
	honest, err := c.PublishArtifact(ctx, note("of the second", images[1].Reference()), repo, unsigned)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := c.Referrers(ctx, images[1].Reference(), ""); err != nil || len(list) != 1 || list[0].Digest != honest.Digest {
		t.Errorf("referrers %+v, error %v", list, err)
	}
}

// TestReferrersRace: who writes the list at the same time is not lost.
func TestReferrersRace(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{})
		c, ctx := client(r), t.Context()
		p, err := c.Publish(ctx, makeImage(t, "linux/amd64", 1), r.Host+"/os", unsigned)
		if err != nil {
			t.Fatal(err)
		}
		const n = 3
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if _, err := c.PublishArtifact(ctx, note(fmt.Sprint(i), p.Reference()), r.Host+"/os", unsigned); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// One that read the list before it was complete may have written last; publishing again mends that.
		for i := range n {
			if _, err := c.PublishArtifact(ctx, note(fmt.Sprint(i), p.Reference()), r.Host+"/os", unsigned); err != nil {
				t.Error(err)
			}
		}
		if list, err := c.Referrers(ctx, p.Reference(), noteType); err != nil || len(list) != n {
			t.Errorf("%d referrers, error %v", len(list), err)
		}
	})
}

func TestCopyReferrers(t *testing.T) {
	for name, to := range map[string]func(testing.TB, testkit.RegistryOptions) *testkit.Registry{
		"olareg": testkit.NewOlareg, "docker-registry": testkit.NewDockerRegistry,
	} {
		t.Run("to "+name, func(t *testing.T) {
			from := testkit.NewDockerRegistry(t, testkit.RegistryOptions{})
			if name == "docker-registry" {
				from = testkit.NewOlareg(t, testkit.RegistryOptions{})
			}
			r := to(t, testkit.RegistryOptions{})
			c, ctx := client(from), t.Context()
			images := []bootc.Image{makeImage(t, "linux/amd64", 1), makeImage(t, "linux/arm64", 2)}
			p, err := c.PublishIndex(ctx, images, from.Host+"/os", registry.PublishOptions{Unsigned: true, Tags: []string{"1"}})
			if err != nil {
				t.Fatal(err)
			}
			instance := from.Host + "/os@" + images[1].Digest.String()
			disk, err := c.PublishArtifact(ctx, note("disk", instance), from.Host+"/os", unsigned)
			if err != nil {
				t.Fatal(err)
			}
			sbom, err := c.PublishArtifact(ctx, note("what is on the disk", disk.Reference()), from.Host+"/os", unsigned)
			if err != nil {
				t.Fatal(err)
			}
			sig := strings.Replace(disk.Digest.String(), ":", "-", 1) + ".sig"
			m, err := c.GetManifest(ctx, sbom.Reference()) // any manifest will do for one
			if err == nil {
				err = c.PutManifest(ctx, from.Host+"/os:"+sig, m)
			}
			if err != nil {
				t.Fatal(err)
			}

			if _, err := c.Copy(ctx, from.Host+"/os:1", r.Host+"/plain:1", registry.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
			if list, err := c.Referrers(ctx, r.Host+"/plain@"+images[1].Digest.String(), ""); err != nil || len(list) > 0 {
				t.Errorf("copied referrers that were not asked for: %+v, error %v", list, err)
			}
			got, err := c.Copy(ctx, from.Host+"/os:1", r.Host+"/mirror:1", registry.CopyOptions{Referrers: true, Signatures: true})
			if err != nil || got.Digest != p.Digest {
				t.Fatalf("copied %+v, error %v", got, err)
			}
			for subject, want := range map[digest.Digest]digest.Digest{images[1].Digest: disk.Digest, disk.Digest: sbom.Digest} {
				list, err := c.Referrers(ctx, r.Host+"/mirror@"+subject.String(), noteType)
				if err != nil || len(list) != 1 || list[0].Digest != want {
					t.Errorf("referrers of %s: %+v, error %v", subject, list, err)
				}
			}
			if _, err := c.Resolve(ctx, r.Host+"/mirror:"+sig, ""); err != nil {
				t.Errorf("the disk's signature: %v", err)
			}
		})
	}
}

// TestArtifactKilled: what a broken publish leaves, the next one completes.
func TestArtifactKilled(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{})
		c, repo := client(r), r.Host+"/os"
		p, err := c.Publish(t.Context(), makeImage(t, "linux/amd64", 1), repo, unsigned)
		if err != nil {
			t.Fatal(err)
		}
		a := note("x", p.Reference())
		o := registry.PublishOptions{Signer: &signer{}, Tags: []string{"note"}}
		for _, op := range []string{"push", "sign", "verify", "tag"} {
			ctx, cancel := context.WithCancel(t.Context())
			c := c
			c.OnEvent = func(e bootc.Event) {
				if e.Op == op {
					cancel()
				}
			}
			if _, err := c.PublishArtifact(ctx, a, repo, o); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v", op, err)
			}
			if tags, err := client(r).Tags(t.Context(), repo); err != nil && !errors.Is(err, registry.ErrNotFound) || len(tags) > 0 {
				t.Errorf("%s: tags %v, error %v", op, tags, err)
			}
		}
		if _, err := c.PublishArtifact(t.Context(), a, repo, o); err != nil {
			t.Fatal(err)
		}
		if list, err := c.Referrers(t.Context(), p.Reference(), ""); err != nil || len(list) != 1 {
			t.Errorf("referrers %+v, error %v", list, err)
		}
	})
}
