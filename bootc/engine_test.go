package bootc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
)

// fakeEngine knows any base and builds by remembering what it was given.
type fakeEngine struct {
	mu     sync.Mutex
	builds []bootc.BuildOptions
	build  func(ctx context.Context, platform string) error
}

func (*fakeEngine) Inspect(_ context.Context, ref string, o bootc.BuildOptions) (bootc.Base, error) {
	if strings.HasPrefix(ref, "gone") {
		return bootc.Base{}, &bootc.OpError{Op: "resolve", Ref: ref, Err: errors.New("no such image")}
	}
	return bootc.Base{Ref: ref, Digest: digest.FromString(o.Platform), Platform: o.Platform}, nil
}

func (f *fakeEngine) Build(ctx context.Context, p bootc.Plan, o bootc.BuildOptions) (bootc.Image, error) {
	f.mu.Lock()
	f.builds = append(f.builds, o)
	f.mu.Unlock()
	if o.OnEvent != nil {
		o.OnEvent(bootc.Event{Kind: bootc.EventStart, Op: "build", Ref: p.Base.Ref, Platform: o.Platform})
	}
	if f.build != nil {
		if err := f.build(ctx, o.Platform); err != nil {
			return bootc.Image{}, err
		}
	}
	return bootc.Image{Digest: digest.FromString(p.Containerfile.String()), Platform: o.Platform, BaseDigest: p.Base.Digest, Spec: p.Spec.String()}, nil
}

func TestBuild(t *testing.T) {
	spec := bootc.From("quay.io/a/b:1").File("/etc/motd", "hi\n")
	image, err := bootc.Build(t.Context(), &fakeEngine{}, spec, bootc.BuildOptions{Platform: "linux/arm64"})
	if err != nil || image.Platform != "linux/arm64" || image.BaseDigest != digest.FromString("linux/arm64") {
		t.Errorf("got %+v, %v", image, err)
	}
	if _, err := bootc.Build(t.Context(), &fakeEngine{}, bootc.From("gone"), bootc.BuildOptions{}); err == nil || !strings.Contains(err.Error(), "resolve gone") {
		t.Errorf("got %v", err)
	}
	_, err = bootc.Build(t.Context(), &fakeEngine{}, spec.File("/run/x", ""), bootc.BuildOptions{})
	if got := bootc.FieldErrors(err); len(got) != 1 || !strings.HasPrefix(got[0].Path, "Features[1].File") {
		t.Errorf("got %v", err)
	}
}

func TestBuildAll(t *testing.T) {
	spec := bootc.From("quay.io/a/b:1")
	platforms := []string{"linux/arm64", "linux/amd64", "linux/arm/v7"}
	events := 0
	e := &fakeEngine{}
	images, err := bootc.BuildAll(t.Context(), e, spec, platforms, bootc.BuildOptions{
		Output:  "oci:/out:{platform}",
		OnEvent: func(bootc.Event) { events++ }, // races, were calls not serial
	})
	if err != nil || events != 3 {
		t.Fatalf("%d events, %v", events, err)
	}
	var outputs []string
	for i, image := range images {
		if image.Platform != platforms[i] {
			t.Errorf("image %d is for %s", i, image.Platform)
		}
	}
	for _, o := range e.builds {
		outputs = append(outputs, o.Output)
	}
	slices.Sort(outputs)
	if !slices.Equal(outputs, []string{"oci:/out:linux-amd64", "oci:/out:linux-arm-v7", "oci:/out:linux-arm64"}) {
		t.Errorf("got %q", outputs)
	}

	failure := errors.New("no space")
	e = &fakeEngine{build: func(ctx context.Context, platform string) error {
		if platform == "linux/amd64" {
			return failure
		}
		<-ctx.Done() // the others wait to be cancelled
		return ctx.Err()
	}}
	images, err = bootc.BuildAll(t.Context(), e, spec, platforms, bootc.BuildOptions{})
	if op, ok := errors.AsType[*bootc.OpError](err); images != nil || !ok || op.Ref != "linux/amd64" || !errors.Is(err, failure) {
		t.Errorf("got %v, %v", images, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bootc.BuildAll(ctx, e, spec, platforms[:1], bootc.BuildOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if _, err := bootc.BuildAll(t.Context(), e, spec, platforms, bootc.BuildOptions{Output: "oci:/out"}); err == nil || !strings.Contains(err.Error(), "{platform}") {
		t.Errorf("one output for all: got %v", err)
	}
	if _, err := bootc.BuildAll(t.Context(), e, spec, []string{"a", "a"}, bootc.BuildOptions{}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("twice: got %v", err)
	}
	if images, err := bootc.BuildAll(t.Context(), e, spec, nil, bootc.BuildOptions{}); len(images) != 0 || err != nil {
		t.Errorf("no platforms: got %v, %v", images, err)
	}
}
