package diskimage

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// User is an account that is made in the disk, or by the installer: for what must differ from other disks of the same
// image. If the image has the account, it is changed; root may be given too.
type User struct {
	// Name is the account: a letter or "_", then letters, digits, "-" and "_", at most 31.
	Name string
	// Description is the name for people.
	Description string `json:",omitzero"`
	// PasswordSecret names a secret of BuildOptions.Secrets whose value is a password hash of crypt(5): SHA-512 ($6$), SHA-256
	// ($5$) or bcrypt ($2b$), as `openssl passwd -6` prints. Plain text is refused. Without one nobody logs in with a password.
	PasswordSecret string `json:",omitzero"`
	// SSHKeys are lines of authorized_keys (sshd(8)). An installer takes one.
	SSHKeys []string `json:",omitempty"`
	// UID and GID are numbers; zero lets the system pick.
	UID int `json:",omitzero"`
	GID int `json:",omitzero"`
	// Groups are further groups. They must be in the image or among the Spec's Groups.
	Groups []string `json:",omitempty"`
	// Home and Shell are absolute paths; the zero values are what useradd takes.
	Home  string `json:",omitzero"`
	Shell string `json:",omitzero"`
	// Expires is the day on which the account ends, in UTC; zero for never.
	Expires time.Time `json:",omitzero"`
	// ForcePasswordReset asks for a new password at the first login.
	ForcePasswordReset bool `json:",omitzero"`
}

// Group is a group that is made in the disk, or by the installer.
type Group struct {
	Name string
	// GID is its number; zero lets the system pick.
	GID int `json:",omitzero"`
}

// accountName is what systemd takes without a warning (https://systemd.io/USER_NAMES). The tool takes anything, and useradd
// fails minutes later.
var accountName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_-]{0,30}$`)

func checkName(field, name string) error {
	if !accountName.MatchString(name) {
		return bootc.Errorf(field, "%q is not a name: a letter or _, then letters, digits, - and _, at most 31", name)
	}
	return nil
}

func (s Spec) checkAccounts() []error {
	var errs []error
	seen := map[string]bool{}
	for i, u := range s.Users {
		at := fmt.Sprintf("Users[%d]", i)
		errs = append(errs, u.check(at)...)
		if seen[u.Name] { // the tool takes the last one without a word
			errs = append(errs, bootc.Errorf(at+".Name", "%q is there twice", u.Name))
		}
		seen[u.Name] = true
		if s.Format.iso() {
			errs = append(errs, u.checkInstaller(at)...)
		}
	}
	names, numbers := map[string]bool{}, map[int]bool{}
	for i, g := range s.Groups {
		at := fmt.Sprintf("Groups[%d]", i)
		errs = append(errs, checkName(at+".Name", g.Name), checkID(at+".GID", g.GID))
		if names[g.Name] {
			errs = append(errs, bootc.Errorf(at+".Name", "%q is there twice", g.Name))
		}
		if g.GID != 0 && numbers[g.GID] {
			errs = append(errs, bootc.Errorf(at+".GID", "%d is there twice", g.GID))
		}
		names[g.Name], numbers[g.GID] = true, true
	}
	return errs
}

func (u User) check(at string) []error {
	errs := []error{checkName(at+".Name", u.Name), checkID(at+".UID", u.UID), checkID(at+".GID", u.GID)}
	if strings.ContainsAny(u.Description, ":\n\r") {
		errs = append(errs, bootc.Errorf(at+".Description", "%q has a colon or a line break", u.Description))
	}
	for i, k := range u.SSHKeys {
		errs = append(errs, checkKey(fmt.Sprintf("%s.SSHKeys[%d]", at, i), k))
	}
	for i, g := range u.Groups {
		errs = append(errs, checkName(fmt.Sprintf("%s.Groups[%d]", at, i), g))
	}
	for _, f := range []struct{ field, path string }{{".Home", u.Home}, {".Shell", u.Shell}} {
		if f.path != "" && (!cleanPath(f.path) || strings.ContainsAny(f.path, ":\n\r")) {
			errs = append(errs, bootc.Errorf(at+f.field, "%q is not a clean absolute path", f.path))
		}
	}
	if u.Expires.Before(time.Unix(0, 0)) && !u.Expires.IsZero() {
		errs = append(errs, bootc.Errorf(at+".Expires", "%s is before 1970", u.Expires.Format(time.DateOnly)))
	}
	return errs
}

// checkInstaller has the limits of kickstart's commands user and sshkey.
func (u User) checkInstaller(at string) []error {
	var errs []error
	if len(u.SSHKeys) > 1 {
		errs = append(errs, bootc.Errorf(at+".SSHKeys", "an installer takes one key a user, not %d", len(u.SSHKeys)))
	}
	if u.Name == "root" && (u.UID != 0 || u.GID != 0 || len(u.Groups) > 0 || u.Home != "" || u.Shell != "" || !u.Expires.IsZero() || u.ForcePasswordReset) {
		errs = append(errs, bootc.Errorf(at, "an installer sets only PasswordSecret and SSHKeys of root"))
	}
	return errs
}

func checkID(field string, id int) error {
	if id < 0 || id > 1<<32-2 {
		return bootc.Errorf(field, "%d is no number of an account", id)
	}
	return nil
}

func checkKey(field, line string) error {
	if strings.Contains(line, "PRIVATE KEY") {
		return bootc.Errorf(field, "this is a PRIVATE KEY: a disk must have the public one only (the file that ends in .pub)")
	}
	if strings.ContainsAny(line, "\r\n") {
		return bootc.Errorf(field, "has a line break: give one key an element")
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err != nil {
		return bootc.Errorf(field, "%q is not a line of authorized_keys: [options] type base64 [comment]", line)
	}
	return nil
}

// passwordHash has what the tool passes on as it is; anything else, yescrypt ($y$) too, it would hash once more as if it were
// plain text (pkg/crypt of osbuild's image-builder).
var passwordHash = lazyregexp.New(`^(\$6\$(rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|\$5\$(rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}|\$2b\$\d\d\$[./A-Za-z0-9]{53})$`)

// checkHash never has the value in its error.
func checkHash(field, value string) error {
	if passwordHash.MatchString(value) {
		return nil
	}
	why := "is no password hash of crypt(5)"
	switch {
	case strings.HasPrefix(value, "$y$") || strings.HasPrefix(value, "$gy$"):
		why = "is a yescrypt hash, which the tool would take for plain text"
	case !strings.HasPrefix(value, "$"):
		why = "is plain text"
	}
	return bootc.Errorf(field, "the secret %s: want what `openssl passwd -6` prints", why)
}
