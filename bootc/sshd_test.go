package bootc_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestSSHDOracle has sshd itself read the settings. What it refuses, SSHD refuses; what SSHD refuses otherwise is
// dangerous, and passes if it is meant.
func TestSSHDOracle(t *testing.T) {
	testkit.NeedRoot(t) // sshd -T wants to read host keys of its own
	testkit.NeedTool(t, "sshd", "ssh-keygen")
	dir := t.TempDir()
	output(t, "ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", filepath.Join(dir, "host"))
	if err := os.Mkdir("/run/sshd", 0o755); err == nil {
		t.Cleanup(func() { os.Remove("/run/sshd") })
	}
	for content, want := range map[string]string{ // "" for good, "sshd" for what sshd refuses, else the keyword for Insecure
		"PasswordAuthentication no\n": "",
		"passwordauthentication=no\n": "",
		"# comment\n\n  MaxAuthTries\t3\nPermitRootLogin \"prohibit-password\"\n":      "",
		"AllowUsers ops admin@10.0.0.0/8\nBanner /etc/issue\n":                         "",
		"Match User ops\n  X11Forwarding no\n  AllowTcpForwarding local\n":             "",
		"Port 2222\nListenAddress 0.0.0.0\nLoginGraceTime 30s\n":                       "",
		"KexAlgorithms -diffie-hellman-group14-sha1\nCiphers aes256-gcm@openssh.com\n": "",
		"PubkeyAcceptedAlgorithms rsa-sha2-512,ssh-ed25519\n":                          "",
		"PasswordAuthentication\n":                                                     "sshd",
		"PasswordAuthentication off\n":                                                 "sshd",
		"PasswdAuthentication no\n":                                                    "sshd",
		"PermitRootLogin never\n":                                                      "sshd",
		"Match User ops\n  Port 2222\n":                                                "sshd",
		"Match User ops\n  StrictModes yes\n":                                          "sshd",
		"just words\n":                                                                 "sshd",
		"PermitRootLogin yes\n":                                                        "PermitRootLogin",
		"Match Address 10.0.0.0/8\n  permitrootlogin yes\n":                            "PermitRootLogin",
		"PermitEmptyPasswords yes\n":                                                   "PermitEmptyPasswords",
		"StrictModes no\n":                                                             "StrictModes",
		"HostbasedAuthentication yes\n":                                                "HostbasedAuthentication",
		"PermitUserEnvironment LANG,LD_*\n":                                            "PermitUserEnvironment",
		"Ciphers +aes128-cbc\n":                                                        "Ciphers",
		"MACs hmac-md5\n":                                                              "MACs",
		"KexAlgorithms +diffie-hellman-group1-sha1\n":                                  "KexAlgorithms",
		"PubkeyAcceptedAlgorithms +ssh-rsa\n":                                          "PubkeyAcceptedAlgorithms",
		"HostKeyAlgorithms ssh-ed25519,ssh-rsa\n":                                      "HostKeyAlgorithms",
	} {
		t.Run(content, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "sshd_config")
			write(t, config, content+fmt.Sprintf("HostKey %s/host\n", dir))
			if len(content) > 5 && content[:5] == "Match" {
				write(t, config, fmt.Sprintf("HostKey %s/host\n", dir)+content)
			}
			out, theirs := exec.Command("/usr/sbin/sshd", "-T", "-C", "user=ops,host=h,addr=10.0.0.1,laddr=10.0.0.2,lport=22", "-f", config).CombinedOutput()
			if got := theirs != nil; got != (want == "sshd") {
				t.Errorf("sshd: %v\n%s", theirs, out)
			}
			base := bootc.Base{Ref: "quay.io/a/b:1"}
			_, ours := bootc.From(base.Ref).With(bootc.SSHD{Content: content}).Compile(base)
			if got := ours != nil; got != (want != "") {
				t.Errorf("SSHD: %v", ours)
			}
			if want == "" || want == "sshd" {
				_, ours = bootc.From(base.Ref).DropIn("/etc/ssh/sshd_config.d/x.conf", content).Compile(base)
				if got := ours != nil; got != (want != "") {
					t.Errorf("DropIn: %v", ours)
				}
				return
			}
			if _, err := bootc.From(base.Ref).With(bootc.SSHD{Content: content, Insecure: []string{want}}).Compile(base); err != nil {
				t.Errorf("with Insecure: %v", err)
			}
		})
	}
}

// TestSudoersOracle has visudo read what Sudo writes, and what DropIn lets through or refuses.
func TestSudoersOracle(t *testing.T) {
	for name, s := range map[string]bootc.Sudo{
		"one":       {Name: "ops", Who: []string{"ops"}, Commands: []string{"/usr/bin/reboot"}},
		"all":       {Name: "ops", Who: []string{"ops", "%wheel"}, Commands: []string{"ALL"}, RunAs: "ALL", NoPassword: true},
		"arguments": {Name: "ops", Who: []string{"%ops"}, Commands: []string{`/usr/bin/systemctl restart app@one.service`, `/usr/bin/env A=1,2:3 \x #y`, `/usr/bin/true ""`}, RunAs: "svc"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := root(t, bootc.Spec{}.With(s), nil)
			output(t, "visudo", "-cf", dir+"/etc/sudoers.d/ops")
			t.Logf("%s", read(t, dir, "etc/sudoers.d/ops"))
		})
	}
	testkit.NeedTool(t, "visudo")
	for content, wrong := range map[string]bool{
		"# comment\nDefaults env_reset\nDefaults:ops !requiretty\n":                                         false,
		"Cmnd_Alias REBOOT = /usr/bin/reboot, \\\n  /usr/bin/halt\n%wheel ALL=(ALL:ALL) NOPASSWD: REBOOT\n": false,
		"ops ALL = /usr/bin/true\nUser_Alias OPS = a, b : ADM = c\nOPS ALL=ALL\n":                           false,
		"#1000 ALL=(ALL) ALL\n%#100 ALL=(ALL) ALL\n":                                                        false,
		"ops\tALL=(ALL)\tALL\n": false,
		"ops ALL=(root) ALL":    false,
		"ops ALL\n":             true,
		"ops ALL=\n":            true,
		"ops\n":                 true,
		"User_Alias OPS\n":      true,
		"=ALL\n":                true,
	} {
		t.Run(content, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sudoers")
			write(t, file, content)
			cmd := exec.Command("visudo", "-cf", file)
			cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
			out, theirs := cmd.CombinedOutput()
			if got := theirs != nil; got != wrong {
				t.Errorf("visudo: %v\n%s", theirs, out)
			}
			base := bootc.Base{Ref: "quay.io/a/b:1"}
			if _, ours := bootc.From(base.Ref).DropIn("/etc/sudoers.d/x", content).Compile(base); (ours != nil) != wrong {
				t.Errorf("DropIn: %v", ours)
			}
		})
	}
}
