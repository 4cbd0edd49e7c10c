package flightctl

import (
	"errors"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// The account for applications with "runAs: flightctl". The package makes it in %post, which reaches only devices that are
// installed from the image: one that gets it as an update keeps its own /etc/passwd and /var. There systemd makes the
// account, from sysusers.d and tmpfiles.d.
const (
	appUser = "flightctl"
	// appUID is what systemd-sysusers takes if it is free. It must be one of an ordinary user (1000 to 60000), as podman
	// and the journal treat system users differently; it is far from the first ones, which installers give away.
	appUID = 17443
)

// hasUser tells whether the agent of this version has the account.
func hasUser(v Version) bool { return v.AtLeast(1, 1) }

// userTmpfiles has the directories that the package's %post makes, and the file that has systemd start the user's services
// at boot.
const userTmpfiles = `d /var/home/flightctl/.config 0700 flightctl flightctl -
d /var/home/flightctl/.config/containers 0700 flightctl flightctl -
d /var/home/flightctl/.config/containers/systemd 0700 flightctl flightctl -
d /var/home/flightctl/.config/systemd 0700 flightctl flightctl -
d /var/home/flightctl/.config/systemd/user 0700 flightctl flightctl -
d /var/home/flightctl/.local 0700 flightctl flightctl -
d /var/lib/systemd/linger 0755 root root -
f /var/lib/systemd/linger/flightctl 0644 root root -
`

// subordinateIDs gives the account a range of its own, without which it cannot start containers. useradd does so for
// ordinary users, systemd-sysusers never does. Nothing below /usr is read for it.
const subordinateIDs = `for f in /etc/subuid /etc/subgid; do
  if ! grep -qs '^flightctl:' "$f"; then
    touch "$f"
    next=$(awk -F: 'BEGIN { n = 524288 } $2 + $3 > n { n = $2 + $3 } END { print n }' "$f")
    echo "flightctl:$next:65536" >>"$f"
  fi
done
`

func contributeUser(d *bootc.Draft) error {
	user := bootc.User{Name: appUser, UID: appUID, GECOS: "Applications of the Flight Control agent"}
	if passwd, err := d.ReadBase("/etc/passwd"); err == nil && strings.Contains("\n"+string(passwd), "\n"+appUser+":") {
		user.UID = 0 // a base with an agent: the account is as it is
	}
	return errors.Join(d.Use("", user),
		d.Use("", bootc.DropIn{Path: "/usr/lib/tmpfiles.d/50-flightctl-user.conf", Content: userTmpfiles}))
}
