package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/direct"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// shop is a registry that has the base, and the programs that publish to it.
type shop struct {
	registry *testkit.Registry
	client   registry.Client
	engine   *direct.Engine // for what is not measured
	root     string         // of the engines
	key      *sign.Key
	pem      []byte // the key as cosign takes it
	buildah  peer   // has the base
	crane    string
	cosign   string // root directory of a system that has it
	dir      string
}

const bench = "bench" // the password of a key that nobody trusts

// openShop starts a registry that keeps its files in registryDir; empty for the directory of temporary files.
func openShop(ctx context.Context, dir, registryDir string) (*shop, error) {
	layout, err := testkit.Make(ctx, testkit.Debian)
	if err != nil {
		return nil, err
	}
	s := &shop{dir: dir, client: registry.Client{InsecureSkipTLSVerify: true, Anonymous: true}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if s.registry, err = testkit.StartDockerRegistry(ctx, testkit.RegistryOptions{Dir: registryDir}); err != nil {
		return nil, err
	}
	if _, err = s.client.Publish(ctx, bootc.Image{Location: "oci:" + layout}, s.host()+"/base/debian", registry.PublishOptions{Tags: []string{"1"}, Unsigned: true}); err != nil {
		return nil, err
	}
	s.root = filepath.Join(dir, "direct")
	if s.engine, err = s.open(s.client); err != nil {
		return nil, err
	}
	if s.key, err = sign.Generate(); err != nil {
		return nil, err
	}
	if s.pem, err = s.key.EncryptedPEM([]byte(bench)); err != nil {
		return nil, err
	}
	if s.crane, err = testkit.MakeCrane(ctx); err != nil {
		return nil, err
	}
	verifiers, err := testkit.OpenVerifiers(ctx)
	if err != nil {
		return nil, err
	}
	s.cosign = verifiers.Root
	s.buildah = newPeer("buildah", dir)
	return s, s.buildah.run(ctx, "pull", "--quiet", "--tls-verify=false", s.base())
}

// cold is the shop on a machine that has done nothing yet: with empty stores, in a directory of their own.
func (s *shop) cold(dir string) *shop {
	c := *s
	c.dir, c.root, c.buildah = dir, filepath.Join(dir, "direct"), newPeer("buildah", dir)
	return &c
}

func (s *shop) open(c registry.Client) (*direct.Engine, error) {
	return direct.Open(direct.Options{Root: s.root, Registry: c})
}

func (s *shop) host() string { return s.registry.Backend }
func (s *shop) base() string { return s.host() + "/base/debian:1" }

// config is an image of twenty files, which differ from round to round, and of a binary that does too if it is not empty.
func (s *shop) spec(round int, agent []byte) bootc.Spec {
	spec := bootc.From(s.base()).Label("org.opencontainers.image.version", fmt.Sprint(round))
	for i := range 20 {
		spec = spec.DropIn(fmt.Sprintf("/usr/lib/sysctl.d/%d-edge.conf", i+10), fmt.Sprintf("# revision %d\nkernel.domainname = n%d.example\n", round, i))
	}
	if len(agent) > 0 {
		binary.BigEndian.PutUint64(agent, uint64(round))
		spec = spec.With(bootc.File{Path: "/usr/bin/edge-agent", Content: bootc.Bytes(agent), Mode: 0o755})
	}
	return spec
}

// memory is where files are in memory.
const memory = "/dev/shm"

// publish builds, pushes and signs. What the registry does is the same for all, and most of it is waiting for its disk. So it
// has its files in memory, but in one case, which is how much that is.
func publish(ctx context.Context, c config, dir string) (*table, error) {
	quick, err := openShop(ctx, filepath.Join(dir, "memory"), memory)
	if err != nil {
		return nil, err
	}
	defer quick.registry.Close()
	slow, err := openShop(ctx, filepath.Join(dir, "disk"), "")
	if err != nil {
		return nil, err
	}
	defer slow.registry.Close()
	agent := noise(60 << 20)
	t := newTable("files on a base in the same registry: built, pushed, signed", "bootloom", "buildah, skopeo, cosign", "crane append")
	for round := range c.rounds + 1 {
		for _, k := range []struct {
			name  string
			shop  *shop
			agent []byte
			cold  bool
		}{
			{"20 files", quick, nil, false},
			{"20 files and 60 MB", quick, agent, false},
			{"20 files, the registry on a disk", slow, nil, false},
			{"20 files and 60 MB, the registry on a disk", slow, agent, false},
			{"20 files, the first build of a machine", quick, nil, true},
		} {
			if err := k.shop.publishOnce(ctx, t, round, k.name, k.agent, k.cold); err != nil {
				return nil, err
			}
		}
	}
	// What goes over the wire is counted once more, at a front that would slow the others down.
	for _, k := range []struct {
		name  string
		agent []byte
	}{{"20 files", nil}, {"20 files and 60 MB", agent}} {
		n, size, err := quick.bytes(ctx, quick.spec(c.rounds+1, k.agent))
		if err != nil {
			return nil, err
		}
		t.notes = append(t.notes, fmt.Sprintf("%s: %d bytes moved in all requests and answers, %d of them new layers", k.name, n, size))
	}
	return t, nil
}

func (s *shop) publishOnce(ctx context.Context, t *table, round int, name string, agent []byte, cold bool) (err error) {
	spec := s.spec(round, agent)
	contextDir := filepath.Join(s.dir, "context")
	if err := writeContext(ctx, s.engine, spec, s.base(), contextDir); err != nil {
		return err
	}
	if cold {
		dir := filepath.Join(s.dir, "cold")
		defer func() { err = errors.Join(err, remove(dir)) }()
		s = s.cold(dir)
	}
	tag := fmt.Sprintf("%d-%d-%v", round, len(agent), cold)
	return t.round(round, name, []contender{
		{"bootloom", func() error { return s.ours(ctx, spec, s.host()+"/acme/ours", tag) }},
		{"buildah, skopeo, cosign", func() error { return s.peers(ctx, contextDir, s.host()+"/acme/peers", tag, cold) }},
		{"crane append", func() error { return s.append(ctx, contextDir, s.host()+"/acme/crane:"+tag) }},
	})
}

// ours is all that a program does.
func (s *shop) ours(ctx context.Context, spec bootc.Spec, repository, tag string) error {
	client, done, err := s.client.Keep()
	if err != nil {
		return err
	}
	defer done()
	engine, err := s.open(client)
	if err != nil {
		return err
	}
	img, err := bootc.Build(ctx, engine, spec, bootc.BuildOptions{NoCache: true})
	if err != nil {
		return err
	}
	_, err = client.Publish(ctx, img, repository, registry.PublishOptions{Tags: []string{tag}, Signer: s.key})
	return err
}

// bytes counts what a publish moves, bodies of requests and answers alike.
func (s *shop) bytes(ctx context.Context, spec bootc.Spec) (moved, layers int64, err error) {
	img, err := bootc.Build(ctx, s.engine, spec, bootc.BuildOptions{})
	if err != nil {
		return 0, 0, err
	}
	img.BaseLocation = strings.Replace(img.BaseLocation, s.host(), s.registry.Host, 1)
	s.registry.Reset()
	if _, err := s.client.Publish(ctx, img, s.registry.Host+"/acme/counted", registry.PublishOptions{Tags: []string{"1"}, Signer: s.key}); err != nil {
		return 0, 0, err
	}
	for _, q := range s.registry.Requests() {
		moved += q.In + q.Out
	}
	return moved, img.AddedBytes(), nil
}

// peers does the same with other programs, of which buildah may fetch the base.
func (s *shop) peers(ctx context.Context, contextDir, repository, tag string, pull bool) error {
	ref := repository + ":" + tag
	args := []string{"build", "--isolation", "chroot", "--quiet", "--no-cache", "--tls-verify=false", "--tag", ref, "--file", filepath.Join(contextDir, "Containerfile")}
	if !pull {
		args = append(args, "--pull-never")
	}
	if err := s.buildah.run(ctx, append(args, contextDir)...); err != nil {
		return err
	}
	storage := fmt.Sprintf("containers-storage:[overlay@%s+%s]", filepath.Join(s.buildah.dir, "root"), filepath.Join(s.buildah.dir, "run"))
	if err := s.command(ctx, nil, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", storage+ref, "docker://"+ref); err != nil {
		return err
	}
	return s.command(ctx, []string{"COSIGN_KEY=" + string(s.pem), "COSIGN_PASSWORD=" + bench, "HOME=/tmp"}, "chroot", s.cosign,
		"cosign", "sign", "--yes", "--tlog-upload=false", "--allow-http-registry", "--key", "env://COSIGN_KEY", ref)
}

func (s *shop) append(ctx context.Context, contextDir, ref string) error {
	// Of the same files: the archives of the context, one layer each.
	archives, err := filepath.Glob(filepath.Join(contextDir, "*.tar"))
	if err != nil {
		return err
	}
	args := []string{"append", "--insecure", "--base", s.base(), "--new_tag", ref}
	for _, a := range archives {
		args = append(args, "--new_layer", a)
	}
	return s.command(ctx, nil, s.crane, args...)
}

func (s *shop) command(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(append(os.Environ(), "TMPDIR="+s.dir), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
