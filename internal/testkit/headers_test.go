package testkit

import "testing"

func TestHeadersRepo(t *testing.T) {
	needsDebian(t)
	repo := HeadersRepo(t)
	for _, kind := range []Kind{Debian, DNF} {
		c := Chroot{Root: Root(t, kind)}.With("/repo", repo)
		out, _, err := c.Run(t.Context(), "sh", "-ec", `
k=$(basename /usr/lib/modules/*)
echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
apt-get -q update >&2
apt-get -q -y --no-install-recommends install "linux-headers-$k" gcc make git xz-utils >&2
test -e "/usr/lib/modules/$k/build/Makefile"
for tool in gcc make git xz; do command -v $tool; done
`)
		if want := "/usr/bin/gcc\n/usr/bin/make\n/usr/bin/git\n/usr/bin/xz\n"; err != nil || out != want {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
	}
}
