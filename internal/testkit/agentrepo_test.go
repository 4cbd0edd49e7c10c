package testkit

import (
	"strings"
	"testing"
)

// TestAgentRepo installs each version as users do, with and without what it recommends.
func TestAgentRepo(t *testing.T) {
	needsDebian(t)
	base := Chroot{Root: Root(t, DNF)}.With("/repo", AgentRepo(t))
	for _, c := range []struct{ install, want string }{
		{"flightctl-agent-1.0.0", "v1.0.0 timer=enabled user=no greenboot=no check=yes"},
		{"flightctl-agent-1.2.0", "v1.2.0 timer=masked user=yes greenboot=yes check=yes"},
		{"flightctl-agent-1.3.0", "v1.2.0 timer=masked user=yes greenboot=yes check=yes"},
		{"--setopt=install_weak_deps=False flightctl-agent-1.3.0", "v1.2.0 timer=enabled user=yes greenboot=no check=no"},
		{"--setopt=install_weak_deps=False flightctl-agent flightctl-greenboot", "v1.2.0 timer=masked user=yes greenboot=yes check=yes"},
	} {
		out, _, err := base.Run(t.Context(), "sh", "-ec", `
exec 3>&1 >&2
printf '[test]\nname=test\nbaseurl=file:///repo\ngpgcheck=0\n' >/etc/yum.repos.d/test.repo
dnf -q -y install bootc # bases have it
dnf -q -y install `+c.install+`
rpm -V bootc flightctl-agent flightctl-selinux || [ $? = 1 ] # %post moves one file
version=$(flightctl-agent version | grep -o 'v1\.[0-9]*\.[0-9]*' | head -n 1)
timer=$(systemctl is-enabled bootc-fetch-apply-updates.timer) || :
yes() { if "$@" >/dev/null; then echo yes; else echo no; fi; }
echo "$version timer=$timer user=$(yes test -d /var/home/flightctl) greenboot=$(yes rpm -q greenboot)" \
	"check=$(yes test -x /usr/lib/greenboot/check/required.d/20_check_flightctl_agent.sh)" >&3
`)
		if err != nil || strings.TrimSpace(out) != c.want {
			t.Errorf("%s: %v, got %q, want %q", c.install, err, out, c.want)
		}
	}
}
