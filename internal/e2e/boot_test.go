package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/sign"
)

const appUnit = `[Unit]
Description=App %i

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/libexec/acme-app %i

[Install]
WantedBy=multi-user.target
`

// TestBoot boots one image that has everything, and asks the system itself. systemd does not take an empty machine-id for
// a first boot, so the machine is like one that was updated to the image; what a first boot does to units comes after.
func TestBoot(t *testing.T) {
	t.Parallel()
	testkit.NeedVM(t)
	e := engine(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := testkit.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, _, err := ca.Server()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	s := from(t).Install("openssh-server").
		User("ops", strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))).
		CABundle("acme", string(ca.PEM)).
		Unit("app.service", strings.ReplaceAll(appUnit, "%i", "own")).
		Enable("ssh.service", "app@one.service").
		Mask("systemd-timesyncd.service", "apt-daily.timer").
		DropIn("/usr/lib/sysctl.d/50-acme.conf", "net.ipv4.ip_forward = 1\n").
		DropIn("/usr/lib/modules-load.d/acme.conf", "erofs\n").
		Kargs("acme.site=factory-7").
		File("/usr/share/acme/server.pem", string(cert)).
		With(
			bootc.Unit{Name: "app@.service", Content: appUnit},
			bootc.Unit{Name: "apt-daily-upgrade.timer", Disable: true},
			bootc.Unit{Name: "app.service", DropIns: map[string]string{"10-env.conf": "[Service]\nEnvironment=SITE=7\n"}},
			bootc.File{Path: "/usr/libexec/acme-app", Mode: 0o755, Content: bootc.Text("#!/bin/sh\necho app $1 $SITE\n")},
			bootc.InstallConfig{RootFS: "ext4"},
			sign.DevicePolicy{Rules: []sign.Rule{{Name: "acme", Scopes: []string{"registry.example.com/acme"}, Keys: []string{signer.Public()}}}},
		)
	layout := filepath.Join(t.TempDir(), "layout")
	b, err := try(t, e, bootc.APT, s, bootc.BuildOptions{Output: "oci:" + layout})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	for name := range b.files {
		if strings.HasPrefix(name, "etc/ssh/ssh_host_") {
			t.Errorf("%s is in the image", name)
		}
	}
	root := filepath.Join(t.TempDir(), "root")
	if err := testkit.UnpackImage(layout, root); err != nil {
		t.Fatal(err)
	}
	out, _, err := testkit.VM{Root: root, Kargs: []string{"acme.site=factory-7"}}.Run(t.Context(), `
cat >/run/key <<'END'
`+string(pem.EncodeToMemory(block))+`END
chmod 0600 /run/key
states() { for u in app.service app@one.service ssh.service systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer; do
	echo "$1 $u: $(systemctl is-active $u) $(systemctl is-enabled $u)"
done; }
states booted
systemctl preset-all -q 2>/dev/null
states preset
journalctl -b -o cat -u app -u app@one | grep '^app '
echo "sysctl: $(sysctl -n net.ipv4.ip_forward)"
grep -q '^erofs ' /proc/modules && echo "module: loaded"
openssl verify /usr/share/acme/server.pem
python3 -c 'import json; print("policy:", sorted(json.load(open("/etc/containers/policy.json"))["transports"]["docker"]))'
echo "home: $(stat -c '%U %a' /var/home/ops)"
ssh -i /run/key -o StrictHostKeyChecking=no -o BatchMode=yes ops@localhost 'echo "ssh: $(id -un) in $PWD"'
ssh -i /run/key -o StrictHostKeyChecking=no -o BatchMode=yes root@localhost true || echo "root: refused"
systemctl --failed --no-legend --plain
echo end
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		" app.service: active enabled", " app@one.service: active enabled", " ssh.service: active enabled",
		" systemd-timesyncd.service: inactive masked", " apt-daily.timer: inactive masked", " apt-daily-upgrade.timer: inactive disabled",
	} {
		for _, when := range []string{"booted", "preset"} {
			if !strings.Contains(out, when+want+"\n") {
				t.Errorf("the machine does not say %q", when+want)
			}
		}
	}
	for _, want := range []string{
		"app own 7", "app one\n", "sysctl: 1", "module: loaded", "/usr/share/acme/server.pem: OK", "policy: ['registry.example.com/acme']",
		"home: ops 700", "ssh: ops in /var/home/ops", "root: refused",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the machine does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
