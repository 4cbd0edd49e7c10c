//go:build containers_image_openpgp || bootloom_system_gpgme

package main

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// attempt is one run of the program, in a process that can be killed.
type attempt struct {
	Host, Base, Repository, Dir, Key, Motd string
	// Hang makes it stop for ever after so many events.
	Hang int
}

func TestMain(m *testing.M) {
	if text := os.Getenv("RELEASE_ATTEMPT"); text != "" {
		var a attempt
		err := json.Unmarshal([]byte(text), &a)
		if err == nil {
			err = a.run(context.Background())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const diskSize = 1 << 20

// tool stands for the image builder: it makes a disk that no one will make again.
type tool struct{}

func (tool) Preflight(context.Context, diskimage.Job) (bootc.Preflight, error) { return nil, nil }

func (tool) Run(_ context.Context, j diskimage.Job) error {
	dir := filepath.Join(j.Dir, "output", "qcow2")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	j.Line("half of it")
	content := make([]byte, diskSize)
	rand.Read(content)
	copy(content, "QFI\xfb")
	return os.WriteFile(filepath.Join(dir, "disk.qcow2"), content, 0o600)
}

func (a attempt) key() (*sign.Key, error) {
	pem, err := os.ReadFile(a.Key)
	if err != nil {
		return nil, err
	}
	return sign.LoadKey(pem, []byte("word"))
}

func (a attempt) client() registry.Client {
	return registry.Client{Anonymous: true, InsecureSkipTLSVerify: true, TempDir: a.Dir}
}

// run prints each event but progress, and at the end the result, as lines of JSON.
func (a attempt) run(ctx context.Context) error {
	out := json.NewEncoder(os.Stdout)
	key, err := a.key()
	if err != nil {
		return err
	}
	engine, err := direct.Open(direct.Options{Root: filepath.Join(a.Dir, "engine"), Registry: a.client()})
	if err != nil {
		return err
	}
	recipe, err := builder(diskimage.Spec{Format: diskimage.QCOW2}.Root("xfs"), tool{}, diskimage.BuildOptions{Registry: a.client(), WorkDir: a.Dir})
	if err != nil {
		return err
	}
	n := 0
	show := func(e bootc.Event) {
		if e.Kind == bootc.EventProgress {
			return
		}
		out.Encode(e)
		if n++; n == a.Hang {
			select {}
		}
	}
	r := Release{
		Client: a.client(), Engine: engine, Signer: key,
		Spec:       bootc.From(a.Base).File("/usr/share/acme/motd", a.Motd).Label(v1.AnnotationVersion, "1"),
		Build:      bootc.BuildOptions{Platform: host, OnEvent: show},
		Repository: a.Repository, Tag: "1",
		Disk: recipe,
		Dir:  filepath.Join(a.Dir, "disks"),
	}
	result, err := r.Run(ctx)
	if err != nil {
		return err
	}
	return out.Encode(bootc.Event{Op: "result", Ref: result.Image.Reference(), Text: result.Disk.Reference()})
}

// start runs it in a process and kills that after the event number kill; 0 lets it end. It returns the events.
func (a attempt) start(t *testing.T, kill int) ([]bootc.Event, error) {
	t.Helper()
	a.Hang = kill
	cmd := exec.Command(os.Args[0])
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "RELEASE_ATTEMPT="+string(text))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var events []bootc.Event
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e bootc.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		events = append(events, e)
		if len(events) == kill {
			cmd.Process.Kill()
			break
		}
	}
	io.Copy(io.Discard, out)
	if err := cmd.Wait(); kill == 0 && err != nil {
		return events, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return events, nil
}

func has(events []bootc.Event, kind bootc.EventKind, op string) bool {
	return slices.ContainsFunc(events, func(e bootc.Event) bool { return e.Kind == kind && e.Op == op })
}

// setup starts a registry with a base in it.
func setup(t *testing.T) (*testkit.Registry, attempt) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	a := attempt{Host: r.Host, Base: r.Host + "/base:1", Dir: t.TempDir(), Key: filepath.Join(t.TempDir(), "key"), Motd: "hello\n"}
	key, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := key.EncryptedPEM([]byte("word"))
	if err == nil {
		err = os.WriteFile(a.Key, pem, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "base")
	part := strings.Split(host, "/")
	config := v1.Image{Platform: v1.Platform{OS: part[0], Architecture: part[1]}, Config: v1.ImageConfig{Labels: map[string]string{"containers.bootc": "1"}}}
	_, err = testkit.WriteLayout(dir, config, func(tw *tar.Writer) error {
		var errs []error
		for _, name := range []string{"usr/", "usr/lib/"} {
			errs = append(errs, tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}))
		}
		text := "ID=debian\nVERSION_ID=13\n"
		errs = append(errs, tw.WriteHeader(&tar.Header{Name: "usr/lib/os-release", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}))
		_, err := io.WriteString(tw, text)
		return errors.Join(append(errs, err)...)
	})
	if err == nil {
		_, err = a.client().Publish(t.Context(), bootc.Image{Location: "oci:" + dir}, r.Host+"/base", registry.PublishOptions{Tags: []string{"1"}, Unsigned: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, a
}

// check looks at what is published so far: every tag points at something signed.
func (a attempt) check(t *testing.T, want ...string) {
	t.Helper()
	key, err := a.key()
	if err != nil {
		t.Fatal(err)
	}
	tags, err := a.client().Tags(t.Context(), a.Repository)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		t.Fatal(err)
	}
	for _, tag := range tags {
		ref := a.Repository + ":" + tag
		top, err := a.client().Resolve(t.Context(), ref, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Verify(t.Context(), a.client(), registry.Published{Repository: a.Repository, Digest: top.Digest}, []string{ref}); err != nil {
			t.Errorf("tag %s points at what no device will take: %v", tag, err)
		}
	}
	if slices.Sort(tags); want != nil && !slices.Equal(tags, want) {
		t.Errorf("tags %v, want %v", tags, want)
	}
}

// TestKilled kills the program after each of its events, and runs it again.
func TestKilled(t *testing.T) {
	r, a := setup(t)
	a.Repository = r.Host + "/whole"
	whole, err := a.start(t, 0)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, e := range whole {
		if e.Kind == bootc.EventDone {
			steps = append(steps, e.Op)
		}
	}
	t.Logf("%d events: %s", len(whole), strings.Join(steps, " "))

	base := a.Dir
	for n := 1; n < len(whole); n++ {
		if e := whole[n-1]; e.Total > 0 && n%4 != 0 {
			continue // of the blobs, some will do
		}
		a := a
		a.Repository, a.Dir = fmt.Sprintf("%s/killed-%d", r.Host, n), filepath.Join(base, fmt.Sprint(n))
		if err := os.Mkdir(a.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		r.Reset()
		before, _ := a.start(t, n)
		at := fmt.Sprintf("killed after event %d, %s %s", n, before[len(before)-1].Kind, before[len(before)-1].Op)
		a.check(t)
		after, err := a.start(t, 0)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		a.check(t, "1", "1-qcow2")

		// What was complete is not done again.
		made := 0
		for _, e := range slices.Concat(before, after) {
			if e.Kind == bootc.EventStart && e.Op == "disk" {
				made++
			}
		}
		pushes := func(events []bootc.Event) (n int) {
			for _, e := range events {
				if e.Kind == bootc.EventDone && e.Op == "push" && e.Total == 0 {
					n++
				}
			}
			return n
		}
		switch last := before[len(before)-1]; {
		case made > 2:
			t.Errorf("%s: the disk was made %d times", at, made)
		case pushes(before) > 1 && made != 1: // of the image, and of the disk
			t.Errorf("%s: the disk was made %d times, though it was pushed", at, made)
		case pushes(before) > 0 && has(before, bootc.EventDone, "tag") && !(last.Kind == bootc.EventDone && last.Op == "tag") && has(after, bootc.EventDone, "commit"):
			t.Errorf("%s: the image was built again", at)
		}
		var disks int
		for _, q := range r.Requests() {
			if q.In >= diskSize && q.Status < 400 && q.Status > 0 && strings.Contains(q.Path, fmt.Sprintf("killed-%d/", n)) {
				disks++
			}
		}
		if disks > made {
			t.Errorf("%s: a disk was sent %d times, and made %d times", at, disks, made)
		}

		// Once more, there is nothing to do.
		r.Reset()
		third, err := a.start(t, 0)
		if err != nil || has(third, bootc.EventStart, "disk") || has(third, bootc.EventStart, "push") || has(third, bootc.EventDone, "commit") {
			t.Errorf("%s: all was published, and it did more: %v", at, err)
		}
		for _, q := range r.Requests() {
			if q.Method != "GET" && q.Method != "HEAD" {
				t.Errorf("%s: all was published, and it sent %s %s", at, q.Method, q.Path)
			}
		}
		if !slices.EqualFunc(after[len(after)-1:], third[len(third)-1:], func(a, b bootc.Event) bool { return a.Op == "result" && a.Ref == b.Ref && a.Text == b.Text }) {
			t.Errorf("%s: published %+v, then found %+v", at, after[len(after)-1], third[len(third)-1])
		}
	}
}

// TestElsewhere: a disk that was signed when the program died is neither made nor sent again, on another machine either. One
// that was only pushed is not trusted.
func TestElsewhere(t *testing.T) {
	r, a := setup(t)
	a.Repository = r.Host + "/whole"
	whole, err := a.start(t, 0)
	if err != nil {
		t.Fatal(err)
	}
	var signed, pushed int
	for i, e := range whole {
		if e.Kind == bootc.EventDone && e.Op == "sign" {
			signed = i + 1 // the second one is the disk's
		}
		if e.Kind == bootc.EventDone && e.Op == "push" && e.Total == 0 {
			pushed = i + 1
		}
	}
	for name, kill := range map[string]int{"signed": signed, "pushed": pushed} {
		a := a
		a.Repository, a.Dir = r.Host+"/"+name, t.TempDir()
		before, _ := a.start(t, kill)
		if !has(before, bootc.EventDone, "disk") {
			t.Fatalf("%s: died too early", name)
		}
		a.Dir = t.TempDir() // nothing is left but the registry
		r.Reset()
		after, err := a.start(t, 0)
		if err != nil {
			t.Fatal(err)
		}
		if made := has(after, bootc.EventStart, "disk"); made != (name == "pushed") {
			t.Errorf("%s: made again: %v", name, made)
		}
		if up := r.Uploaded(); (up > diskSize) != (name == "pushed") {
			t.Errorf("%s: %d bytes sent", name, up)
		}
		a.check(t, "1", "1-qcow2")
	}
}

func TestFlags(t *testing.T) {
	_, a := setup(t)
	t.Setenv("RELEASE_KEY_PASSWORD", "word")
	good := config{base: a.Base, push: a.Host + "/os", tag: "1", key: a.Key, runner: "podman", format: "qcow2", dir: a.Dir}
	for says, change := range map[string]func(*config){
		"-base is empty":   func(c *config) { c.base = "" },
		"-tag is empty":    func(c *config) { c.tag = "" },
		`-runner "docker"`: func(c *config) { c.runner = "docker" },
		"no such file":     func(c *config) { c.ca = "/nowhere" },
		"TLS failed":       func(c *config) {}, // the test's registry has none
	} {
		c := good
		change(&c)
		if err := c.release(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

// TestTagTaken: a tag does not change its meaning, and what only looks like a release does not count.
func TestTagTaken(t *testing.T) {
	r, a := setup(t)
	a.Repository = r.Host + "/os"
	if _, err := a.start(t, 0); err != nil {
		t.Fatal(err)
	}
	b := a
	b.Motd = "something else\n"
	if _, err := b.start(t, 0); err == nil || !strings.Contains(err.Error(), ErrTagTaken.Error()) {
		t.Errorf("error %v", err)
	}
	// The same manifest, with all its annotations, where nobody has signed it.
	c := a
	c.Repository = r.Host + "/copied"
	if _, err := a.client().Copy(t.Context(), a.Repository+":1", c.Repository+":1", registry.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.start(t, 0); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("error %v", err)
	}
}
