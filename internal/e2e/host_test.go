package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

const opsKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example"

// hidden is a secret of the host's image: its value, a part of it to look for, and the one file that may have it.
type hidden struct{ id, value, canary, file string }

// host is an image with a feature of each kind for workloads, registries and the host itself.
type host struct {
	built
	root   string // unpacked
	mirror *testkit.Registry
}

// hostImage builds it.
func hostImage(t *testing.T) host {
	t.Helper()
	h := host{mirror: testkit.NewOlareg(t, testkit.RegistryOptions{ClientCert: true})}
	const image = "quay.io/acme/web@sha256:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
	login, psk, key := testkit.NewCanary(), testkit.NewCanary(), string(h.mirror.ClientKey)
	all := []hidden{
		{"pull", `{"auths": {"quay.io": {"auth": "` + base64.StdEncoding.EncodeToString([]byte("edge:"+login)) + `"}}}`, login, "usr/lib/bootloom/pull-secrets/pull.json"},
		{"registry-key", key, strings.Split(key, "\n")[1], "etc/containers/certs.d/" + h.mirror.Host + "/bootloom.key"},
		{"wifi", "[connection]\nid=plant\ntype=wifi\n\n[wifi]\nssid=plant\n\n[wifi-security]\nkey-mgmt=wpa-psk\npsk=" + psk + "\n", psk,
			"usr/lib/NetworkManager/system-connections/wifi.nmconnection"},
	}
	secrets, canaries := map[string]bootc.SecretValue{}, map[string][]byte{}
	for _, c := range all {
		secrets[c.id], canaries[c.id] = bootc.SecretBytes([]byte(c.value)), []byte(c.canary)
	}
	s := from(t).Install("openssh-server", "sudo", "network-manager").
		User("ops", opsKey).
		Unit("job.timer", "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n").
		Quadlet("web.container", "[Container]\nImage="+image+"\nNetwork=back.network\nPublishPort=8080:8080\n\n[Install]\nWantedBy=multi-user.target\n").
		Quadlet("back.network", "[Network]\nInternal=true\n").
		DropIn("/etc/sudoers.d/50-admins", "Cmnd_Alias POWER = /usr/sbin/reboot, \\\n  /usr/sbin/poweroff\n%sudo ALL=(root) POWER\n").
		With(
			bootc.Unit{Name: "job.service", Content: "[Service]\nType=oneshot\nExecStart=/bin/true\n"},
			bootc.Platform{Name: bootc.KubeVirt, NoCloudInit: true}, bootc.Platform{Name: bootc.VSphere, NoCloudInit: true},
			bootc.BoundImage{Quadlet: "web.container"},
			bootc.RegistryMirror{Prefix: "quay.io/acme", Mirrors: []bootc.Mirror{{Location: h.mirror.Host + "/copies"}}},
			bootc.RegistryTrust{Host: h.mirror.Host, CA: string(h.mirror.CA), ClientCert: string(h.mirror.ClientCert), ClientKey: "registry-key"},
			bootc.PullSecret{Secret: "pull", OS: true, Users: []string{"root", "ops"}, Helm: true},
			bootc.NTP{Servers: []string{"ntp.acme.example"}},
			bootc.Connection{Name: "uplink", Content: "[connection]\nid=uplink\ntype=ethernet\n\n[ipv4]\nmethod=auto\n"},
			bootc.Connection{Name: "wifi", Secret: "wifi"},
			bootc.SSHD{Content: "PasswordAuthentication no\nMaxAuthTries 3\nMatch User ops\n  AllowTcpForwarding no\n"},
			bootc.Sudo{Name: "ops", Who: []string{"ops"}, Commands: []string{"/usr/bin/systemctl restart job.service", "/usr/bin/env A=1,2:3 /bin/true"}, NoPassword: true},
			bootc.Locale{Lang: "de_DE.UTF-8", Timezone: "Europe/Berlin"},
			bootc.FirewallZone{Name: "edge", Default: true, Target: "DROP", Services: []string{"ssh", "acme"}, Ports: []string{"5000-5010/udp"}},
			bootc.FirewallZone{Name: "plant", Interfaces: []string{"plc0"}, Sources: []string{"10.20.0.0/16"}, Target: "REJECT", Masquerade: true},
			bootc.FirewallService{Name: "acme", Short: "Acme & Co", Ports: []string{"8080/tcp", "8081/tcp"}},
			bootc.Journal{MaxUse: "64M", MaxRetention: "30day"},
		)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	layout := filepath.Join(t.TempDir(), "layout")
	if h.built, err = try(t, engine(t), bootc.APT, s, bootc.BuildOptions{Output: "oci:" + layout, Secrets: secrets}); err != nil {
		t.Fatalf("%v\n%s", err, h.log())
	}
	h.root = filepath.Join(t.TempDir(), "root")
	if err := testkit.UnpackImage(layout, h.root); err != nil {
		t.Fatal(err)
	}
	// Each secret is in its one file, 0600, of one layer, and nowhere else.
	var got, want []string
	for _, at := range sightings(t, h.built, canaries) {
		got = append(got, at.Canary+" in "+at.Path)
	}
	for _, c := range all {
		want = append(want, c.id+" in "+c.file)
		if f := h.files[c.file]; f.String() != "- 0600 0:0" || f.data != c.value {
			t.Errorf("%s is %s", c.file, f)
		}
		if strings.Contains(string(text), c.canary) {
			t.Errorf("secret %s is in the Spec", c.id)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("secrets are %q, want %q", got, want)
	}
	return h
}

// TestHost builds one image with all of them, and asks the programs in it that read the files.
func TestHost(t *testing.T) {
	t.Parallel()
	h := hostImage(t)
	inside := testkit.Chroot{Root: h.root}
	for _, c := range []struct {
		name, script string
		want         []string // lines of the output
	}{
		{"units", "systemd-analyze verify --man=no --recursive-errors=no /usr/lib/systemd/system/job.timer; systemctl is-enabled job.timer firewalld ssh open-vm-tools systemd-timesyncd",
			[]string{"enabled\nenabled\nenabled\nenabled\nenabled"}},
		{"sudo", "systemd-sysusers; visudo -c; sudo -l -U ops /usr/bin/env A=1,2:3 /bin/true; sudo -l -U ops /usr/bin/env A=1 /bin/true || echo refused",
			[]string{"/etc/sudoers.d/ops: parsed OK", "/etc/sudoers.d/50-admins: parsed OK", "/usr/bin/env A=1,2:3 /bin/true\nrefused"}},
		{"sshd", "ssh-keygen -A >/dev/null; mkdir -p /run/sshd; sshd -T -C user=ops,host=h,addr=10.0.0.1,laddr=10.0.0.2,lport=22", []string{"passwordauthentication no", "maxauthtries 3",
			"allowtcpforwarding no", "authorizedkeysfile .ssh/authorized_keys /usr/share/bootloom/authorized_keys/%u"}},
		{"network", "for f in /usr/lib/NetworkManager/system-connections/*; do nmcli --offline connection modify connection.autoconnect yes <$f; done; NetworkManager --print-config",
			[]string{"id=uplink", "type=ethernet", "id=plant", "type=wifi", "[main]"}},
		{"firewall", "firewall-offline-cmd --check-config; firewall-offline-cmd --get-default-zone; firewall-offline-cmd --zone=edge --list-all; firewall-offline-cmd --zone=plant --list-all; firewall-offline-cmd --service=acme --get-ports",
			[]string{"edge (default)", "  target: DROP", "  services: acme ssh", "  ports: 5000-5010/udp", "  target: %%REJECT%%", "  interfaces: plc0", "  sources: 10.20.0.0/16", "  masquerade: yes", "8080/tcp 8081/tcp"}},
		{"locale", "locale -a; . /etc/locale.conf; LC_ALL=$LANG date -d 2026-12-01 +%A; date -d 2026-12-01T12:00Z +%R", []string{"de_DE.utf8", "Dienstag", "13:00"}},
		{"time", "systemd-analyze cat-config systemd/timesyncd.conf", []string{"NTP=ntp.acme.example", "FallbackNTP="}},
		{"journal", "systemd-analyze cat-config systemd/journald.conf; systemd-analyze timespan 30day", []string{"Storage=persistent", "SystemMaxUse=64M", "MaxRetentionSec=30day"}},
		{"logins", "systemd-sysusers; systemd-tmpfiles --create --boot; stat -Lc '%a %U %n' /root/.config/containers/auth.json /root/.config/helm/registry/config.json /etc/ostree/auth.json /var/home/ops/.config/containers/auth.json; stat -c %N /root /root/.config/containers/auth.json",
			[]string{"600 root /root/.config/containers/auth.json", "600 root /root/.config/helm/registry/config.json", "600 root /etc/ostree/auth.json",
				"600 ops /var/home/ops/.config/containers/auth.json", "'/root' -> 'var/roothome'", "'/root/.config/containers/auth.json' -> '/usr/lib/bootloom/pull-secrets/pull.json'"}},
		{"guests", "ls -l /usr/sbin/qemu-ga /usr/bin/vmtoolsd >/dev/null; cat /usr/lib/bootc/kargs.d/*.toml", []string{`kargs = ["console=tty0", "console=ttyS0,115200n8"]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, log, err := inside.Run(t.Context(), "sh", "-ec", c.script)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains("\n"+out+log, "\n"+want+"\n") && !strings.Contains(out, " "+want+"\n") {
					t.Errorf("no line %q in\n%s%s", want, out, log)
				}
			}
		})
	}
	t.Run("warnings", func(t *testing.T) {
		for _, e := range h.events {
			if e.Kind == bootc.EventWarning && strings.HasPrefix(e.Text, "Features[") && !strings.Contains(e.Text, "the base has no podman") {
				t.Errorf("warning: %s", e.Text)
			}
		}
	})
	t.Run("quadlets", func(t *testing.T) {
		v := testkit.NewVerifiers(t).With("/usr/share/containers/systemd", filepath.Join(h.root, "usr/share/containers/systemd"))
		out, _, err := v.Run(t.Context(), "/usr/libexec/podman/quadlet", "-dryrun")
		if err != nil || !strings.Contains(out, "---web.service---") || !strings.Contains(out, "--storage-opt=additionalimagestore=/usr/lib/bootc/storage run") {
			t.Errorf("%v\n%s", err, out)
		}
		if _, _, err := inside.Run(t.Context(), "grep", "-q", "^Image=quay.io/acme/web@", "/usr/lib/bootc/bound-images.d/web.container"); err != nil {
			t.Error(err)
		}
	})
	t.Run("registries", func(t *testing.T) {
		v := testkit.NewVerifiers(t)
		for _, dir := range []string{"/etc/containers/registries.conf.d", "/etc/containers/certs.d"} {
			v = v.With(dir, h.root+dir)
		}
		_, _, err := v.Skopeo(t.Context(), "inspect", "--raw", "docker://quay.io/acme/nothing:1")
		if seen := fmt.Sprint(h.mirror.Requests()); !strings.Contains(seen, "/v2/copies/nothing/manifests/1") {
			t.Errorf("the mirror was not asked: %v\n%s", err, seen)
		}
	})
	t.Run("disk formats", func(t *testing.T) {
		_, _, config, err := testkit.ReadImage(strings.TrimPrefix(strings.Split(h.Location, ":")[1], "oci:"))
		if got := bootc.DiskFormats(config.Config.Labels); err != nil || fmt.Sprint(got) != "[qcow2 vmdk]" {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("boot", func(t *testing.T) { h.boots(t) })
}

// boots has the machine itself say what became of the settings.
func (h host) boots(t *testing.T) {
	testkit.NeedVM(t)
	out, _, err := testkit.VM{Root: h.root}.Run(t.Context(), `
for u in firewalld ssh NetworkManager systemd-timesyncd job.timer; do echo "$u: $(systemctl is-active $u)"; done
echo "zone: $(firewall-cmd --get-default-zone) $(firewall-cmd --zone=edge --query-port=5005/udp)"
echo "journal: $(ls -d /var/log/journal/* | wc -l)"
echo "time: $(timedatectl show -P Timezone) $(timedatectl show-timesync -P SystemNTPServers)"
systemctl show-environment | grep LANG
echo "connections: $(nmcli -g NAME connection show | sort | tr '\n' ' ')"
stat -Lc 'login: %a %U %n' /run/bootloom/pull-secrets/ops.json /root/.config/containers/auth.json /etc/ostree/auth.json
runuser -u ops -- grep -c auths /var/home/ops/.config/containers/auth.json
sudo -l -U ops /usr/bin/systemctl restart job.service
systemctl --failed --no-legend --plain
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"firewalld: active", "ssh: active", "NetworkManager: active", "systemd-timesyncd: active", "job.timer: active", "zone: edge yes", "journal: 1",
		"time: Europe/Berlin ntp.acme.example", "LANG=de_DE.UTF-8", "plant", "uplink", "login: 600 ops /run/bootloom/pull-secrets/ops.json",
		"login: 600 root /root/.config/containers/auth.json", "login: 600 root /etc/ostree/auth.json", "\n1\n", "/usr/bin/systemctl restart job.service",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the machine does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestHostByOthers: what the image above cannot have beside the rest. Debian's cloud-init is in conflict with its firewalld,
// and chrony with timesyncd.
func TestHostByOthers(t *testing.T) {
	t.Parallel()
	s := from(t).With(bootc.Platform{Name: bootc.Cloud}, bootc.NTP{Servers: []string{"10.0.0.1", "fd00::1"}, Pools: []string{"pool.acme.example"}, NTS: true, NoDHCP: true, Client: "chrony"})
	layout := filepath.Join(t.TempDir(), "layout")
	b, err := try(t, engine(t), bootc.APT, s, bootc.BuildOptions{Output: "oci:" + layout})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	root := filepath.Join(t.TempDir(), "root")
	if err := testkit.UnpackImage(layout, root); err != nil {
		t.Fatal(err)
	}
	out, log, err := testkit.Chroot{Root: root}.Run(t.Context(), "sh", "-ec", `
chronyd -p -f /etc/chrony/chrony.conf
systemctl is-enabled chrony cloud-init-main
cat /usr/lib/systemd/system/default.target.wants/cloud-init.target
cloud-init schema --system 2>&1 || :
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"server 10.0.0.1 iburst nts\n", "server fd00::1 iburst nts\n", "pool pool.acme.example iburst nts\n", "enabled\n", "cloud-init"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, log)
		}
	}
	if strings.Contains(out, "debian.pool") || strings.Contains(out, "sourcedir") {
		t.Errorf("another server is left:\n%s", out)
	}
}
