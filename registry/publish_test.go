package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// signer notes what it is asked, and what the registry has by then.
type signer struct {
	calls            []string
	signErr, verErr  error
	tagsWhenVerified []string
}

func (s *signer) Sign(ctx context.Context, c registry.Client, p registry.Published, names []string) error {
	s.calls = append(s.calls, fmt.Sprint("sign ", p.Digest, " ", names))
	if _, err := c.GetManifest(ctx, p.Reference()); err != nil {
		return fmt.Errorf("not there to be signed: %w", err)
	}
	return s.signErr
}

func (s *signer) Verify(ctx context.Context, c registry.Client, p registry.Published, names []string) error {
	s.calls = append(s.calls, fmt.Sprint("verify ", p.Digest, " ", names))
	s.tagsWhenVerified, _ = c.Tags(ctx, p.Repository)
	return s.verErr
}

func TestPublishOrder(t *testing.T) {
	boom := errors.New("boom")
	for name, tt := range map[string]struct {
		signer    signer
		fault     *testkit.Fault
		wantErr   error
		wantOp    string
		wantCalls int
		wantTags  []string
	}{
		"good":         {wantCalls: 2, wantTags: []string{"1", "latest"}},
		"sign fails":   {signer: signer{signErr: boom}, wantErr: boom, wantOp: "sign", wantCalls: 1},
		"verify fails": {signer: signer{verErr: boom}, wantErr: boom, wantOp: "verify", wantCalls: 2},
		"push fails": {fault: &testkit.Fault{Match: testkit.PathContains("PUT", "/manifests/sha256:"), Do: testkit.Status(403, 0)},
			wantErr: registry.ErrDenied, wantOp: "push"},
		"second tag fails": {fault: &testkit.Fault{Match: testkit.PathContains("PUT", "/manifests/latest"), Do: testkit.Status(403, 0)},
			wantErr: registry.ErrDenied, wantOp: "tag", wantCalls: 2, wantTags: []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := testkit.NewOlareg(t, testkit.RegistryOptions{})
			if tt.fault != nil {
				r.Inject(*tt.fault)
			}
			img := makeImage(t, "linux/amd64", 1)
			repo := r.Host + "/os"
			s := tt.signer
			c := client(r)
			rec := &record{t: t}
			c.OnEvent = rec.on
			p, err := c.Publish(t.Context(), img, repo, registry.PublishOptions{Tags: []string{"1", "latest"}, Signer: &s})
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("error %v, want %v", err, tt.wantErr)
			}
			if op, ok := errors.AsType[*bootc.OpError](err); ok != (err != nil) || ok && op.Op != tt.wantOp {
				t.Errorf("error %v, want op %s", err, tt.wantOp)
			}
			want := []string{
				fmt.Sprintf("sign %s [%s:1 %s:latest]", img.Digest, repo, repo),
				fmt.Sprintf("verify %s [%s:1 %s:latest]", img.Digest, repo, repo),
			}[:tt.wantCalls]
			if !slices.Equal(s.calls, want) {
				t.Errorf("the signer was asked %q, want %q", s.calls, want)
			}
			if len(s.tagsWhenVerified) > 0 {
				t.Errorf("tagged before it was verified: %v", s.tagsWhenVerified)
			}
			r.Reset()
			tags, _ := client(r).Tags(t.Context(), repo)
			if !slices.Equal(tags, tt.wantTags) || !slices.Equal(p.Tags, tt.wantTags) {
				t.Errorf("tags %v, said %v, want %v", tags, p.Tags, tt.wantTags)
			}
		})
	}
}

func TestPublishRefuses(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	img := makeImage(t, "linux/amd64", 1)
	for name, tt := range map[string]struct {
		repo string
		o    registry.PublishOptions
		want error
		text string
	}{
		"no signer":         {r.Host + "/os", registry.PublishOptions{}, registry.ErrNoSigner, "Unsigned"},
		"both":              {r.Host + "/os", registry.PublishOptions{Signer: &signer{}, Unsigned: true}, nil, "set one of them"},
		"tag in repository": {r.Host + "/os:1", unsigned, registry.ErrInvalidReference, "want a repository alone"},
		"digest":            {r.Host + "/os@" + img.Digest.String(), unsigned, registry.ErrInvalidReference, "want a repository alone"},
		"bad tag":           {r.Host + "/os", registry.PublishOptions{Unsigned: true, Tags: []string{"1", "a b"}}, registry.ErrInvalidReference, `"a b" cannot be a tag`},
		"empty tag":         {r.Host + "/os", registry.PublishOptions{Unsigned: true, Tags: []string{""}}, registry.ErrInvalidReference, "cannot be a tag"},
		"signature tag": {r.Host + "/os", registry.PublishOptions{Unsigned: true, Tags: []string{strings.Replace(img.Digest.String(), ":", "-", 1) + ".sig"}},
			registry.ErrInvalidReference, "signatures"},
		"all at once": {r.Host + "/OS", registry.PublishOptions{Tags: []string{"!"}}, registry.ErrNoSigner, "cannot be a tag"},
	} {
		_, err := c.Publish(t.Context(), img, tt.repo, tt.o)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := len(r.Requests()); n > 0 {
		t.Errorf("%d requests before the mistakes were found", n)
	}
}

func TestPublishIndex(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r, other := start(t, testkit.RegistryOptions{}), start(t, testkit.RegistryOptions{})
		c := client(r)
		images := []bootc.Image{makeImage(t, "linux/amd64", 1, 2), makeImage(t, "linux/arm64", 1, 3), makeImage(t, "linux/arm/v7", 1, 4)}
		s := &signer{}
		p, err := c.PublishIndex(t.Context(), images, r.Host+"/os", registry.PublishOptions{Tags: []string{"1"}, Signer: s})
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.GetManifest(t.Context(), r.Host+"/os:1")
		if err != nil || m.Digest != p.Digest || !m.IsIndex() || p.MediaType != v1.MediaTypeImageIndex || len(s.calls) != 2 {
			t.Fatalf("published %+v, the tag is %s (%v), signer %v", p, m.Digest, err, s.calls)
		}
		var index v1.Index
		if err := json.Unmarshal(m.Data, &index); err != nil {
			t.Fatal(err)
		}
		for i, d := range index.Manifests {
			if d.Digest != images[i].Digest || d.MediaType != images[i].MediaType || d.Platform == nil {
				t.Errorf("instance %d is %+v, want %+v", i, d, images[i])
			}
			got, err := c.Resolve(t.Context(), r.Host+"/os:1", images[i].Platform)
			if err != nil || got.Digest != images[i].Digest {
				t.Errorf("%s is %v (%v), want %v", images[i].Platform, got.Digest, err, images[i].Digest)
			}
		}
		if d, err := c.Resolve(t.Context(), r.Host+"/os:1", "linux/arm64/v8"); err != nil || d.Digest != images[1].Digest {
			t.Errorf("arm64/v8 is %v (%v)", d.Digest, err)
		}
		if _, err := c.Resolve(t.Context(), r.Host+"/os:1", "linux/s390x"); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "linux/arm/v7") {
			t.Errorf("error %v", err)
		}
		info, err := c.Inspect(t.Context(), r.Host+"/os:1", "linux/arm64")
		if err != nil || info.Index != p.Digest || info.Platform != "linux/arm64" || len(info.Platforms) != 3 || info.Labels["containers.bootc"] != "1" || len(info.Layers) != 2 {
			t.Errorf("inspected %+v, error %v", info, err)
		}

		// The whole index goes to another registry, with what is attached to an instance.
		sig := strings.Replace(images[1].Digest.String(), ":", "-", 1) + ".sig"
		attached, err := c.GetManifest(t.Context(), r.Host+"/os@"+images[0].Digest.String()) // any manifest will do
		if err == nil {
			err = c.PutManifest(t.Context(), r.Host+"/os:"+sig, attached)
		}
		if err != nil {
			t.Fatal(err)
		}
		copied, err := c.Copy(t.Context(), r.Host+"/os:1", other.Host+"/mirror/os:stable", registry.CopyOptions{Signatures: true})
		if err != nil || copied.Digest != p.Digest || !slices.Equal(copied.Tags, []string{"stable"}) {
			t.Fatalf("copied %+v, error %v", copied, err)
		}
		for _, ref := range []string{":stable", "@" + images[2].Digest.String(), ":" + sig} {
			if _, err := c.Resolve(t.Context(), other.Host+"/mirror/os"+ref, ""); err != nil {
				t.Error(err)
			}
		}
		if tags, err := c.Tags(t.Context(), other.Host+"/mirror/os"); err != nil || !slices.Equal(tags, []string{"stable"}) {
			t.Errorf("tags %v, error %v", tags, err)
		}

		// Within one registry no blob moves.
		r.Reset()
		copied, err = c.Copy(t.Context(), r.Host+"/os:1", r.Host+"/again", registry.CopyOptions{})
		if err != nil || copied.Digest != p.Digest || len(copied.Tags) != 0 || r.Uploaded() != 0 || r.Downloaded() != 0 {
			t.Errorf("copied %+v, %d bytes up, %d down, error %v", copied, r.Uploaded(), r.Downloaded(), err)
		}
	})
}

func TestPublishIndexRefuses(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	a, b := makeImage(t, "linux/arm64", 1), makeImage(t, "linux/arm64", 2)
	b.Platform = "linux/arm64/v8"
	for text, images := range map[string][]bootc.Image{
		"no images":               nil,
		"both for linux/arm64/v8": {a, b},
		"is not a platform":       {a, {Platform: "amd64"}},
	} {
		if _, err := c.PublishIndex(t.Context(), images, r.Host+"/os", unsigned); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v", text, err)
		}
	}
	if n := len(r.Requests()); n > 0 {
		t.Errorf("%d requests before the mistakes were found", n)
	}
}

func TestTagsAndDelete(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{})
		c := client(r)
		img := makeImage(t, "linux/amd64", 1)
		if _, err := c.Tags(t.Context(), r.Host+"/os"); t.Name() == "TestTagsAndDelete/docker-registry" && !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("error %v", err)
		}
		var want []string
		for i := range 120 { // more than a page
			want = append(want, fmt.Sprintf("v%03d", i))
		}
		if _, err := c.Publish(t.Context(), img, r.Host+"/os", registry.PublishOptions{Unsigned: true, Tags: want}); err != nil {
			t.Fatal(err)
		}
		m, err := c.GetManifest(t.Context(), r.Host+"/os:v000")
		if err != nil {
			t.Fatal(err)
		}
		hex := strings.Replace(img.Digest.String(), ":", "-", 1)
		for _, tag := range []string{hex, hex + ".sig", hex + ".att", hex + ".sbom", "sha256-is-no-signature"} {
			if err := c.PutManifest(t.Context(), r.Host+"/os:"+tag, m); err != nil {
				t.Fatal(err)
			}
		}
		tags, err := c.Tags(t.Context(), r.Host+"/os")
		slices.Sort(tags)
		if want = append([]string{"sha256-is-no-signature"}, want...); err != nil || !slices.Equal(tags, want) {
			t.Errorf("tags %v, error %v", tags, err)
		}

		err = c.Delete(t.Context(), r.Host+"/os:v000")
		_, gone := c.Resolve(t.Context(), r.Host+"/os:v000", "")
		if err == nil != errors.Is(gone, registry.ErrNotFound) || err != nil && !errors.Is(err, registry.ErrUnsupported) {
			t.Errorf("deleted a tag: %v; it is then %v", err, gone)
		}
		if _, err := c.Resolve(t.Context(), r.Host+"/os:v001", ""); err != nil {
			t.Errorf("the other tags went too: %v", err)
		}
		if err := c.Delete(t.Context(), r.Host+"/os@"+img.Digest.String()); err != nil {
			t.Error(err)
		}
		if _, err := c.Resolve(t.Context(), r.Host+"/os:v001", ""); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("error %v", err)
		}
		for _, ref := range []string{r.Host + "/os", r.Host + "/os:1@" + img.Digest.String()} {
			if err := c.Delete(t.Context(), ref); !errors.Is(err, registry.ErrInvalidReference) {
				t.Errorf("%s: error %v", ref, err)
			}
		}
	})
}

func TestTagPages(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	page := func(link, body string) testkit.Action {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Link", link)
			io.WriteString(w, body)
		}
	}
	list := testkit.PathContains("GET", "/tags/list")
	r.Inject(testkit.Fault{Match: list, Times: 1, Do: page(`</v2/os/tags/list?last=b&n=2>; rel="next"`, `{"tags":["a","b"]}`)})
	r.Inject(testkit.Fault{Match: list, Times: 1, Do: testkit.Status(503, 0)})
	r.Inject(testkit.Fault{Match: list, Times: 1, Do: page("", `{"tags":["c"]}`)})
	tags, err := c.Tags(t.Context(), r.Host+"/os")
	if err != nil || !slices.Equal(tags, []string{"a", "b", "c"}) {
		t.Errorf("tags %v, error %v", tags, err)
	}
	if q := r.Requests(); q[len(q)-1].Query != "last=b&n=2" {
		t.Errorf("asked for the second page with %q", q[len(q)-1].Query)
	}
	for _, bad := range []testkit.Action{page(`<http://127.0.0.1:1/v2/os/tags/list>; rel="next"`, `{"tags":[]}`), page("", `{"tags":`)} {
		r.Reset()
		r.Inject(testkit.Fault{Match: list, Do: bad})
		if _, err := c.Tags(t.Context(), r.Host+"/os"); err == nil || !strings.Contains(err.Error(), "list of tags") {
			t.Errorf("error %v", err)
		}
	}
}

// TestPushIndexLayout: a layout may hold an index, which is pushed with its instances.
func TestPushIndexLayout(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	img := makeImage(t, "linux/amd64", 1)
	blobs := filepath.Join(dirOf(img), "blobs", "sha256")
	info, err := os.Stat(filepath.Join(blobs, img.Digest.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	// Without a mediaType of its own, which OCI allows.
	data := fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, img.MediaType, img.Digest, info.Size())
	index := registry.NewManifest(v1.MediaTypeImageIndex, data)
	if err := os.WriteFile(filepath.Join(blobs, index.Digest.Encoded()), data, 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := c.Push(t.Context(), bootc.Image{Digest: index.Digest, Location: img.Location}, r.Host+"/os")
	if err != nil || p.MediaType != v1.MediaTypeImageIndex {
		t.Fatalf("pushed %+v, error %v", p, err)
	}
	for _, m := range []registry.Manifest{index, {Digest: img.Digest}} {
		if _, err := c.GetManifest(t.Context(), r.Host+"/os@"+m.Digest.String()); err != nil {
			t.Error(err)
		}
	}
	img.Digest, img.Platform = index.Digest, "linux/amd64"
	if _, err := c.PublishIndex(t.Context(), []bootc.Image{img}, r.Host+"/os", unsigned); err == nil || !strings.Contains(err.Error(), "is an index") {
		t.Errorf("an index in an index: error %v", err)
	}
}

func TestPrimitives(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	c := client(r)
	d, err := c.PutBlob(t.Context(), r.Host+"/sig", "text/plain", []byte("payload"))
	if err != nil || d.Size != 7 || d.MediaType != "text/plain" {
		t.Fatalf("%+v, %v", d, err)
	}
	b, err := c.GetBlob(t.Context(), r.Host+"/sig@"+d.Digest.String(), 7)
	if err != nil || string(b) != "payload" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := c.GetBlob(t.Context(), r.Host+"/sig@"+d.Digest.String(), 6); err == nil || !strings.Contains(err.Error(), "more than 6 bytes") {
		t.Errorf("error %v", err)
	}
	if _, err := c.GetBlob(t.Context(), r.Host+"/sig:1", 6); !errors.Is(err, registry.ErrInvalidReference) {
		t.Errorf("error %v", err)
	}
	empty, err := c.PutBlob(t.Context(), r.Host+"/sig", "application/vnd.oci.empty.v1+json", nil)
	if err != nil || empty.Size != 0 {
		t.Errorf("%+v, %v", empty, err)
	}
	m := registry.NewManifest(v1.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"config":{},"layers":[]}`))
	other := m
	other.Data = []byte("x")
	if err := c.PutManifest(t.Context(), r.Host+"/sig@"+d.Digest.String(), m); !errors.Is(err, registry.ErrDigestMismatch) {
		t.Errorf("error %v", err)
	}
}

// picky changes the Client that it is lent.
type picky struct {
	signer
	change func(*registry.Client)
}

func (p *picky) Sign(ctx context.Context, c registry.Client, pub registry.Published, names []string) error {
	p.change(&c)
	return p.signer.Sign(ctx, c, pub, names)
}

// A Signer's calls share the login of the publish, but for a Signer that comes as somebody else.
func TestLentClient(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "u", Password: "p"})
	img := makeImage(t, "linux/amd64", 1)
	for name, tt := range map[string]struct {
		change func(*registry.Client)
		want   error
	}{
		"as it is":   {func(*registry.Client) {}, nil},
		"its events": {func(c *registry.Client) { c.OnEvent = nil }, nil},
		"other login": {func(c *registry.Client) {
			c.Credentials = map[string]registry.Credential{r.Host: {Username: "u", Password: "no"}}
		}, registry.ErrUnauthorized},
		"login taken": {func(c *registry.Client) { delete(c.Credentials, r.Host) }, registry.ErrUnauthorized},
		"other trust": {func(c *registry.Client) { c.CA = nil }, registry.ErrTLS},
		"bad trust":   {func(c *registry.Client) { c.CA = []byte("none") }, nil},
	} {
		p := &picky{change: tt.change}
		_, err := client(r).Publish(t.Context(), img, r.Host+"/os", registry.PublishOptions{Tags: []string{"1"}, Signer: p})
		_, field := errors.AsType[*bootc.FieldError](err)
		if name != "bad trust" && !errors.Is(err, tt.want) || (name == "bad trust") != field {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
}

// Calls of a kept Client ask for one token.
func TestKeep(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "u", Password: "p", TokenLifetime: time.Hour})
	c, done, err := client(r).Keep()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := c.PutBlob(t.Context(), r.Host+"/os", "text/plain", []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	done()
	if _, err := c.PutBlob(t.Context(), r.Host+"/os", "text/plain", []byte("after done")); err != nil {
		t.Error(err)
	}
	tokens := 0
	for _, q := range r.Requests() {
		if strings.HasPrefix(q.Path, "/token") {
			tokens++
		}
	}
	if tokens != 1 {
		t.Errorf("%d tokens: %+v", tokens, r.Requests())
	}
	bad := client(r)
	bad.CA = []byte("none")
	if _, done, err := bad.Keep(); err == nil || done == nil {
		t.Errorf("error %v", err)
	}
}
