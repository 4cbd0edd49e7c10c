//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/blobs"
	"github.com/bootloom/bootloom/registry"
)

// shared is Options.Cache for one build. An entry is an artifact whose tag is the name of the question; its files are the
// image's manifest, its config, and the layers that are not the base's.
type shared struct {
	e        *Engine
	ref      string // of the entry, registry/path:tag
	tag      string
	plan     bootc.Plan
	platform string
	on       func(bootc.Event)
	broken   bool // it could not be asked, so there is no point in sending it anything
}

// What an entry consists of. Its manifest has a type of its own, as registries look for one of the known types among their
// manifests and not among their blobs.
const (
	entryType    = "application/vnd.bootloom.build.v1"
	manifestType = "application/vnd.bootloom.build.manifest.v1+json"
	// authentic is the annotation with the code that Cache.Key makes.
	authentic = "io.github.bootloom.build.hmac"
	maxJSON   = 4 << 20
)

// newShared is the cache for the answer to a question; nil, of which all methods can be called, for none.
func (e *Engine) newShared(q *question, p bootc.Plan, platform string, on func(bootc.Event)) *shared {
	if e.o.Cache.Repository == "" || q == nil || len(q.Secrets) > 0 || strings.HasPrefix(p.Base.Ref, "containers-storage:") {
		return nil
	}
	global := *q
	if p.Base.Local() {
		global.Base = "" // a path of this machine; the digest says it all
	}
	if on == nil {
		on = func(bootc.Event) {}
	}
	tag := global.name()
	return &shared{e: e, ref: e.o.Cache.Repository + ":" + tag, tag: tag, plan: p, platform: platform, on: on}
}

// client asks twice at most: it is quicker to build than to wait for a registry that is down.
func (s *shared) client() registry.Client {
	c := s.e.o.Registry
	c.TempDir = s.e.o.TempDir
	c.Retry.Attempts = min(cmp.Or(c.Retry.Attempts, 2), 2)
	return c
}

// get takes the image from the cache.
func (s *shared) get(ctx context.Context) (bootc.Image, bool) {
	if s == nil {
		return bootc.Image{}, false
	}
	img, err := s.fetch(ctx)
	if err != nil && !errors.Is(err, errNoEntry) {
		s.warn(ctx, err)
	}
	return img, err == nil
}

// put has the cache keep the image.
func (s *shared) put(ctx context.Context, img bootc.Image) {
	if s == nil || s.broken || s.e.o.Cache.ReadOnly {
		return
	}
	s.tell(bootc.EventStart, false)
	if err := s.send(ctx, img); err != nil {
		s.warn(ctx, err)
		return
	}
	s.tell(bootc.EventDone, false)
}

func (s *shared) tell(kind bootc.EventKind, cached bool) {
	s.on(bootc.Event{Kind: kind, Op: "cache", Ref: s.ref, Platform: s.platform, Cached: cached})
}

func (s *shared) warn(ctx context.Context, err error) {
	if ctx.Err() == nil { // else it is not the cache that failed
		s.on(bootc.Event{Kind: bootc.EventWarning, Op: "cache", Ref: s.ref, Platform: s.platform,
			Text: fmt.Sprintf("the cache %s is of no use: %v", s.e.o.Cache.Repository, err)})
	}
}

// send publishes the entry.
func (s *shared) send(ctx context.Context, img bootc.Image) error {
	dir := filepath.Join(s.e.image(img.Digest), v1.ImageBlobsDir, "sha256")
	a := registry.Artifact{Type: entryType, Annotations: s.proof(img.Digest.String()), Files: []registry.File{
		{Path: filepath.Join(dir, img.Digest.Encoded()), MediaType: manifestType, Title: "manifest.json"},
	}}
	data, err := os.ReadFile(a.Files[0].Path)
	if err != nil {
		return err
	}
	var m v1.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	add := func(d v1.Descriptor) {
		hex := d.Digest.Encoded()
		a.Files = append(a.Files, registry.File{Path: filepath.Join(dir, hex), Title: hex, MediaType: d.MediaType, Digest: d.Digest, Size: d.Size})
	}
	add(m.Config)
	for i, l := range m.Layers {
		if !img.Layers[i].FromBase {
			add(l)
		}
	}
	c := s.client()
	c.OnEvent = s.on
	_, err = c.PublishArtifact(ctx, a, s.e.o.Cache.Repository, registry.PublishOptions{Tags: []string{s.tag}, Unsigned: true})
	return err
}

// proof is what says that the maker of an entry has the key: the image is the answer to this question.
func (s *shared) proof(image string) map[string]string {
	if len(s.e.o.cacheKey) == 0 {
		return nil
	}
	sum := hmac.New(sha256.New, s.e.o.cacheKey)
	fmt.Fprintf(sum, "%s\n%s\n%s\n", entryType, s.tag, image)
	return map[string]string{authentic: hex.EncodeToString(sum.Sum(nil))}
}

var errNoEntry = errors.New("there is no entry")

// fetch finds the entry, checks it against what was asked for, and takes its layers.
func (s *shared) fetch(ctx context.Context) (bootc.Image, error) {
	c := s.client()
	asking, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	info, err := c.Artifact(asking, s.ref, "")
	if errors.Is(err, registry.ErrNotFound) {
		return bootc.Image{}, errNoEntry
	}
	if err != nil {
		s.broken = true
		return bootc.Image{}, err
	}
	found, err := s.accept(asking, c, info)
	if err != nil {
		return bootc.Image{}, err
	}
	s.tell(bootc.EventStart, true)
	c.OnEvent = s.on
	if err := s.take(ctx, c, info, found); err != nil {
		return bootc.Image{}, err
	}
	s.tell(bootc.EventDone, true)
	return found.image, nil
}

// take brings the layers of an entry that was accepted to where those of a build are.
func (s *shared) take(ctx context.Context, c registry.Client, info registry.ArtifactInfo, found *entry) (err error) {
	session, err := newSession(s.e.o) // so that somebody sweeps up if this program is killed
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.discard()) }()
	dir := filepath.Join(session.Temp, "entry")
	if _, err := c.PullArtifact(ctx, info.Reference(), dir, registry.PullOptions{}); err != nil {
		return err
	}
	store := &blobs.Store{Root: filepath.Join(s.e.o.Root, "blobs"), Session: session.ID}
	for i, d := range found.own {
		d.Annotations = nil // those of this image
		file, diffID := filepath.Join(dir, d.Digest.Encoded()), found.diffIDs[i]
		if err := checkLayer(ctx, file, diffID); err != nil {
			return err
		}
		if err := store.Adopt(file, d.Digest); err != nil {
			return err
		}
		if err := store.Remember(s.e.o.Compression, diffID, d); err != nil {
			return err
		}
	}
	return store.Layout(s.e.image(found.image.Digest), s.platform, found.manifest, found.config, found.own)
}
