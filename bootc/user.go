package bootc

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// User is an account, made at boot by systemd-sysusers with its home by systemd-tmpfiles: so machines that were
// installed from an older image get it too, and neither /etc/passwd nor /home of the image needs to have it. An
// account that a machine has already stays as it is there.
//
// Accounts have no password: one in an image would be the same on every machine and known to all who can pull it.
// Give one at provisioning, or to one machine by the systemd credential passwd.hashed-password.NAME.
//
// SSH keys stay in the image, in /usr/share/bootloom/authorized_keys, where sshd reads them next to those in the
// user's home (a drop-in for AuthorizedKeysFile of sshd_config(5)): an update changes and revokes them. For root, which
// every base has, SSHKeys is the only field that may be set.
type User struct {
	// Name is the account and its primary group: a letter or "_", then letters, digits, "-" and "_", at most 31.
	Name string
	// UID is the number of user and primary group. With the zero value each machine picks one from its system range
	// when it first boots the image, which may differ from another machine's.
	UID int `json:",omitzero"`
	// Groups are further groups ("wheel" on Fedora, "sudo" on Debian); those that are missing are made.
	Groups []string `json:",omitzero"`
	// Shell is an absolute path; the zero value is /bin/bash.
	Shell string `json:",omitzero"`
	// Home is an absolute path in /var, /run or /home; the zero value is /var/home/NAME. It is made 0700 if it is missing.
	Home string `json:",omitzero"`
	// GECOS is the name for people.
	GECOS string `json:",omitzero"`
	// SSHKeys are lines of authorized_keys: [options] type base64 [comment] (sshd(8)).
	SSHKeys []string `json:",omitzero"`
	// PasswordlessSudo lets the user run anything as root without being asked: who has the user's key has the machine.
	PasswordlessSudo bool `json:",omitzero"`
}

// User adds an account that is reached by SSH keys; see User.
func (s Spec) User(name string, sshKeys ...string) Spec {
	return s.With(User{Name: name, SSHKeys: sshKeys})
}

const keysDir = "/usr/share/bootloom/authorized_keys/"

// accountName is what systemd takes without a warning (https://systemd.io/USER_NAMES).
var accountName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_-]{0,30}$`)

// Contribute adds the files that make the account.
func (u User) Contribute(d *Draft) error {
	if err := u.check(d); err != nil {
		return err
	}
	d.users = append(d.users, intend(d, u))
	if u.Name != "root" {
		sysusers, tmpfiles := u.lines()
		d.Put(PhaseUsers, regular("/usr/lib/sysusers.d/50-bootloom-"+u.Name+".conf", sysusers),
			regular("/usr/lib/tmpfiles.d/50-bootloom-"+u.Name+".conf", tmpfiles))
	}
	if len(u.SSHKeys) > 0 {
		// sshd takes the first value it meets, and reads this directory before its own file. It opens the keys as
		// the user, so they must be readable, and they are public.
		d.Put(PhaseUsers,
			Entry{Path: "/etc/ssh/sshd_config.d/30-bootloom-keys.conf", Mode: 0o600, Content: Text("AuthorizedKeysFile .ssh/authorized_keys " + keysDir + "%u\n")},
			regular(keysDir+u.Name, strings.Join(u.SSHKeys, "\n")+"\n"))
	}
	if u.PasswordlessSudo {
		d.Put(PhaseUsers, Entry{Path: "/etc/sudoers.d/50-bootloom-" + u.Name, Mode: 0o440, Content: Text(u.Name + " ALL=(ALL:ALL) NOPASSWD: ALL\n")})
	}
	return nil
}

// lines are those of sysusers.d(5) and tmpfiles.d(5), where % starts a specifier.
func (u User) lines() (sysusers, tmpfiles string) {
	id := "-"
	if u.UID != 0 {
		id = fmt.Sprint(u.UID)
	}
	gecos := "-"
	if u.GECOS != "" {
		gecos = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(u.GECOS) + `"`
	}
	home := u.home()
	sysusers = fmt.Sprintf("u %s %s %s %s %s\n", u.Name, id, gecos, home, u.shell())
	for _, g := range u.Groups {
		sysusers += fmt.Sprintf("m %s %s\n", u.Name, g)
	}
	return sysusers, fmt.Sprintf("d %s 0700 %s %s -\n", home, u.Name, u.Name)
}

func (u User) home() string {
	if u.Home == "" {
		return "/var/home/" + u.Name
	}
	return u.Home
}

func (u User) shell() string {
	if u.Shell == "" {
		return "/bin/bash"
	}
	return u.Shell
}

func (u User) check(d *Draft) error {
	var errs []error
	if !accountName.MatchString(u.Name) {
		errs = append(errs, Errorf("Name", "%q is not a user name: a letter or _, then letters, digits, - and _, at most 31", u.Name))
	}
	if u.Name == "root" && (u.UID != 0 || len(u.Groups) > 0 || u.Shell != "" || u.Home != "" || u.GECOS != "" || u.PasswordlessSudo) {
		errs = append(errs, Errorf("", "root is what the base makes it: only SSHKeys can be set"))
	}
	// 61184 to 65519 are systemd's dynamic users, 65534 and 65535 mean nobody (https://systemd.io/UIDS-GIDS).
	if u.UID < 0 || u.UID >= 61184 && u.UID <= 65535 || u.UID > 1<<32-2 {
		errs = append(errs, Errorf("UID", "%d is not free for accounts", u.UID))
	}
	for i, g := range u.Groups {
		if !accountName.MatchString(g) {
			errs = append(errs, Errorf(indexed("Groups", i), "%q is not a group name", g))
		}
	}
	for _, f := range [][2]string{{"Shell", u.Shell}, {"Home", u.Home}} {
		if f[1] != "" && !plainPath(f[1]) {
			errs = append(errs, Errorf(f[0], "%q is not a clean absolute path", f[1]))
		}
	}
	if home := u.home(); u.Name != "root" && !below(home, "/var") && !below(home, "/run") && !below(home, "/home") {
		errs = append(errs, Errorf("Home", "%s is read-only on a device: homes are in /var/home", home))
	}
	if strings.ContainsAny(u.GECOS, ":\n\r") {
		errs = append(errs, Errorf("GECOS", "%q has a colon or a line break", u.GECOS))
	}
	if len(u.SSHKeys) == 0 && u.Name == "root" {
		errs = append(errs, Errorf("SSHKeys", "is empty: there is nothing to do for root"))
	}
	for i, k := range u.SSHKeys {
		errs = append(errs, checkKeyLine(indexed("SSHKeys", i), k))
	}
	errs = append(errs, u.checkBase(d))
	return join(errs)
}

// checkBase finds accounts of the base that are in the way; systemd-sysusers would leave them as they are. A base that
// cannot be read is taken to have none.
func (u User) checkBase(d *Draft) error {
	if u.UID == 0 {
		return nil
	}
	for _, file := range []string{"/etc/passwd", "/usr/lib/passwd"} {
		text, err := d.ReadBase(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Split(line, ":")
			if len(f) < 3 {
				continue
			}
			same, taken := f[0] == u.Name, f[2] == fmt.Sprint(u.UID)
			if taken && !same {
				return Errorf("UID", "%d is %s in the base", u.UID, f[0])
			}
			if same && !taken {
				return Errorf("UID", "the base has %s with %s, and machines keep that", u.Name, f[2])
			}
		}
	}
	return nil
}

// weakKeys are types that sshd no longer accepts.
var weakKeys = []string{"ssh-dss"}

func checkKeyLine(at, line string) error {
	if strings.Contains(line, "PRIVATE KEY") {
		return Errorf(at, "this is a PRIVATE KEY: an image must have the public one only (the file that ends in .pub)")
	}
	if strings.ContainsAny(line, "\r\n") {
		return Errorf(at, "has a line break: give one key an element")
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return Errorf(at, "%q is not a line of authorized_keys: [options] type base64 [comment]", line)
	}
	if slices.Contains(weakKeys, key.Type()) {
		return Errorf(at, "sshd does not accept %s keys", key.Type())
	}
	return nil
}
