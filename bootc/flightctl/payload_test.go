package flightctl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// payload is one with a configuration, and a file with bytes that no text has.
func payload(t testing.TB) flightctl.Payload {
	t.Helper()
	p, err := flightctl.NewPayload(enrollment(t), flightctl.Check{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	p, err = p.With(flightctl.PayloadFile{Path: "/usr/lib/acme@1/token.bin", Data: odd, Mode: 0o640})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var odd = []byte("END\x00\xff\n'%end\n$(id)\n")

// wanted are the files of payload, as a machine must have them.
func wanted(t testing.TB) map[string]string {
	t.Helper()
	config, err := enrollment(t).YAML()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"etc/flightctl/config.yaml": fmt.Sprintf("600 0:0 %x", config),
		"usr/lib/acme@1/token.bin":  fmt.Sprintf("640 0:0 %x", odd),
	}
}

// delivered compares what is below dir with wanted.
func delivered(t *testing.T, dir string) {
	t.Helper()
	for name, want := range wanted(t) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		stat, err := exec.Command("stat", "-c", "%a %u:%g", filepath.Join(dir, name)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s %x", bytes.TrimSpace(stat), data); got != want {
			t.Errorf("%s is\n%.80s…\nwant\n%.80s…", name, got, want)
		}
	}
}

// TestCloudConfig has cloud-init check the user data and write the files.
func TestCloudConfig(t *testing.T) {
	c := testkit.Provisioners(t)
	in, etc, usr := t.TempDir(), t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(in, "user-data"), payload(t).CloudConfig())
	c = c.With("/in", in, "/etc/flightctl", etc, "/usr/lib/acme@1", usr)
	out, stderr, err := c.Run(t.Context(), "cloud-init", "schema", "--config-file", "/in/user-data")
	if err != nil || !strings.Contains(out, "Valid schema") {
		t.Errorf("cloud-init schema: %v\n%s%s", err, out, stderr)
	}
	out, stderr, err = c.Run(t.Context(), "python3", "-c", `
import yaml
from cloudinit.config import cc_write_files
cc_write_files.write_files("x", yaml.safe_load(open("/in/user-data"))["write_files"], "root:root")`)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr)
	}
	delivered(t, tree(t, etc, usr))
}

// tree is a directory with etc/flightctl and usr/lib/acme@1.
func tree(t *testing.T, etc, usr string) string {
	t.Helper()
	dir := t.TempDir()
	for name, target := range map[string]string{"etc/flightctl": etc, "usr/lib/acme@1": usr} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestGuestInfo has cloud-init's data source for VMware read the values.
func TestGuestInfo(t *testing.T) {
	p := payload(t)
	info := p.GuestInfo()
	in := t.TempDir()
	writeFile(t, filepath.Join(in, "data"), []byte(info["guestinfo.userdata"]))
	out, stderr, err := testkit.Provisioners(t).With("/in", in).Run(t.Context(), "python3", "-c", `
import sys
from cloudinit.sources import DataSourceVMware
sys.stdout.write(DataSourceVMware.decode("userdata", sys.argv[1], open("/in/data").read()))`, info["guestinfo.userdata.encoding"])
	if err != nil || out != string(p.CloudConfig()) {
		t.Errorf("%v\n%s\n%s", err, out, stderr)
	}
	if len(info) != 2 || fmt.Sprint(info) != fmt.Sprint(p.GuestInfo()) {
		t.Errorf("it differs from call to call, or has %d values", len(info))
	}
}

// TestKickstart has Anaconda's own reader check the section, and a shell run it in a system.
func TestKickstart(t *testing.T) {
	c := testkit.Provisioners(t)
	in, etc, usr := t.TempDir(), t.TempDir(), t.TempDir()
	snippet := payload(t).Kickstart()
	writeFile(t, filepath.Join(in, "ks.cfg"), append([]byte("text\nzerombr\nclearpart --all\nautopart\nreboot\n"), snippet...))
	c = c.With("/in", in, "/etc/flightctl", etc, "/usr/lib/acme@1", usr)
	for _, version := range []string{"RHEL9", "RHEL10", "F43"} {
		if out, stderr, err := c.Run(t.Context(), "ksvalidator", "-v", version, "-e", "/in/ks.cfg"); err != nil {
			t.Errorf("ksvalidator -v %s: %v\n%s%s", version, err, out, stderr)
		}
	}
	// The script as pykickstart hands it to Anaconda.
	out, stderr, err := c.Run(t.Context(), "python3", "-c", `
import subprocess
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion
ks = KickstartParser(makeVersion("RHEL9"))
ks.readKickstart("/in/ks.cfg")
for s in ks.handler.scripts:
    assert s.errorOnFail and s.inChroot
    subprocess.run([s.interp], input=s.script, text=True, check=True)`)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr)
	}
	delivered(t, tree(t, etc, usr))
}

// TestIgnition has Ignition's validator check the configuration; what Ignition would write is in its own words.
func TestIgnition(t *testing.T) {
	validate := testkit.IgnitionValidate(t)
	config := payload(t).Ignition()
	cmd := exec.Command(validate, "-")
	cmd.Stdin = bytes.NewReader(config)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("ignition-validate: %v\n%s", err, out)
	}
	cmd = exec.Command(validate, "-")
	cmd.Stdin = bytes.NewReader(bytes.Replace(config, []byte(`"mode": 384`), []byte(`"mode": 38400`), 1))
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("the validator takes anything:\n%s", out)
	}
}

func TestKubeVirtSecret(t *testing.T) {
	p := payload(t)
	for _, ns := range []string{"", "123"} {
		text, err := p.KubeVirtSecret("enrollment-secret", ns)
		if err != nil {
			t.Fatal(err)
		}
		var secret struct {
			APIVersion string `yaml:"apiVersion"`
			Kind, Type string
			Metadata   struct{ Name, Namespace any }
			Data       map[string]string
		}
		if err := yaml.Unmarshal(text, &secret); err != nil {
			t.Fatal(err)
		}
		data, err := unbase64(secret.Data["userdata"])
		if err != nil || string(data) != string(p.CloudConfig()) {
			t.Errorf("userdata is %.60q (%v)", data, err)
		}
		if secret.APIVersion != "v1" || secret.Kind != "Secret" || secret.Type != "Opaque" || secret.Metadata.Name != "enrollment-secret" || ns != "" && secret.Metadata.Namespace != ns {
			t.Errorf("%+v", secret)
		}
	}
	_, err := p.KubeVirtSecret("Enrollment", "a_b")
	if got := bootc.FieldErrors(err); len(got) != 2 {
		t.Errorf("%v", err)
	}
}

// TestCredentials delivers certificate and key where an image bound by EndpointOnly expects them.
func TestCredentials(t *testing.T) {
	p, err := flightctl.NewCredentials(enrollment(t), flightctl.Check{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Files []struct {
			Path, Permissions, Content string
		} `yaml:"write_files"`
	}
	if err := yaml.Unmarshal(p.CloudConfig(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Files) != 2 {
		t.Fatalf("%d files", len(got.Files))
	}
	auth := enrollment(t).EnrollmentService.Authentication
	for i, want := range []struct{ path, mode, data string }{
		{flightctl.EnrollmentCertPath, "0644", string(auth.ClientCertificateData)},
		{flightctl.EnrollmentKeyPath, "0600", string(auth.ClientKeyData.Reveal())},
	} {
		f := got.Files[i]
		if data, err := unbase64(f.Content); err != nil || f.Path != want.path || f.Permissions != want.mode || string(data) != want.data {
			t.Errorf("file %d is %s %s (%v)", i, f.Path, f.Permissions, err)
		}
	}
	without := enrollment(t)
	without.EnrollmentService.Authentication = flightctl.Authentication{}
	if _, err := flightctl.NewCredentials(without, flightctl.Check{NoCredentials: true}); err == nil {
		t.Error("credentials come from nowhere")
	}
}

func TestPayloadRefuses(t *testing.T) {
	expired := flightctl.Check{Now: time.Now().AddDate(200, 0, 0)}
	if _, err := flightctl.NewPayload(enrollment(t), expired); !errors.Is(err, flightctl.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if _, err := flightctl.NewPayload(flightctl.Config{}, flightctl.Check{}); err == nil {
		t.Error("an empty configuration goes out")
	}
	p := payload(t)
	for _, f := range []flightctl.PayloadFile{{Path: "etc/x"}, {Path: "/etc/../x"}, {Path: "/"}, {Path: "/etc/a b"}, {Path: "/etc/x\n- path: /etc/shadow"}, {Path: "/etc/x", Mode: 0o4755}} {
		if _, err := p.With(f); len(bootc.FieldErrors(err)) != 1 {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
	q, err := p.With(flightctl.PayloadFile{Path: flightctl.ConfigPath, Data: []byte("other")})
	if err != nil || bytes.Equal(q.CloudConfig(), p.CloudConfig()) {
		t.Errorf("With changed its receiver, or replaced nothing: %v", err)
	}
}

// TestPayloadIsRedacted prints it in every way that a log might.
func TestPayloadIsRedacted(t *testing.T) {
	p := payload(t)
	key := enrollment(t).EnrollmentService.Authentication.ClientKeyData.Reveal()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "p", p)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", &p)
	asJSON, err := json.Marshal(map[string]any{"p": p})
	if err != nil {
		t.Fatal(err)
	}
	file := flightctl.PayloadFile{Path: "/etc/x", Data: key}
	text := fmt.Sprintf("%v %+v %#v %s %q %x %v %+v %#v", p, p, p, p, p, p, []any{p}, struct{ P flightctl.Payload }{p}, &p) +
		fmt.Sprintf("%v %+v %#v %x", file, file, file, file) + log.String() + string(asJSON)
	for _, secret := range []string{string(key[40:80]), fmt.Sprintf("%x", key[40:60]), fmt.Sprint([]byte(key[40:60]))} {
		if strings.Contains(text, strings.Trim(secret, "[]")) {
			t.Errorf("the key shows:\n%s", text)
		}
	}
	if !strings.Contains(text, "[redacted]") {
		t.Error(text)
	}
}
