package bootc_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

// These tests put the files of a plan into a directory and have the programs that read them on a device read them
// there.

var debianBase = bootc.Base{Ref: "quay.io/acme/base:1", Family: bootc.Debian, Tool: bootc.APT}

// root unpacks the plan's files as root would be on a device. files are there before.
func root(t *testing.T, s bootc.Spec, files map[string]string) (string, bootc.Plan) {
	t.Helper()
	testkit.NeedRoot(t)
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	s.Base = debianBase.Ref
	plan, err := s.Compile(debianBase)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range plan.Archives {
		f, err := os.Create(filepath.Join(t.TempDir(), "files.tar"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.WriteTo(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		output(t, "tar", "-C", dir, "-xpf", f.Name())
	}
	return dir, plan
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(name...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// output runs a program that must succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	testkit.NeedTool(t, name)
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if cmd.Err != nil {
		cmd.Path, cmd.Err = "/usr/sbin/"+name, nil
	}
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, b)
	}
	return string(b)
}

func TestUserIsMadeAtBoot(t *testing.T) {
	dir, _ := root(t, bootc.Spec{}.With(
		bootc.User{Name: "ops", UID: 1001, Groups: []string{"wheel", "new"}, GECOS: `Ops "on call" 100%`, SSHKeys: []string{opsKey}, PasswordlessSudo: true},
		bootc.User{Name: "svc", Shell: "/usr/sbin/nologin", Home: "/var/lib/svc"},
		bootc.User{Name: "root", SSHKeys: []string{opsKey}},
	), map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
		"etc/group":  "root:x:0:\nwheel:x:10:\n",
	})
	output(t, "systemd-sysusers", "--root="+dir)
	output(t, "systemd-tmpfiles", "--root="+dir, "--create", "--prefix=/var")
	passwd := read(t, dir, "etc/passwd")
	if want := `ops:x:1001:1001:Ops "on call" 100%:/var/home/ops:/bin/bash`; !slices.Contains(strings.Split(passwd, "\n"), want) {
		t.Errorf("passwd lacks %s:\n%s", want, passwd)
	}
	if !strings.Contains(passwd, ":/var/lib/svc:/usr/sbin/nologin\n") {
		t.Errorf("passwd lacks svc:\n%s", passwd)
	}
	group := read(t, dir, "etc/group")
	for _, want := range []string{"wheel:x:10:ops\n", ":ops\n", "ops:x:1001:\n"} {
		if !strings.Contains(group, want) {
			t.Errorf("group lacks %q:\n%s", want, group)
		}
	}
	if got, want := output(t, "stat", "-c", "%A %u:%g", dir+"/var/home/ops"), "drwx------ 1001:1001\n"; got != want {
		t.Errorf("home is %q, want %q", got, want)
	}
	if shadow := read(t, dir, "etc/shadow"); !strings.Contains(shadow, "ops:!") {
		t.Errorf("ops is not locked:\n%s", shadow)
	}
	output(t, "systemd-sysusers", "--root="+dir) // as at each later boot
	if again := read(t, dir, "etc/passwd"); again != passwd {
		t.Errorf("the second boot changes passwd:\n%s", again)
	}
}

const opsKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example"

func TestUserPassesSudoAndSSHD(t *testing.T) {
	dir, _ := root(t, bootc.Spec{}.With(bootc.User{Name: "ops", SSHKeys: []string{opsKey}, PasswordlessSudo: true}), nil)
	output(t, "visudo", "-cf", dir+"/etc/sudoers.d/50-bootloom-ops")
	config := filepath.Join(dir, "sshd_config")
	output(t, "ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", filepath.Join(dir, "host"))
	// As Fedora's and Debian's own: the drop-ins first, then what the file sets.
	write(t, config, fmt.Sprintf("Include %s/etc/ssh/sshd_config.d/*.conf\nHostKey %s/host\nAuthorizedKeysFile .ssh/authorized_keys\n", dir, dir))
	if err := os.Mkdir("/run/sshd", 0o755); err == nil { // sshd wants it even for -T
		t.Cleanup(func() { os.Remove("/run/sshd") })
	}
	got := output(t, "/usr/sbin/sshd", "-T", "-f", config)
	if want := "authorizedkeysfile .ssh/authorized_keys /usr/share/bootloom/authorized_keys/%u\n"; !strings.Contains(got, want) {
		t.Errorf("sshd lacks %q:\n%s", want, got)
	}
	output(t, "ssh-keygen", "-lf", dir+"/usr/share/bootloom/authorized_keys/ops")
}

// unitsOfTheBase are units that no feature brings, and a distribution that disables what it does not name.
var unitsOfTheBase = map[string]string{
	"usr/lib/systemd/system/firewalld.service":                "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
	"usr/lib/systemd/system/cups.service":                     "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
	"usr/lib/systemd/system/other.service":                    "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
	"usr/lib/systemd/system/update.timer":                     "[Timer]\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n",
	"usr/lib/systemd/system/getty@.service":                   "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=getty.target\n",
	"usr/lib/systemd/system-preset/90-default.preset":         "enable cups.service\nenable update.timer\nenable other.service\n",
	"usr/lib/systemd/system-preset/99-default-disable.preset": "disable *\n",
}

const appUnit = "[Unit]\nDescription=App\n\n[Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n"

func TestUnitStatesSurviveTheFirstBoot(t *testing.T) {
	dir, plan := root(t, bootc.Spec{}.
		Unit("app.service", appUnit).
		With(bootc.Unit{Name: "slot@.service", Content: appUnit + "DefaultInstance=main\n", Enable: true},
			bootc.Unit{Name: "slot@two.service", Enable: true},
			bootc.Unit{Name: "cups.service", Disable: true}).
		Enable("firewalld.service", "getty@tty2.service").
		Mask("update.timer"), unitsOfTheBase)
	want := map[string]string{"app.service": "enabled", "slot@main.service": "enabled", "slot@two.service": "enabled",
		"firewalld.service": "enabled", "getty@tty2.service": "enabled", "cups.service": "disabled", "update.timer": "masked"}
	check := func(when string) {
		t.Helper()
		for unit, state := range want {
			out, _ := exec.Command("systemctl", "--root="+dir, "is-enabled", unit).Output() // exit status 1 for "disabled"
			if got := strings.TrimSpace(string(out)); got != state {
				t.Errorf("%s: %s is %q, want %q", when, unit, got, state)
			}
		}
	}
	steps := plan.Containerfile.Stages[0].Steps
	i := slices.IndexFunc(steps, func(s containerfile.Step) bool { _, ok := s.(containerfile.Run); return ok })
	run := steps[i].(containerfile.Run).Shell
	output(t, "sh", "-c", strings.ReplaceAll(run, "systemctl ", "systemctl --root="+dir+" "))
	check("as built")
	output(t, "systemctl", "--root="+dir, "preset-all")
	check("after the first boot")
	if out, _ := exec.Command("systemctl", "--root="+dir, "is-enabled", "other.service").Output(); string(out) != "enabled\n" {
		t.Errorf("the distribution's own presets have no effect: other.service is %q", out)
	}
}

// TestUnitLinks compares our links with those that systemctl makes of the same unit file.
func TestUnitLinks(t *testing.T) {
	const service = "[Service]\nExecStart=/bin/true\n\n[Install]\n"
	for _, tt := range []struct{ name, file, text string }{
		{"app.service", "app.service", service + "WantedBy=multi-user.target graphical.target\nRequiredBy=edge.target\n"},
		{"app.service", "app.service", service + "Alias=other.service another.service\nWantedBy=a.target\nWantedBy=\nWantedBy=b.target\n"},
		{"app.service", "app.service", service + "# a comment\nWantedBy=multi-user.target \\\n  graphical.target\n"},
		{"app@one.service", "app@.service", service + "WantedBy=slot-%i.target\nAlias=short@.service\n"},
		{"app@.service", "app@.service", service + "WantedBy=multi-user.target\nDefaultInstance=main\n"},
		{"app.socket", "app.socket", "[Socket]\nListenStream=80\n[Install]\nWantedBy=sockets.target %p.target %N-x.target\n"},
		{"with-dash.service", "with-dash.service", service + "WantedBy=%p.target\nAlias=x.service\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, _ := root(t, bootc.Spec{}.With(bootc.Unit{Name: tt.file, Content: tt.text}, bootc.Unit{Name: tt.name, Enable: true}), nil)
			theirs := t.TempDir()
			write(t, filepath.Join(theirs, "usr/lib/systemd/system", tt.file), tt.text)
			output(t, "systemctl", "--root="+theirs, "enable", tt.name)
			got, want := links(t, ours), links(t, theirs)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// links lists the symbolic links below /etc.
func links(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(root, "etc"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type() == fs.ModeSymlink {
			var target string
			target, err = os.Readlink(p)
			out = append(out, strings.TrimPrefix(p, root)+" -> "+target)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCABundleOnDebian(t *testing.T) {
	one, two := certificate(t, "one"), certificate(t, "two")
	dir, plan := root(t, bootc.Spec{}.CABundle("acme", one+two), map[string]string{"etc/ca-certificates.conf": "# a list\n", "etc/ssl/certs/x": ""})
	steps := plan.Containerfile.Stages[0].Steps
	script := steps[len(steps)-1].(containerfile.Run).Heredocs[0].Body
	conf := filepath.Join(dir, "etc/ca-certificates.conf")
	// The same program, told to work in dir.
	script = strings.Replace(script, "conf=/etc/ca-certificates.conf", "conf="+conf, 1)
	head, ok := strings.CutSuffix(script, "update-ca-certificates\n")
	if !ok {
		t.Fatalf("the step does not end in update-ca-certificates:\n%s", script)
	}
	script = head + fmt.Sprintf("update-ca-certificates --certsconf %s --certsdir %s/usr/share/ca-certificates --localcertsdir %[2]s/none --etccertsdir %[2]s/etc/ssl/certs --hooksdir %[2]s/none\n", conf, dir)
	for range 2 { // a second run changes nothing
		output(t, "sh", "-c", script)
	}
	if got, want := read(t, conf), "# a list\nbootloom/acme-1.crt\nbootloom/acme-2.crt\n"; got != want {
		t.Errorf("the list is %q, want %q", got, want)
	}
	if got := read(t, dir, "etc/ssl/certs/ca-certificates.crt"); got != one+two {
		t.Errorf("the bundle is\n%s", got)
	}
	for i, pem := range []string{one, two} {
		file := filepath.Join(t.TempDir(), "ca.pem")
		write(t, file, pem)
		t.Logf("%d: %s", i, output(t, "openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", dir+"/etc/ssl/certs", file))
	}
}

func TestAPTReadsRepo(t *testing.T) {
	dir, _ := root(t, bootc.Spec{}.With(bootc.Repo{ID: "acme", BaseURL: []string{"https://deb.example.com/debian"}, Suites: []string{"trixie"},
		Components: []string{"main", "extra"}, Architectures: []string{"arm64"}, Key: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"}), nil)
	got := output(t, "apt-get", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts="+dir+"/etc/apt/sources.list.d", "update", "--print-uris")
	for _, want := range []string{"trixie/InRelease", "trixie/main/binary-arm64/Packages", "trixie/extra/binary-arm64/Packages"} {
		if !strings.Contains(got, "'https://deb.example.com/debian/dists/"+want) {
			t.Errorf("apt does not read %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, "binary-amd64") {
		t.Errorf("apt reads another architecture:\n%s", got)
	}
}

// TestUnitVerify has systemd parse what DropIn and Unit let through.
func TestUnitVerify(t *testing.T) {
	dir, _ := root(t, bootc.Spec{}.With(bootc.Unit{Name: "app.service", Content: appUnit, Enable: true,
		DropIns: map[string]string{"10-limits.conf": "[Service]\n# more\nLimitNOFILE=65536\n"}}), nil)
	out := output(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", dir+"/usr/lib/systemd/system/app.service")
	if strings.Contains(out, "app.service") {
		t.Errorf("systemd-analyze: %s", out)
	}
}
