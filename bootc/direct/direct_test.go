package direct_test

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/lint"
	"github.com/bootloom/bootloom/registry"
)

func open(t testing.TB, o direct.Options) *direct.Engine {
	t.Helper()
	if o.Root == "" {
		o.Root = t.TempDir()
	}
	o.SkipLint = o.Lint.Rules == nil // the bases here do not boot
	e, err := direct.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// served is the Tiny base in a registry.
func served(t testing.TB) (*testkit.Registry, registry.Client, string) {
	t.Helper()
	r := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true})
	c := registry.Client{CA: r.CA, Anonymous: true}
	base := bootc.Image{Location: "oci:" + testkit.Base(t, testkit.Tiny)}
	if _, err := c.Publish(t.Context(), base, r.Host+"/base/tiny", registry.PublishOptions{Tags: []string{"1"}, Unsigned: true}); err != nil {
		t.Fatal(err)
	}
	return r, c, r.Host + "/base/tiny:1"
}

func edge(base string) bootc.Spec {
	return bootc.From(base).
		DropIn("/usr/lib/sysctl.d/50-edge.conf", "net.ipv4.ip_forward = 1\n").
		Kargs("console=ttyS0").
		Unit("edge.service", "[Service]\nExecStart=/usr/libexec/edge\n[Install]\nWantedBy=multi-user.target\n").
		Label("org.opencontainers.image.version", "1.4.0 for $5")
}

// TestBuild makes an image without looking into its base, publishes it beside the base, and counts the bytes.
func TestBuild(t *testing.T) {
	r, c, ref := served(t)
	e := open(t, direct.Options{Registry: c})
	before := len(r.Requests())
	var events []bootc.Event
	img, err := bootc.Build(t.Context(), e, edge(ref), bootc.BuildOptions{OnEvent: func(ev bootc.Event) { events = append(events, ev) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range r.Requests()[before:] {
		if strings.Contains(q.Path, "/blobs/") && q.Out > 64<<10 {
			t.Errorf("%s %s brought %d bytes of the base", q.Method, q.Path, q.Out)
		}
	}
	p, err := c.Publish(t.Context(), img, r.Host+"/acme/os", registry.PublishOptions{Tags: []string{"1"}, Unsigned: true})
	if err != nil {
		t.Fatal(err)
	}
	if p.Uploaded > img.AddedBytes()+64<<10 {
		t.Errorf("%d bytes sent, %d are new", p.Uploaded, img.AddedBytes())
	}
	image, err := c.Open(t.Context(), bootc.Image{Location: p.Reference()}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	_, baseManifest, baseConfig, err := testkit.ReadImage(testkit.Base(t, testkit.Tiny))
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range baseManifest.Layers {
		if image.Layers[i].Digest != l.Digest {
			t.Errorf("layer %d is %s, of the base %s", i, image.Layers[i].Digest, l.Digest)
		}
	}
	if got := image.Labels["org.opencontainers.image.version"]; got != "1.4.0 for $5" {
		t.Errorf("the label is %q", got)
	}
	if len(image.Config.History) != len(baseConfig.History)+2 || len(image.Config.RootFS.DiffIDs) != len(image.Layers) {
		t.Errorf("history %+v, %d diff ids", image.Config.History, len(image.Config.RootFS.DiffIDs))
	}
	if n := len(events); n == 0 || events[n-1].Op != "commit" {
		t.Errorf("events %+v", events)
	}
}

// TestDigest: the same plan gives the same digest in another engine, and after the first.
func TestDigest(t *testing.T) {
	_, c, ref := served(t)
	var digests []string
	for range 2 {
		e := open(t, direct.Options{Registry: c})
		for range 2 {
			img, err := bootc.Build(t.Context(), e, edge(ref), bootc.BuildOptions{})
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, img.Digest.String())
		}
	}
	for _, d := range digests {
		if d != digests[0] {
			t.Errorf("digests %v", digests)
			break
		}
	}
}

// TestParents: a layer says of the directories it passes through what the base says.
func TestParents(t *testing.T) {
	dir := t.TempDir()
	_, err := testkit.WriteLayout(dir, baseConfig(), func(tw *tar.Writer) error {
		for _, h := range []tar.Header{
			{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "etc/closed/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: 7, Gid: 8},
			{Name: "usr/", Typeflag: tar.TypeDir, Mode: 0o755},
			{Name: "usr/local", Typeflag: tar.TypeSymlink, Linkname: "../var/usrlocal"},
			{Name: "var/usrlocal/", Typeflag: tar.TypeDir, Mode: 0o750},
			{Name: "opt/file", Typeflag: tar.TypeReg, Mode: 0o644},
		} {
			if err := tw.WriteHeader(&h); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, direct.Options{})
	base := bootc.From("oci:" + dir)
	img, err := bootc.Build(t.Context(), e, base.
		File("/etc/closed/in/a", "a").
		File("/usr/local/bin/b", "b").
		With(bootc.Dir{Path: "/etc/own", Mode: 0o711, Owner: "5:6"}).File("/etc/own/c", "c"), bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := entries(t, img)
	for name, want := range map[string]string{
		"etc":                "5 0755 0:0",
		"etc/closed":         "5 0700 7:8",
		"etc/closed/in":      "5 0755 0:0",
		"etc/closed/in/a":    "0 0644 0:0",
		"etc/own":            "5 0711 5:6",
		"var/usrlocal":       "5 0750 0:0",
		"var/usrlocal/bin/b": "0 0644 0:0",
		"var/usrlocal/bin":   "5 0755 0:0",
		"usr/local":          "",
		"usr/local/bin/b":    "",
		"var":                "5 0755 0:0",
		"etc/own/c":          "0 0644 0:0",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	_, err = bootc.Build(t.Context(), e, base.File("/opt/file/x", "x"), bootc.BuildOptions{})
	if fields := bootc.FieldErrors(err); len(fields) != 1 || fields[0].Path != "Features[0].File" || !strings.Contains(err.Error(), "no directory") {
		t.Errorf("a file below a file: %v", err)
	}
}

// TestFacts: features ask for what only the base's files say.
func TestFacts(t *testing.T) {
	_, c, ref := served(t)
	root := t.TempDir()
	for range 2 { // the second time from what was kept
		e := open(t, direct.Options{Registry: c, Root: root})
		base, err := e.Inspect(t.Context(), ref, bootc.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(base.Files, "etc/passwd", "etc/os-release"); err != nil && !strings.Contains(err.Error(), "no regular file") {
			t.Error(err)
		}
		full, err := base.Infer()
		if err != nil || full.OSRelease["ID"] != "tiny" || full.Family != bootc.Debian {
			t.Errorf("%+v %v", full.OSRelease, err)
		}
		if b, err := full.ReadFile("/bin/busybox"); err != nil || len(b) < 1<<20 {
			t.Errorf("a file that is not kept: %d bytes, %v", len(b), err)
		}
	}
}

// TestObstacles: what cannot be done here is named, and done elsewhere if there is an elsewhere.
func TestObstacles(t *testing.T) {
	_, c, ref := served(t)
	spec := edge(ref).Script("probe", "true")
	e := open(t, direct.Options{Registry: c})
	_, err := bootc.Build(t.Context(), e, spec, bootc.BuildOptions{})
	o, ok := errors.AsType[*direct.ObstacleError](err)
	if !ok || len(o.Obstacles) != 1 || !strings.Contains(err.Error(), "Script") || !strings.Contains(err.Error(), "runs a program") {
		t.Fatalf("%v", err)
	}
}

// TestSecretFile puts a secret where it belongs, and nowhere else.
func TestSecretFile(t *testing.T) {
	const canary = "canary-3f8a91"
	dir := t.TempDir()
	e := open(t, direct.Options{Root: dir})
	spec := bootc.From("oci:" + testkit.Base(t, testkit.Tiny)).With(bootc.FileFromSecret{Path: "/etc/acme/token", Secret: "token"})
	if _, err := bootc.Build(t.Context(), e, spec, bootc.BuildOptions{}); err == nil || !strings.Contains(err.Error(), `"token"`) {
		t.Errorf("without a value: %v", err)
	}
	img, err := bootc.Build(t.Context(), e, spec, bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{"token": bootc.SecretBytes([]byte(canary))}})
	if err != nil {
		t.Fatal(err)
	}
	if got := entries(t, img)["etc/acme/token"]; got != "0 0600 0:0" {
		t.Errorf("the file is %q", got)
	}
	layout := strings.TrimSuffix(strings.TrimPrefix(img.Location, "oci:"), ":image")
	for _, d := range []string{img.Digest.Encoded()} {
		b, err := os.ReadFile(filepath.Join(layout, "blobs", "sha256", d))
		if err != nil || strings.Contains(string(b), canary) {
			t.Errorf("the manifest: %v", err)
		}
	}
}

// TestBaseRequests counts what the base costs: manifest and config once, and then the question where its tag points. A tag
// that moves is followed, there and back, and PullNever is for where it pointed last.
func TestBaseRequests(t *testing.T) {
	r, c, ref := served(t)
	e := open(t, direct.Options{Registry: c})
	ask := func(o bootc.BuildOptions) (bootc.Base, []string) {
		t.Helper()
		before := len(r.Requests())
		b, err := e.Inspect(t.Context(), ref, o)
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, q := range r.Requests()[before:] {
			what, _, _ := strings.Cut(strings.TrimPrefix(q.Path, "/v2/base/tiny/"), "/")
			seen = append(seen, q.Method+" "+what)
		}
		return b, seen
	}
	unseen, seen := []string{"HEAD manifests", "GET manifests", "GET blobs"}, []string{"HEAD manifests"}
	first, got := ask(bootc.BuildOptions{})
	if !slices.Equal(got, unseen) {
		t.Errorf("a base not seen before: %v", got)
	}
	other, err := bootc.Build(t.Context(), e, edge(ref), bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	repository := strings.TrimSuffix(ref, ":1")
	if _, err := c.Publish(t.Context(), other, repository, registry.PublishOptions{Tags: []string{"1"}, Unsigned: true}); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{unseen, seen, seen} {
		if i == 2 {
			if _, err := c.Copy(t.Context(), repository+"@"+first.Digest.String(), ref, registry.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
			other.Digest = first.Digest
		}
		if b, got := ask(bootc.BuildOptions{}); b.Digest != other.Digest || !slices.Equal(got, want) {
			t.Errorf("%d: %s, want %s; requests %v, want %v", i, b.Digest, other.Digest, got, want)
		}
		if b, got := ask(bootc.BuildOptions{Pull: bootc.PullNever}); b.Digest != other.Digest || len(got) > 0 {
			t.Errorf("%d, never pulled: %s, want %s; requests %v", i, b.Digest, other.Digest, got)
		}
	}
}

// TestOutput and TestPullNever: the rest of BuildOptions.
func TestOutput(t *testing.T) {
	_, c, ref := served(t)
	e := open(t, direct.Options{Registry: c})
	out := filepath.Join(t.TempDir(), "out")
	img, err := bootc.Build(t.Context(), e, edge(ref), bootc.BuildOptions{Output: "oci:" + out + ":edge"})
	if err != nil {
		t.Fatal(err)
	}
	layers, err := testkit.LayerEntries(out)
	if err != nil || len(layers) != len(img.Layers) {
		t.Errorf("%d layers of %d, %v", len(layers), len(img.Layers), err)
	}
	if _, err := bootc.Build(t.Context(), e, edge(ref), bootc.BuildOptions{Output: ref}); err == nil {
		t.Error("a reference as output")
	}
}

func TestPullNever(t *testing.T) {
	r, c, ref := served(t)
	e := open(t, direct.Options{Registry: c})
	never := bootc.BuildOptions{Pull: bootc.PullNever}
	if _, err := bootc.Build(t.Context(), e, edge(ref), never); !errors.Is(err, bootc.ErrNotPulled) {
		t.Errorf("a base never seen: %v", err)
	}
	if _, err := bootc.Build(t.Context(), e, edge(ref), bootc.BuildOptions{}); err != nil {
		t.Fatal(err)
	}
	n := len(r.Requests())
	if _, err := bootc.Build(t.Context(), e, edge(ref), never); err != nil || len(r.Requests()) != n {
		t.Errorf("a base seen before: %v, %d requests", err, len(r.Requests())-n)
	}
}

// TestScratch has no base.
func TestScratch(t *testing.T) {
	e := open(t, direct.Options{})
	p := bootc.Plan{Base: bootc.Base{Ref: "scratch"}, Epoch: time.Unix(1, 0), Archives: []bootc.Archive{{Name: "a.tar", Entries: []bootc.Entry{{Path: "/opt/x/y", Mode: 0o600}}}}}
	p.Containerfile.Stages = []containerfile.Stage{{From: "scratch", Steps: []containerfile.Step{containerfile.Add{Sources: []string{"a.tar"}, Dest: "/"}}}}
	img, err := e.Build(t.Context(), p, bootc.BuildOptions{Platform: "linux/arm64"})
	if err != nil {
		t.Fatal(err)
	}
	if len(img.Layers) != 1 || img.Platform != "linux/arm64" {
		t.Errorf("%+v", img)
	}
}

// TestChanges: a file that changes while it is read is an error, and nothing is left of the build.
func TestChanges(t *testing.T) {
	root := t.TempDir()
	e := open(t, direct.Options{Root: root})
	n := 0
	spec := bootc.From("oci:" + testkit.Base(t, testkit.Tiny)).With(bootc.File{Path: "/usr/lib/x", Content: bootc.FromFS(flaky{&n}, "x")})
	if _, err := bootc.Build(t.Context(), e, spec, bootc.BuildOptions{}); err == nil {
		t.Error("it builds")
	}
	for _, dir := range []string{"blobs", "images"} {
		if left, _ := filepath.Glob(filepath.Join(root, dir, ".*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// flaky is a file that has another byte each time.
type flaky struct{ n *int }

func (f flaky) Open(string) (fs.File, error) {
	*f.n++
	return fstest.MapFS{"x": {Data: []byte{byte(*f.n)}}}.Open("x")
}

// TestLint: a plan with an error is refused before anything is written, and what was checked is not checked again.
func TestLint(t *testing.T) {
	rules := slices.DeleteFunc(lint.Rules(), func(r lint.Rule) bool { return r.ID != "BL105" })
	var reports []lint.Report
	root := t.TempDir()
	e := open(t, direct.Options{Root: root, Lint: lint.Linter{Rules: rules}, OnReport: func(r lint.Report) { reports = append(reports, r) }})
	base := bootc.From("oci:" + testkit.Base(t, testkit.Tiny))
	_, err := bootc.Build(t.Context(), e, base.File("/usr/lib/bootc/kargs.d/10.toml", "kargs = 1\n"), bootc.BuildOptions{})
	found, ok := errors.AsType[*lint.FindingsError](err)
	if !ok || len(found.Report.Findings) != 1 || found.Report.Findings[0].Source == nil {
		t.Fatalf("built: %v", err)
	}
	if blobs, _ := filepath.Glob(filepath.Join(root, "blobs", "*", "*")); len(blobs) > 0 {
		t.Errorf("it wrote %v", blobs)
	}
	reports = nil
	for range 2 {
		if _, err := bootc.Build(t.Context(), e, base.Kargs("quiet"), bootc.BuildOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(reports) != 1 {
		t.Errorf("%d reports of two builds of one plan", len(reports))
	}
}
