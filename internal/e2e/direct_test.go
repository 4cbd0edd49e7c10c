package e2e

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
)

// builder is the shared engine, but every step is done by the builder.
func builder(t testing.TB) *buildah.Engine {
	t.Helper()
	engine(t)
	e, err := buildah.Open(buildah.Options{Root: filepath.Join(shared.dir, "root"), RunRoot: filepath.Join(shared.dir, "run"), NoDirect: true, SkipLint: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// TestDirect has both engines build the same plans: every file of the image, with content, mode, owner and time, the labels
// and the rest of the config are the same.
func TestDirect(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	long := strings.Repeat("n", 255)
	tree := fstest.MapFS{
		"bin/run":      {Data: []byte("#!/bin/sh\n"), Mode: 0o755},
		"größe/日本.txt": {Data: []byte("ü\n")},
		"link":         {Data: []byte("bin/run"), Mode: fs.ModeSymlink},
		"empty":        {Mode: fs.ModeDir},
	}
	for name, spec := range map[string]bootc.Spec{
		"files": from(t).Tree("/usr/lib/acme/tree", tree).With(
			bootc.File{Path: "/usr/bin/acme-su", Mode: fs.ModeSetuid | 0o755, Content: bootc.Text("x")},
			bootc.File{Path: "/usr/lib/acme/sg", Mode: fs.ModeSetgid | 0o750, Owner: "root:mail"},
			bootc.File{Path: "/usr/lib/acme/" + long, Owner: "4294967:70000"},
			bootc.File{Path: "/usr/lib/acme/größe ☃ $HOME \\n 'q'", Content: bootc.Text("ok")},
			bootc.Dir{Path: "/usr/lib/acme/shared", Mode: fs.ModeSetgid | 0o770, Owner: "daemon"},
			bootc.Symlink{Path: "/usr/lib/acme/current", Target: "../acme/größe"},
			bootc.File{Path: "/etc/motd", Content: bootc.Text("replaced\n")}),
		"large":   from(t).File("/usr/lib/acme/agent", strings.Repeat("agent", 1<<19)).DropIn("/usr/lib/sysctl.d/50-a.conf", "kernel.panic = 1\n"),
		"config":  from(t).DropIn("/etc/ssh/sshd_config.d/10-a.conf", "PermitRootLogin no\n").DropIn("/etc/sudoers.d/acme", "%wheel ALL=(ALL) ALL\n").Kargs("quiet").Label("a", "$b \\ c"),
		"through": from(t).File("/srv/acme/y", "y").With(bootc.Symlink{Path: "/usr/local/bin/acme", Target: "true"}, bootc.Dir{Path: "/opt/acme"}),
		"closed":  from(t).File("/etc/ssl/private/acme/key", "x").With(bootc.Dir{Path: "/usr/lib/acme", Mode: 0o700}).File("/usr/lib/acme/z", "z"),
		"units":   from(t).Unit("acme.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n").Mask("apt-daily.timer"),
		"user":    from(t).With(bootc.User{Name: "ops", SSHKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops"}}),
		"secret":  from(t).With(bootc.FileFromSecret{Path: "/etc/acme/new/token", Secret: "token", Mode: 0o640, Owner: "root:mail"}).File("/etc/acme/a", "a"),
		"spread": from(t).Tree("/usr/lib/acme/tree", tree).With(bootc.Dir{Path: "/usr/lib/acme", Mode: 0o750, Owner: "daemon"}, bootc.Dir{Path: "/usr/lib/acme/a/b", Mode: 0o700}).
			File("/usr/lib/acme/a/b/c", "c").Kargs("quiet").Kargs("panic=1").DropIn("/usr/lib/sysctl.d/50-a.conf", "kernel.panic = 1\n").Mask("apt-daily.timer").
			Script("look", "ls -l /usr/lib/acme >/usr/lib/acme/list").InLayers(20),
		"after RUN": from(t).Enable("systemd-networkd.service").Script("make", "mkdir -m 0711 /usr/lib/made; echo 1 >/usr/lib/made/a").Label("x", "y"),
		"packages":  from(t).With(noMirror, bootc.Repo{ID: "test", BaseURL: []string{r.url + "/deb"}, Suites: []string{"./"}, Key: r.key}).Install("greet-data").File("/usr/lib/acme/b", "b").DropIn("/usr/lib/sysctl.d/50-a.conf", "kernel.panic = 1\n"),
	} {
		t.Run(name, func(t *testing.T) {
			o := bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{"token": bootc.SecretBytes([]byte("s3cret"))}}
			want, err := try(t, builder(t), bootc.APT, spec, o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := try(t, engine(t), bootc.APT, spec, o)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "files", listing(got), listing(want))
			g, w := configOf(t, got.Image), configOf(t, want.Image)
			if !maps.Equal(g.Config.Labels, w.Config.Labels) || !g.Created.Equal(*w.Created) || g.Platform.Architecture != w.Platform.Architecture ||
				!slices.Equal(g.Config.Env, w.Config.Env) || !slices.Equal(g.Config.Cmd, w.Config.Cmd) || g.Config.StopSignal != w.Config.StopSignal {
				t.Errorf("the config is\n%+v\nwant\n%+v", g, w)
			}
			if gm, wm := manifestOf(t, got.Image), manifestOf(t, want.Image); !maps.Equal(gm.Annotations, wm.Annotations) {
				t.Errorf("annotations %v, want %v", gm.Annotations, wm.Annotations)
			}
		})
	}
}

// listing has everything of the layers that a device sees.
func listing(b built) []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name, f := range b.files {
			if strings.Contains(name, "/.wh.") {
				continue
			}
			if !yield(fmt.Sprintf("%s %s %d %s", name, f, f.mtime, digest.FromString(f.data).Encoded()[:12])) {
				return
			}
		}
	})
}

// TestDirectAfterRun: a changed file runs nothing, and the part that ran is the same image.
func TestDirectAfterRun(t *testing.T) {
	t.Parallel()
	e := engine(t)
	packages := from(t).Enable("systemd-networkd.service")
	var images []built
	for _, content := range []string{"1", "2"} {
		b, err := try(t, e, bootc.APT, packages.File("/usr/lib/acme/a", content), bootc.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, b)
	}
	for _, ev := range images[1].events {
		if ev.Kind == bootc.EventStep && strings.HasPrefix(ev.Text, "RUN") && !ev.Cached {
			t.Errorf("it ran %s", ev.Text)
		}
	}
	n := len(images[0].Layers)
	if len(images[1].Layers) != n || images[0].Layers[n-2].Digest != images[1].Layers[n-2].Digest || images[0].Layers[n-1].Digest == images[1].Layers[n-1].Digest {
		t.Errorf("layers\n%v\n%v", images[0].Layers, images[1].Layers)
	}
}

// TestDirectErrors: what fails in the part that runs fails as it does without the direct engine.
func TestDirectErrors(t *testing.T) {
	t.Parallel()
	_, err := try(t, engine(t), bootc.APT, from(t).Script("no", "false").Label("a", "b"), bootc.BuildOptions{})
	if err == nil || !strings.Contains(err.Error(), "Features[0].Script") {
		t.Errorf("%v", err)
	}
}
