package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestFiles puts files of every kind into an image, with ten thousand in a tree.
func TestFiles(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{}
	for i := range 10_000 {
		tree[fmt.Sprintf("d%02d/f%04d", i%100, i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "%d\n", i)}
	}
	tree["bin/run"] = &fstest.MapFile{Data: []byte("#!/bin/sh\n"), Mode: 0o700}
	tree["größe/日本.txt"] = &fstest.MapFile{Data: []byte("ü\n")}
	tree["link"] = &fstest.MapFile{Data: []byte("bin/run"), Mode: fs.ModeSymlink}
	tree["empty"] = &fstest.MapFile{Mode: fs.ModeDir}
	long := strings.Repeat("n", 255)
	b := build(t, bootc.DNF4, from(t).Tree("/usr/lib/acme/tree", tree).With(
		bootc.File{Path: "/usr/bin/acme-su", Mode: fs.ModeSetuid | 0o755, Content: bootc.Text("x")},
		bootc.File{Path: "/usr/lib/acme/sg", Mode: fs.ModeSetgid | 0o750, Owner: "root:mail"},
		bootc.File{Path: "/usr/lib/acme/" + long, Owner: "4294967:70000"},
		bootc.File{Path: "/usr/lib/acme/größe ☃ $HOME \\n 'q'", Content: bootc.Text("ok")},
		bootc.Dir{Path: "/usr/lib/acme/shared", Mode: fs.ModeSetgid | 0o770, Owner: "daemon"},
		bootc.Symlink{Path: "/usr/lib/acme/current", Target: "../acme/größe"},
		bootc.File{Path: "/etc/motd", Content: bootc.Text("replaced\n")}, // the base has one, or its directory
	))
	for name, want := range map[string]string{
		"usr/bin/acme-su":                    "- 4755 0:0",
		"usr/lib/acme/sg":                    "- 2750 0:8",
		"usr/lib/acme/" + long:               "- 0644 4294967:70000",
		"usr/lib/acme/größe ☃ $HOME \\n 'q'": "- 0644 0:0",
		"usr/lib/acme/shared":                "d 2770 1:1",
		"usr/lib/acme/current":               "l 0777 0:0 -> ../acme/größe",
		"usr/lib/acme/tree/bin/run":          "- 0755 0:0",
		"usr/lib/acme/tree/größe/日本.txt":     "- 0644 0:0",
		"usr/lib/acme/tree/link":             "l 0777 0:0 -> bin/run",
		"usr/lib/acme/tree/empty":            "d 0755 0:0",
		"usr/lib/acme":                       "d 0755 0:0",
		"etc/motd":                           "- 0644 0:0",
		"etc":                                "d 0755 0:0",
	} {
		if got := b.files[name].String(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := len(b.names()); got != 10_003+6 {
		t.Errorf("%d files", got)
	}
	if len(b.layers) != 1 {
		t.Errorf("%d layers", len(b.layers))
	}
	if got := b.files["usr/lib/acme/tree/d07/f0007"].data; got != "7\n" {
		t.Errorf("content %q", got)
	}
}

// TestCABundle installs from a repository whose certificate only a private CA vouches for.
func TestCABundle(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	ca, err := testkit.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Server()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.FileServer(http.Dir(r.dir)))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // those who do not trust the CA
	server.StartTLS()
	defer server.Close()
	bundle := bootc.CABundle{Name: "acme", PEM: string(ca.PEM), BeforePackages: true}
	for tool, s := range map[bootc.PackageTool]bootc.Spec{
		bootc.DNF4: from(t).With(bootc.Repo{ID: "test", BaseURL: []string{server.URL + "/rpm"}, Key: r.key}).Install("hello-data"),
		bootc.APT:  from(t).With(noMirror, bootc.Repo{ID: "test", BaseURL: []string{server.URL + "/deb"}, Suites: []string{"./"}, Key: r.key}).Install("greet-data"),
	} {
		t.Run(string(tool), func(t *testing.T) {
			refused(t, tool, s, "ertificate")
			b := build(t, tool, s.With(bundle))
			line := strings.Split(string(ca.PEM), "\n")[1]
			if !strings.Contains(b.files["etc/ssl/certs/ca-certificates.crt"].data, line) {
				t.Error("the trust store does not have the certificate")
			}
			if !strings.HasSuffix(b.files["etc/ca-certificates.conf"].data, "\nbootloom/acme.crt\n") {
				t.Error("nor does the tool's list")
			}
			if f := b.files["etc/ssl/certs/acme.pem"]; f.link != "/usr/share/ca-certificates/bootloom/acme.crt" {
				t.Errorf("etc/ssl/certs/acme.pem is %s", f)
			}
		})
	}
}

// TestScript: what a script may and may not.
func TestScript(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	get := "/usr/lib/apt/apt-helper download-file " + r.url + "/key.asc /tmp/key"
	t.Run("network", func(t *testing.T) {
		build(t, bootc.DNF4, from(t).Script("get", get))
	})
	t.Run("no network", func(t *testing.T) {
		spec := from(t).With(bootc.Script{Name: "get", Body: get + " || echo none >/usr/lib/e2e; test -e /usr/lib/e2e", NoNetwork: true})
		_, err := try(t, engine(t), bootc.DNF4, spec, bootc.BuildOptions{})
		if p, ok := errors.AsType[*bootc.PreflightError](err); !ok || !strings.Contains(p.Error(), "Isolation") {
			t.Errorf("chroot isolation, which cannot take the network away, gave %v", err)
		}
	})
	t.Run("fails", func(t *testing.T) {
		_, err := try(t, engine(t), bootc.DNF4, from(t).With(bootc.Script{Name: "enrol", Body: "echo before\nfalse\necho after\n"}), bootc.BuildOptions{})
		step, ok := errors.AsType[*buildah.StepError](err)
		if !ok {
			t.Fatalf("%v", err)
		}
		if step.ExitCode != 1 || len(step.Features) != 1 || step.Features[0] != "Features[0].Script" || strings.Join(step.Tail, "|") != "before" {
			t.Errorf("%+v", step)
		}
		if !strings.Contains(err.Error(), "enrol") {
			t.Errorf("the error does not name the script: %v", err)
		}
	})
	t.Run("interpreter", func(t *testing.T) {
		b := build(t, bootc.DNF4, from(t).With(bootc.Script{Name: "python", Interpreter: "/usr/bin/python3 -I", Body: "open('/usr/lib/e2e', 'w').write('py')\n"}))
		same(t, "layers", b.names(), []string{"usr/lib/e2e"})
	})
}

// TestStage makes something in a stage of its own: only that is in the image.
func TestStage(t *testing.T) {
	t.Parallel()
	b := build(t, bootc.DNF4, from(t).With(bootc.Stage{
		Name:    "make",
		Trees:   []bootc.Tree{{Path: "/src", FS: fstest.MapFS{"in": {Data: []byte("content")}}}},
		Scripts: []bootc.Script{{Name: "make", Body: "mkdir -p /out/sub; tr a-z A-Z </src/in >/out/result; cp /out/result /out/sub/more; chmod 0600 /out/result; cp /src/in /out/su; chmod 4755 /out/su; echo junk >/usr/lib/junk"}},
		Copies: []bootc.StageCopy{{Source: "/out/result", Dest: "/usr/lib/acme/result"}, {Source: "/out/sub", Dest: "/usr/share/acme", Mode: "0755"},
			{Source: "/out/su", Dest: "/usr/bin/acme-su"}},
	}))
	same(t, "layers", b.names(), []string{"usr/lib/acme/result", "usr/share/acme/more", "usr/bin/acme-su"})
	for name, want := range map[string]string{"usr/lib/acme/result": "- 0600 0:0", "usr/share/acme/more": "- 0755 0:0", "usr/bin/acme-su": "- 4755 0:0", "usr/lib/acme": "d 0755 0:0"} {
		if got := b.files[name]; got.String() != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := b.files["usr/lib/acme/result"].data; got != "CONTENT" {
		t.Errorf("%q", got)
	}
}

// TestSecrets looks for the value of a secret everywhere.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const value = "correct-horse-battery-staple"
	secrets := map[string]bootc.SecretValue{"pull": bootc.SecretBytes([]byte(value)), "token": bootc.SecretBytes([]byte(value + "-2"))}
	s := from(t).With(
		bootc.FileFromSecret{Path: "/etc/acme/agent.key", Secret: "pull", Owner: "root:mail", Mode: 0o640},
		bootc.FileFromSecret{Path: "/etc/acme/auth.json", Secret: "pull"},
		bootc.Script{Name: "use", Body: "wc -c </run/secrets/token >/usr/lib/e2e; cat /run/secrets/token; echo \"$TOKEN\"; test \"$TOKEN\" = \"$(cat /run/secrets/token)\"",
			Secrets: []bootc.SecretMount{{ID: "token"}, {ID: "token", Env: "TOKEN"}}},
	)
	e := engine(t)
	b, err := try(t, e, bootc.DNF4, s, bootc.BuildOptions{Secrets: secrets})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	if got := b.files["usr/lib/e2e"].data; got != fmt.Sprintln(len(value)+2) {
		t.Errorf("the script read %q bytes", got)
	}
	for name, want := range map[string]string{"etc/acme/agent.key": "- 0640 0:8", "etc/acme/auth.json": "- 0600 0:0"} {
		if f := b.files[name]; f.String() != want || f.data != value {
			t.Errorf("%s is %s with %q, want %s", name, f, f.data, want)
		}
	}
	same(t, "layers", b.names(), []string{"etc/acme/agent.key", "etc/acme/auth.json", "usr/lib/e2e"})

	rotated := map[string]bootc.SecretValue{"pull": bootc.SecretBytes([]byte("new")), "token": secrets["token"]}
	if b, err := try(t, e, bootc.DNF4, s, bootc.BuildOptions{Secrets: rotated}); err != nil || b.files["etc/acme/auth.json"].data != "new" {
		t.Errorf("with a new value the file has the old one: %q %v", b.files["etc/acme/auth.json"].data, err)
	}
	_, failed := try(t, e, bootc.DNF4, s.Script("fail", "false"), bootc.BuildOptions{Secrets: secrets})
	_, missing := try(t, e, bootc.DNF4, s, bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{"pull": secrets["pull"]}})
	if failed == nil || missing == nil || !strings.Contains(missing.Error(), "token") {
		t.Errorf("%v, %v", failed, missing)
	}
	seen, err := json.Marshal([]any{b.Image, b.events})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%s %v %+v %v", seen, failed, failed, missing); strings.Contains(text, value) {
		t.Errorf("the secret is in what the build tells:\n%s", text)
	}
	dir, _, _ := strings.Cut(strings.TrimPrefix(b.Location, "oci:"), ":")
	if found := grep(t, dir, value); found != 2 {
		t.Errorf("%d blobs have the secret, want the layers of the two files", found)
	}
	// The engine's own copies: the layers of the store, and no file elsewhere.
	for _, sub := range []string{"cache", "tmp", "sessions"} {
		if found := grep(t, filepath.Join(shared.dir, "root", sub), value); found != 0 {
			t.Errorf("the secret is in %d files of the engine's %s", found, sub)
		}
	}
}

// grep counts the files below dir that have text, compressed or not.
func grep(t testing.TB, dir, text string) int {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if gz, e := gzip.NewReader(bytes.NewReader(data)); e == nil {
			if data, err = io.ReadAll(gz); err != nil {
				return err
			}
		}
		if bytes.Contains(data, []byte(text)) {
			found++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
