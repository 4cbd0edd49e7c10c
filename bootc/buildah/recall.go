//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/gate"
	"github.com/bootloom/bootloom/internal/prune"
)

// question is all that decides what a build comes to, as far as buildah's layer cache would look. Its digest names the
// answer, so the order of the fields is part of the format.
type question struct {
	Version       int // of the engine: what it makes of the same plan
	Platform      string
	Base          string
	BaseDigest    digest.Digest
	Containerfile string
	Archives      []digest.Digest
	Annotations   map[string]string
	Epoch         time.Time
	Isolation     Isolation
	Compression   bootc.Compression
	NoLayerCache  bool
	Policy        *Policy
	Secrets       map[string][]byte // HMACs of the values
	Lint          digest.Digest     // what the result was checked for
}

// ask puts the question, nil for a build whose result depends on something that the plan does not pin. A part of a build
// is not checked, so what for has no say in it.
func (e *Engine) ask(p bootc.Plan, platform string, secrets map[string][]byte, part bool) (*question, error) {
	if e.o.Tune != nil || !closed(p) {
		return nil, nil
	}
	q := &question{
		Version: 3, Platform: platform, Base: absolute(p.Base.Ref), BaseDigest: p.Base.Digest, Containerfile: p.Containerfile.String(),
		Annotations: p.Annotations, Epoch: p.Epoch.UTC(),
		Isolation: e.o.Isolation, Compression: e.o.Compression, NoLayerCache: e.o.NoLayerCache, Policy: e.o.Policy,
		Lint: gate.ID(e.o.Lint, e.o.SkipLint || part),
	}
	if len(secrets) > 0 {
		key, err := e.secretsKey()
		if err != nil {
			return nil, err
		}
		q.Secrets = map[string][]byte{}
		for id, value := range secrets {
			sum := hmac.New(sha256.New, key)
			sum.Write(value)
			q.Secrets[id] = sum.Sum(nil)
		}
	}
	for _, a := range p.Archives {
		sum := digest.Canonical.Digester()
		if _, err := a.WriteTo(sum.Hash()); err != nil {
			return nil, err
		}
		q.Archives = append(q.Archives, sum.Digest())
	}
	return q, nil
}

// name is that under which the result of the build is remembered; "" for no question.
func (q *question) name() string {
	if q == nil {
		return ""
	}
	text, err := json.Marshal(q)
	if err != nil {
		return ""
	}
	return digest.FromBytes(text).Encoded()
}

// closed says that the plan names everything that comes from elsewhere by its digest. What a RUN fetches counts as it
// does for the layer cache: not.
func closed(p bootc.Plan) bool {
	f := p.Containerfile
	image := func(ref string, stage int) bool {
		_, isStage := f.Lookup(ref, stage)
		return ref == "" || isStage || ref == "scratch" || strings.Contains(ref, "@sha256:") ||
			ref == p.Base.From() && p.Base.Digest != ""
	}
	for i, s := range f.Stages {
		if !image(s.From, i) {
			return false
		}
	}
	for at, step := range f.All() {
		switch s := step.(type) {
		case containerfile.Copy:
			if !image(s.From, at.Stage) {
				return false
			}
		case containerfile.Run:
			for _, m := range s.Mounts {
				if !image(m.From, at.Stage) {
					return false
				}
			}
		case containerfile.Add:
			for _, source := range s.Sources {
				remote := strings.Contains(source, "://") || strings.HasPrefix(source, "git@")
				if remote && s.Checksum == "" {
					return false
				}
			}
		case containerfile.Raw, containerfile.OnBuild:
			return false
		}
	}
	return true
}

// unfinishedPrefix begins the names of files in builds that are being written.
const unfinishedPrefix = ".new-"

func (e *Engine) answer(name string) string { return filepath.Join(e.o.Root, "builds", name+".json") }

// image is where the layout of an image is.
func (e *Engine) image(d digest.Digest) string { return filepath.Join(e.o.Root, "images", d.Encoded()) }

// recall returns the image of an earlier build, if it is still here.
func (e *Engine) recall(name string) (img bootc.Image, ok bool) {
	data, err := os.ReadFile(e.answer(name))
	if name == "" || err != nil || json.Unmarshal(data, &img) != nil {
		return img, false
	}
	dir := e.image(img.Digest)
	blobs := []digest.Digest{img.Digest}
	for _, l := range img.Layers {
		if !l.FromBase {
			blobs = append(blobs, l.Digest)
		}
	}
	for _, d := range blobs {
		if _, err := os.Stat(filepath.Join(dir, "blobs", d.Algorithm().String(), d.Encoded())); err != nil {
			return img, false
		}
	}
	prune.Touch(dir)
	prune.Touch(e.answer(name))
	return img, true
}

// remember keeps the result of a build for recall. It is a cache: if it cannot be written the next build works again.
func (e *Engine) remember(name string, img bootc.Image) {
	data, err := json.Marshal(img)
	if name == "" || err != nil {
		return
	}
	file := e.answer(name)
	temp, err := os.CreateTemp(filepath.Dir(file), unfinishedPrefix)
	if err != nil {
		return
	}
	_, err = temp.Write(data)
	if cmp.Or(err, temp.Close()) != nil || os.Rename(temp.Name(), file) != nil {
		os.Remove(temp.Name())
	}
}

// replay tells of the steps that need not run.
func replay(p bootc.Plan, platform string, on func(bootc.Event)) {
	if on == nil {
		return
	}
	m := mapSteps(p)
	n := 0
	for i, stage := range p.Containerfile.Stages {
		n++
		on(bootc.Event{Kind: bootc.EventStep, Op: "build", Platform: platform, Step: n, Steps: m.total, Text: "FROM " + stage.From})
		for j := range m.steps[i] {
			n++
			_, features := m.place(i, j+1)
			on(bootc.Event{Kind: bootc.EventStep, Op: "build", Platform: platform, Step: n, Steps: m.total, Cached: true,
				Features: features, Text: containerfile.Instruction(stage.Steps[m.steps[i][j]])})
		}
	}
}
