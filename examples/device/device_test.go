package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// TestDevice builds the image for early and for late binding, boots each in a machine, and asks a real Flight Control what it
// sees of the device.
func TestDevice(t *testing.T) {
	testkit.NeedVM(t)
	w := newWorld(t)
	t.Run("early", func(t *testing.T) {
		layout, root := w.build(t, "")
		w.checkSecrets(t, layout, "etc/flightctl/config.yaml")
		w.checkDevice(t, layout, testkit.VM{Root: root})
	})
	t.Run("late", func(t *testing.T) {
		seed := t.TempDir()
		layout, root := w.build(t, filepath.Join(seed, "user-data"))
		w.checkSecrets(t, layout)
		if err := os.WriteFile(filepath.Join(seed, "meta-data"), []byte("instance-id: device-7\nlocal-hostname: device-7\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.checkDevice(t, layout, testkit.VM{Root: root, CloudInit: seed})
	})
}

// TestDeviceOS compiles the image for what it is made for, with upstream's packages.
func TestDeviceOS(t *testing.T) {
	key, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	const image = appRegistry + "/apps/any@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	images := map[string]string{"beacon": image, "greeter": image}
	for name, binding := range map[string]flightctl.Binding{"early": flightctl.Early(), "late": flightctl.Late(flightctl.CloudInit)} {
		spec := deviceOS("quay.io/centos-bootc/centos-bootc:stream10", binding, devicePolicy("quay.io/acme/device-os", key.Public(), site{}), images, site{})
		plan, err := spec.Compile(bootc.Base{
			Ref: spec.Base, Family: bootc.Fedora, Tool: bootc.DNF4, Platform: "linux/amd64", Kernel: "6.12.0-100.el10.x86_64",
			Files: fstest.MapFS{
				"usr/lib/os-release": {Data: []byte("ID=centos\nVERSION_ID=10\nPLATFORM_ID=platform:el10\n")},
				"usr/bin/podman":     {Mode: 0o755},
			},
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(plan.Warnings) > 0 {
			t.Errorf("%s: %v", name, plan.Warnings)
		}
	}
}

// world is what surrounds the program: service, registry with applications, packages, key and enrollment certificate.
type world struct {
	service  *testkit.FlightControl
	server   *testkit.Registry
	client   registry.Client
	canaries map[string][]byte
	options  options
}

func newWorld(t *testing.T) *world {
	w := &world{service: testkit.NewFlightControl(t), canaries: map[string][]byte{}}
	w.server = testkit.NewDockerRegistry(t, testkit.RegistryOptions{TLS: true})
	w.client = registry.Client{CA: w.server.CA}
	packages := httptest.NewServer(http.FileServer(http.Dir(testkit.AgentRepo(t))))
	t.Cleanup(packages.Close)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}

	password := testkit.NewCanary()
	key, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.EncryptedPEM([]byte(password))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DEVICE_KEY_PASSWORD", password)
	w.canaries["password of the signing key"] = []byte(password)
	for app, signer := range map[string]registry.Signer{"beacon": key, "greeter": key, "intruder": nil} {
		image := bootc.Image{Location: "oci:" + testkit.Base(t, testkit.Tiny)}
		o := registry.PublishOptions{Tags: []string{"1.0"}, Signer: signer, Unsigned: signer == nil}
		if _, err := w.client.Publish(t.Context(), image, w.server.Host+"/apps/"+app, o); err != nil {
			t.Fatal(err)
		}
	}
	config, err := w.service.EnrollmentConfig(t.Context(), "10.0.2.2")
	if err != nil {
		t.Fatal(err)
	}
	w.addKey(t, config)
	_, port, _ := strings.Cut(w.server.Host, ":")
	w.options = options{
		base: "oci:" + testkit.Base(t, testkit.Edge), tool: string(bootc.DNF4), tags: "2.1.0,latest",
		key: file("cosign.key", private), ca: file("ca.pem", w.server.CA), root: filepath.Join(dir, "store"),
		config:  file("config.yaml", append(config, "status-update-interval: 2s\n"...)),
		install: "bootc", // bases have it
		site:    site{agentRepo: packages.URL, apps: w.server.Host, mirror: "10.0.2.2:" + port},
	}
	w.buildHeaders(t)
	return w
}

// buildHeaders publishes an image with what the driver is built with, as one does who wants to build for a kernel whose
// headers the repositories have dropped.
func (w *world) buildHeaders(t *testing.T) {
	engine, err := buildah.Open(buildah.Options{Root: w.options.root})
	testkit.Need(t, "the engine's build tags: see the Makefile", !errors.Is(err, buildah.ErrNotBuiltIn))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	base, err := engine.Inspect(t.Context(), w.options.base, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	base.Tool = bootc.APT
	if base, err = base.Infer(); err != nil { // its kernel
		t.Fatal(err)
	}
	packages := httptest.NewServer(http.FileServer(http.Dir(testkit.HeadersRepo(t))))
	defer packages.Close()
	plan, err := bootc.From(w.options.base).
		File("/etc/apt/sources.list", "").
		With(bootc.Repo{ID: "headers", BaseURL: []string{packages.URL}, Suites: []string{"./"}, InsecureNoGPGCheck: true}).
		Install("linux-headers-"+base.Kernel, "gcc", "make", "xz-utils").
		Compile(base)
	if err != nil {
		t.Fatal(err)
	}
	image, err := engine.Build(t.Context(), plan, bootc.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	published, err := w.client.Publish(t.Context(), image, w.server.Host+"/build/headers", registry.PublishOptions{Unsigned: true})
	if err != nil {
		t.Fatal(err)
	}
	w.options.site.headers = published.Reference()
}

// build runs the program, and returns the published image as a layout and as a root file system.
func (w *world) build(t *testing.T, late string) (layout, root string) {
	o := w.options
	o.late, o.push = late, w.server.Host+"/acme/"+strings.ToLower(filepath.Base(t.Name()))
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	layout, root = filepath.Join(dir, "layout"), filepath.Join(dir, "root")
	if _, err := w.client.Pull(t.Context(), o.push+":2.1.0", "oci:"+layout, registry.PullOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := testkit.UnpackImage(layout, root); err != nil {
		t.Fatal(err)
	}
	return layout, root
}

// addKey makes canaries of the private key in the configuration: the secret number itself, and its text in PEM, which the
// configuration encodes once more.
func (w *world) addKey(t *testing.T, config []byte) {
	c, err := flightctl.ParseConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	text := c.EnrollmentService.Authentication.ClientKeyData.Reveal()
	block, _ := pem.Decode(text)
	w.canaries["enrollment key"] = block.Bytes[36:68] // where PKCS #8 has the number of a P-256 key
	w.canaries["enrollment key in PEM"] = bytes.Split(text, []byte("\n"))[1][48:]
}

// checkSecrets looks for the secrets in all of the image: the configuration's file has them, if there is to be one.
func (w *world) checkSecrets(t *testing.T, layout string, files ...string) {
	found, err := testkit.FindCanaries(layout, w.canaries)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, s := range found {
		at = append(at, s.Path)
	}
	if !slices.Equal(at, files) {
		t.Errorf("secrets are in %+v, want them in %q", found, files)
	}
}

// checkDevice boots the image, approves the device that asks for it, and waits for what the service should see.
func (w *world) checkDevice(t *testing.T, layout string, vm testkit.VM) {
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	manifest, _, _, err := testkit.ReadImage(layout)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan struct{}) // closed when the service has seen all, or never will
	gate := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-seen }))
	defer gate.Close()
	_, port, _ := strings.Cut(gate.Listener.Addr().String(), ":")

	vm.Kargs = []string{"acme.line=7"} // what an installer adds for the place
	vm.Network, vm.Memory, vm.Timeout = true, 1536, 15*time.Minute
	var out, serial string
	off := make(chan error, 1)
	go func() {
		var err error
		out, serial, err = vm.Run(ctx, `
mkdir -p /run/bootc
cat >/run/bootc/status.json <<'END'
`+bootcStatus(t, "registry.acme.example/acme/device-os:2.1.0", manifest.Digest.String())+`
END
python3 -c 'import urllib.request; urllib.request.urlopen("http://10.0.2.2:`+port+`/").read()'
echo "agent: $(systemctl is-active flightctl-agent.service)"
echo "beacon: $(systemctl is-active beacon.service)"
echo "timer: $(systemctl is-enabled bootc-fetch-apply-updates.timer)"
echo "config: $(stat -c '%a %U' /etc/flightctl/config.yaml)"
echo "driver: $(cat /sys/module/acme_line/parameters/rate)"
echo "compilers: $(ls /usr/bin/*gcc* /usr/bin/make /usr/src/linux* 2>/dev/null | wc -l)"
echo "trust: $(ls /etc/ssl/certs/acme.pem)"
podman pull -q `+appRegistry+`/apps/intruder:1.0
systemctl --failed --no-legend --plain
systemctl list-units --no-legend --plain 'greeter*' 'flightctl*' '*beacon*'
podman ps -a
podman images
free -m
systemd-analyze --no-pager
journalctl -b --no-pager -o cat -u flightctl-agent -u beacon -u cloud-final | tail -n 200
`)
		off <- err
	}()
	defer func() {
		close(seen)
		if err := <-off; err != nil {
			t.Errorf("%v\n%s", err, serial)
		}
		for _, want := range []string{"agent: active", "beacon: active", "timer: masked", "config: 600 root", "driver: 200\n", "compilers: 0\n", "trust: /etc/ssl/certs/acme.pem", "A signature was required, but no signature exists"} {
			if !strings.Contains(out, want) {
				t.Errorf("the machine does not say %q", want)
			}
		}
		if t.Failed() {
			t.Log(out)
		}
	}()

	began := time.Now()
	name, err := w.service.WaitRequest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("asks for enrollment after %.0f s", time.Since(began).Seconds())
	if err := w.service.Approve(ctx, name, map[string]string{"site": "factory-7"}); err != nil {
		t.Fatal(err)
	}
	d, err := w.service.WaitOnline(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("is online after %.0f s", time.Since(began).Seconds())
	for key, want := range map[string]string{"site": "factory-7", "fleet": "acme-line", "os": "acme-2.1.0"} {
		if got := d.Metadata.Labels[key]; got != want {
			t.Errorf("label %s is %q, want %q", key, got, want)
		}
	}
	info, _ := d.Status.SystemInfo["customInfo"].(map[string]any)
	if info["line"] != "7" {
		t.Errorf("custom info %v", info)
	}
	if d.Status.SystemInfo["architecture"] != "amd64" || d.Status.SystemInfo["agentVersion"] != testkit.FlightctlV12 {
		t.Errorf("system info %v", d.Status.SystemInfo)
	}
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	_, err = w.service.WaitDevice(ctx, name, "running the published image", func(d testkit.Device) bool {
		return d.Status.OS.ImageDigest == manifest.Digest.String()
	})
	if err != nil {
		t.Error(err)
	}
	_, err = w.service.WaitDevice(ctx, name, "running the embedded application", func(d testkit.Device) bool {
		for _, app := range d.Status.Applications {
			if app.Name == "greeter" && app.Embedded && app.Status == "Running" {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("runs its application after %.0f s", time.Since(began).Seconds())
}

// bootcStatus is what bootc would say on a device that was installed from the image.
func bootcStatus(t *testing.T, image, digest string) string {
	t.Helper()
	type m = map[string]any
	b, err := json.Marshal(m{"apiVersion": "org.containers.bootc/v1", "kind": "BootcHost", "metadata": m{"name": "host"}, "spec": m{}, "status": m{
		"staged": nil, "rollback": nil, "type": "bootcHost",
		"booted": m{"image": m{"image": m{"image": image, "transport": "registry"}, "imageDigest": digest}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
