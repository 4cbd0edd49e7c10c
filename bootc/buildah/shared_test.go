//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

// machine is an engine with a Root of its own that uses a cache.
func machine(t testing.TB, client registry.Client, cache buildah.Cache, change func(*buildah.Options)) *buildah.Engine {
	t.Helper()
	return hybrid(t, t.TempDir(), func(o *buildah.Options) {
		o.Registry, o.Cache = client, cache
		if change != nil {
			change(o)
		}
	})
}

// random has something in it that no other build comes to.
var random = sh("head -c 300000 /dev/urandom >/usr/lib/random")

// withTail adds a file after what runs.
func withTail(p bootc.Plan, content string) bootc.Plan {
	p.Containerfile.Stages[0].Steps = append(slices.Clip(p.Containerfile.Stages[0].Steps), containerfile.Add{Sources: []string{"tail.tar"}, Dest: "/"})
	p.Archives = append(slices.Clip(p.Archives), bootc.Archive{Name: "tail.tar", Epoch: epoch, Entries: []bootc.Entry{{Path: "/usr/lib/tail", Mode: 0o644, Content: bootc.Text(content)}}})
	p.Annotations = map[string]string{"acme": content}
	return p
}

// built is a build, and what was told of it.
func built(t testing.TB, e *buildah.Engine, p bootc.Plan, o bootc.BuildOptions) (bootc.Image, *recorder) {
	t.Helper()
	r := &recorder{t: t}
	o.OnEvent = r.on
	img, err := e.Build(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return img, r
}

// ran says whether a step ran that is not Cached.
func (r *recorder) ran() bool {
	return slices.ContainsFunc(r.kinds(bootc.EventStep), func(e bootc.Event) bool { return strings.HasPrefix(e.Text, "RUN") && !e.Cached })
}

// cache are the events of a kind about the cache.
func (r *recorder) cache(k bootc.EventKind) []bootc.Event {
	return slices.DeleteFunc(r.kinds(k), func(e bootc.Event) bool { return e.Op != "cache" })
}

// TestShared: what one machine has run, another takes from the registry.
func TestShared(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	for name, start := range map[string]func(testing.TB, testkit.RegistryOptions) *testkit.Registry{"olareg": testkit.NewOlareg, "docker-registry": testkit.NewDockerRegistry} {
		reg := start(t, testkit.RegistryOptions{TLS: true, Username: "ci", Password: "secret-of-ci"})
		client := clientOf(reg)
		push(t, client, reg.Host+"/acme/base:1", "")
		for _, ref := range []string{reg.Host + "/acme/base:1", tinyRef(t)} {
			for _, noDirect := range []bool{true, false} {
				t.Run(fmt.Sprint(name, " ", strings.HasPrefix(ref, "oci:"), " ", noDirect), func(t *testing.T) {
					cache := buildah.Cache{Repository: fmt.Sprintf("%s/cache/edge-%t-%t", reg.Host, noDirect, strings.HasPrefix(ref, "oci:")), Key: bootc.SecretBytes([]byte("a secret of all machines"))}
					change := func(o *buildah.Options) { o.NoDirect = noDirect }
					a := machine(t, client, cache, change)
					p := withTail(plan(inspect(t, a, ref), files(), random, containerfile.Label{{Key: "acme", Value: "one"}}), "one")
					first, r := built(t, a, p, bootc.BuildOptions{})
					if put := r.cache(bootc.EventDone); !r.ran() || len(put) != 1 || put[0].Cached || !strings.HasPrefix(put[0].Ref, cache.Repository+":") {
						t.Errorf("the first build ran: %t, and told of the cache %+v", r.ran(), put)
					}

					b := machine(t, client, cache, change)
					inspect(t, b, ref)
					reg.Reset()
					again, r := built(t, b, p, bootc.BuildOptions{})
					if hit := r.cache(bootc.EventDone); again.Digest != first.Digest || r.ran() || len(hit) != 1 || !hit[0].Cached {
						t.Errorf("the second build gave %s and not %s, ran: %t, and told of the cache %+v", again.Digest, first.Digest, r.ran(), hit)
					}
					if warned := r.kinds(bootc.EventWarning); len(warned) > 0 {
						t.Errorf("warnings %+v", warned)
					}
					if got, most := reg.Downloaded(), first.AddedBytes()+32<<10; got > most { // nothing of the base
						t.Errorf("%d bytes came from the registry, the layers have %d", got, first.AddedBytes())
					}
					if !slices.EqualFunc(again.Layers, first.Layers, func(a, b bootc.Layer) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) ||
						again.BaseLocation != first.BaseLocation || again.BaseDigest != first.BaseDigest {
						t.Errorf("%+v\nis not\n%+v", again, first)
					}
					out := t.TempDir() + "/out"
					if _, r := built(t, b, p, bootc.BuildOptions{Output: "oci:" + out}); r.ran() || len(r.cache(bootc.EventDone)) != 0 {
						t.Error("the third build, on the second machine, did not remember")
					}
					if _, err := testkit.LayerEntries(out); err != nil {
						t.Error(err)
					}
					if noDirect {
						return
					}
					c := machine(t, client, cache, change)
					inspect(t, c, ref)
					changed, r := built(t, c, withTail(plan(p.Base, files(), random, containerfile.Label{{Key: "acme", Value: "one"}}), "two"), bootc.BuildOptions{})
					n := len(first.Layers) - 1
					if changed.Digest == first.Digest || changed.Layers[n-1].Digest != first.Layers[n-1].Digest || r.ran() {
						t.Errorf("another file gave layers %+v, and ran: %t", changed.Layers, r.ran())
					}
					left(t, b)
				})
			}
		}
	}
}

// TestSharedOptions: what is not read from the cache, and what is not put there.
func TestSharedOptions(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	client := clientOf(reg)
	cache := buildah.Cache{Repository: reg.Host + "/cache/edge"}
	tags := func() int {
		t.Helper()
		tags, err := client.Tags(t.Context(), cache.Repository)
		if err != nil && !strings.Contains(err.Error(), "not found") {
			t.Fatal(err)
		}
		return len(tags)
	}
	e := machine(t, client, cache, nil)
	base := inspect(t, e, tinyRef(t))

	secret := plan(base, nil, containerfile.Run{
		Command: containerfile.Command{Shell: "cat /run/secrets/token >/usr/lib/token"},
		Mounts:  []containerfile.Mount{{Type: "secret", ID: "token", Required: true}},
	})
	secret.Secrets = []string{"token"}
	_, r := built(t, e, secret, bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{"token": bootc.SecretBytes([]byte("hunter22"))}})
	if !r.ran() || tags() != 0 || len(reg.Requests()) > 1 {
		t.Errorf("with a secret there are %d tags, and the registry saw %+v", tags(), reg.Requests())
	}
	reader := cache
	reader.ReadOnly = true
	if _, r := built(t, machine(t, client, reader, nil), plan(base, nil, random), bootc.BuildOptions{}); !r.ran() || tags() != 0 || len(r.cache(bootc.EventWarning)) != 0 {
		t.Errorf("read only, there are %d tags", tags())
	}
	first, _ := built(t, e, plan(base, nil, random), bootc.BuildOptions{})
	if tags() != 1 {
		t.Errorf("there are %d tags", tags())
	}
	if img, r := built(t, machine(t, client, reader, nil), plan(base, nil, random), bootc.BuildOptions{}); r.ran() || img.Digest != first.Digest {
		t.Errorf("read only, the cache did not answer")
	}
	for name, o := range map[string]bootc.BuildOptions{"NoCache": {NoCache: true}, "PullAlways": {Pull: bootc.PullAlways}} {
		if _, r := built(t, machine(t, client, cache, nil), plan(base, nil, random), o); !r.ran() {
			t.Errorf("%s: the cache answered", name)
		}
	}
	if img, _ := built(t, machine(t, client, cache, nil), plan(base, nil, random), bootc.BuildOptions{}); img.Digest == first.Digest || tags() != 1 {
		t.Errorf("%d tags, the entry is the first one after builds that did not ask: %t", tags(), img.Digest == first.Digest)
	}
	if _, r := built(t, machine(t, client, cache, func(o *buildah.Options) { o.Compression = bootc.Zstd }), plan(base, nil, random), bootc.BuildOptions{}); !r.ran() {
		t.Error("what was compressed in another way is the answer")
	}
	// A part of a build is the same whatever the whole is checked for.
	if _, r := built(t, machine(t, client, cache, func(o *buildah.Options) { o.SkipLint = false; o.Lint.Rules = rules("BL118") }), plan(base, nil, random), bootc.BuildOptions{}); r.ran() {
		t.Error("another check of the whole runs the part again")
	}
}

// TestSharedBroken: a registry that is of no use costs a warning and a little time.
func TestSharedBroken(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	gone := testkit.NewOlareg(t, testkit.RegistryOptions{})
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		reg     *testkit.Registry
		client  func(*registry.Client)
		warning string
	}{
		"down":             {reg: gone, warning: "connection refused"},
		"no login":         {reg: testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "ci", Password: "x"}), client: func(c *registry.Client) { c.Credentials = nil }, warning: "unauthorized"},
		"only for reading": {reg: testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, ReadOnly: true}), warning: "405 method not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			client := clientOf(c.reg)
			client.Retry.Delay = time.Millisecond
			if c.client != nil {
				c.client(&client)
			}
			e := machine(t, client, buildah.Cache{Repository: c.reg.Host + "/cache/edge"}, nil)
			_, r := built(t, e, plan(inspect(t, e, tinyRef(t)), nil, random), bootc.BuildOptions{})
			warned := r.kinds(bootc.EventWarning)
			if len(warned) != 1 || warned[0].Op != "cache" || !strings.Contains(strings.ToLower(warned[0].Text), c.warning) || !r.ran() {
				t.Errorf("warnings %+v", warned)
			}
			left(t, e)
		})
	}
}

// forged is an entry, and how it is changed.
type forged struct {
	entry    v1.Manifest
	manifest v1.Manifest
	config   v1.Image
	proof    string // annotation of the entry, if it is not the one before
}

// TestSharedHostile: an entry that is not what was asked for is refused, and a good one takes its place.
func TestSharedHostile(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	client := clientOf(reg)
	cache := buildah.Cache{Repository: reg.Host + "/cache/edge"}
	locked := cache
	locked.Key = bootc.SecretBytes([]byte("a secret of all machines"))
	const layer = "not the layer"
	good := locked
	good.Repository += "-good"
	a := machine(t, client, good, func(o *buildah.Options) { o.NoDirect = true }) // so that the entry is the image
	p := plan(inspect(t, a, tinyRef(t)), nil, random)
	first, _ := built(t, a, p, bootc.BuildOptions{})
	tags, err := client.Tags(t.Context(), good.Repository)
	if err != nil || len(tags) != 1 {
		t.Fatal(tags, err)
	}
	for name, c := range map[string]struct {
		change  func(*forged)
		cache   buildah.Cache
		warning string
	}{
		"nothing":            {change: func(*forged) {}, cache: cache},
		"nothing with key":   {change: func(*forged) {}, cache: locked},
		"another type":       {change: func(f *forged) { f.entry.ArtifactType = "application/vnd.acme" }, cache: cache, warning: "not one of a build"},
		"no files":           {change: func(f *forged) { f.entry.Layers = f.entry.Layers[:1] }, cache: cache, warning: "not one of a build"},
		"fewer layers":       {change: func(f *forged) { f.entry.Layers = f.entry.Layers[:2] }, cache: cache, warning: "its files are not what its manifest lists"},
		"another base":       {change: func(f *forged) { f.config.RootFS.DiffIDs[0] = digest.FromString("x") }, cache: cache, warning: "does not start with the layers of its base"},
		"another base layer": {change: func(f *forged) { f.manifest.Layers[0].Digest = digest.FromString("x") }, cache: cache, warning: "does not have the layers of the base"},
		"another layer":      {change: func(f *forged) { f.config.RootFS.DiffIDs[2] = digest.FromString("x") }, cache: cache, warning: "what should be layer"},
		"no layer": {change: func(f *forged) {
			f.manifest.Layers[2].Digest = digest.FromString(layer)
			f.entry.Layers[2].Digest = digest.FromString(layer)
			f.entry.Layers[2].Annotations[v1.AnnotationTitle] = digest.FromString(layer).Encoded()
			f.manifest.Layers[2].Size, f.entry.Layers[2].Size = int64(len(layer)), int64(len(layer))
		}, cache: cache, warning: "what should be layer"},
		"a layer from elsewhere": {change: func(f *forged) { f.manifest.Layers[2].URLs = []string{"https://example.com/x"} }, cache: cache, warning: "and nothing else"},
		"a layer of another type": {change: func(f *forged) {
			f.manifest.Layers[2].MediaType = v1.MediaTypeImageLayer
		}, cache: cache, warning: "and nothing else"},
		"a base layer from elsewhere":         {change: func(f *forged) { f.manifest.Layers[0].URLs = []string{"https://example.com/x"} }, cache: cache, warning: "does not have the layers of the base"},
		"a name that leads out":               {change: func(f *forged) { f.entry.Layers[0].Annotations[v1.AnnotationTitle] = "../../escaped" }, cache: cache, warning: "is not the name of a file"},
		"another platform":                    {change: func(f *forged) { f.config.Architecture = "s390x" }, cache: cache, warning: "it is for linux/s390x"},
		"another time":                        {change: func(f *forged) { f.config.Created = &time.Time{} }, cache: cache, warning: "at the time of the plan"},
		"other annotations":                   {change: func(f *forged) { f.manifest.Annotations["acme"] = "x" }, cache: cache, warning: "it has the annotations"},
		"a subject":                           {change: func(f *forged) { f.manifest.Subject = &v1.Descriptor{MediaType: "x/y", Digest: digest.FromString("x")} }, cache: cache, warning: "not as this engine writes it"},
		"no proof":                            {change: func(f *forged) { f.proof = "-" }, cache: locked, warning: "does not have Options.Cache.Key"},
		"another image with the proof of one": {change: func(f *forged) { f.config.Config.Labels = map[string]string{"a": "b"} }, cache: locked, warning: "does not have Options.Cache.Key"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := c.cache
			cache.Repository += "-" + digest.FromString(name).Encoded()[:8]
			if _, err := client.Copy(t.Context(), good.Repository+":"+tags[0], cache.Repository+":"+tags[0], registry.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
			forge(t, client, cache.Repository, layer, c.change)
			img, r := built(t, machine(t, client, cache, func(o *buildah.Options) { o.NoDirect = true }), p, bootc.BuildOptions{})
			warned := r.kinds(bootc.EventWarning)
			if c.warning == "" {
				if len(warned) != 0 || r.ran() || img.Digest != first.Digest {
					t.Errorf("warnings %+v, ran: %t, digest %s", warned, r.ran(), img.Digest)
				}
				return
			}
			if len(warned) != 1 || !strings.Contains(warned[0].Text, c.warning) || !r.ran() || img.Digest == first.Digest {
				t.Errorf("warnings %+v, ran: %t", warned, r.ran())
			}
			now, err := client.Artifact(t.Context(), cache.Repository+":"+tags[0], "")
			if err != nil || len(now.Files) != 3 || now.Files[0].Digest != img.Digest {
				t.Errorf("no good entry took its place, but %+v, %v", now, err)
			}
		})
	}
}

// forge changes the one entry of a cache.
func forge(t *testing.T, c registry.Client, repository, blob string, change func(*forged)) {
	t.Helper()
	tags, err := c.Tags(t.Context(), repository)
	if err != nil || len(tags) != 1 {
		t.Fatal(tags, err)
	}
	m, err := c.GetManifest(t.Context(), repository+":"+tags[0])
	if err != nil {
		t.Fatal(err)
	}
	var f forged
	read := func(data []byte, to any) {
		t.Helper()
		if err := json.Unmarshal(data, to); err != nil {
			t.Fatal(err)
		}
	}
	get := func(d v1.Descriptor, to any) {
		t.Helper()
		data, err := c.GetBlob(t.Context(), repository+"@"+d.Digest.String(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		read(data, to)
	}
	put := func(v any) v1.Descriptor {
		t.Helper()
		data, ok := v.([]byte)
		if !ok {
			if data, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		d, err := c.PutBlob(t.Context(), repository, "", data)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	as := func(d *v1.Descriptor, new v1.Descriptor) { d.Digest, d.Size = new.Digest, new.Size }
	read(m.Data, &f.entry)
	get(f.entry.Layers[0], &f.manifest)
	get(f.entry.Layers[1], &f.config)
	before, _ := json.Marshal(f.config)
	change(&f)
	if after, _ := json.Marshal(f.config); string(after) != string(before) {
		d := put(f.config)
		as(&f.manifest.Config, d)
		as(&f.entry.Layers[1], d)
		f.entry.Layers[1].Annotations[v1.AnnotationTitle] = d.Digest.Encoded()
	}
	as(&f.entry.Layers[0], put(f.manifest))
	put([]byte(blob))
	if f.proof != "" {
		for k := range f.entry.Annotations {
			f.entry.Annotations[k] = f.proof
		}
	}
	data, err := json.Marshal(f.entry)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.PutManifest(t.Context(), repository+":"+tags[0], registry.NewManifest(f.entry.MediaType, data)); err != nil {
		t.Fatal(err)
	}
}
