package testkit

import "testing"

func TestRPMRepo(t *testing.T) {
	needsDebian(t)
	repo := RPMRepo(t)
	c := Chroot{Root: Root(t, DNF)}.With("/repo", repo)
	out, _, err := c.Run(t.Context(), "sh", "-ec", `
printf '[test]\nname=test\nbaseurl=file:///repo\ngpgcheck=0\n' >/etc/yum.repos.d/test.repo
dnf -q -y install --setopt=install_weak_deps=False hello-1.0 >&2
test ! -e /usr/share/hello/extra
/usr/bin/hello
dnf -q -y upgrade hello >&2
/usr/bin/hello
stat -c '%a %U' /etc/hello.conf
getent passwd hello | cut -d: -f1
rpm -V hello hello-data bootloom-system >&2
systemctl enable hello.service >&2
readlink /etc/systemd/system/multi-user.target.wants/hello.service
dnf clean all >&2
`)
	want := "hello 1.0\nhello 2.0\n640 root\nhello\n/usr/lib/systemd/system/hello.service\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
}
