package bootc

import (
	"fmt"
	"strings"
)

// PullSecret gives the machine logins for registries, from a build secret with the text of an auth.json
// (containers-auth.json(5)). Its value is looked at before the build. The file is in /usr/lib/bootloom/pull-secrets, 0600
// and in one layer, so an update of the image changes it; everywhere else it is reached by links. Everyone who can pull
// the image can read it, and each machine has the same: give it no more rights than to pull, and replace it on the
// machine when that has an identity of its own.
//
// Say at least one of OS, Users and Helm.
type PullSecret struct {
	// Secret is the id of the secret.
	Secret string
	// OS is for the OS image and for images bound to it, as /etc/ostree/auth.json. bootc would read the same below
	// /usr/lib/ostree, but the Flight Control agent gives podman the one in /etc, and there a machine can replace it.
	OS bool `json:",omitzero"`
	// Users are accounts whose podman gets the logins, as ~/.config/containers/auth.json: "root", and those of a User or of
	// the base. A file that a user has already stays.
	Users []string `json:",omitzero"`
	// Helm is for charts that root's helm pulls, as /root/.config/helm/registry/config.json.
	Helm bool `json:",omitzero"`
}

const pullSecretDir = "/usr/lib/bootloom/pull-secrets/"

// Contribute adds the step that installs the file, and the links; where users have their homes is known when all
// features have contributed.
func (p PullSecret) Contribute(d *Draft) error {
	var errs []error
	if !secretID.MatchString(p.Secret) {
		errs = append(errs, Errorf("Secret", "%q is not a name of letters, digits, '-', '_' and '.'", p.Secret))
	}
	if !p.OS && !p.Helm && len(p.Users) == 0 {
		errs = append(errs, Errorf("", "nobody would use it: set OS, Users or Helm"))
	}
	for i, name := range p.Users {
		if !accountName.MatchString(name) {
			errs = append(errs, Errorf(indexed("Users", i), "%q is not a user name", name))
		}
	}
	if err := join(errs); err != nil {
		return err
	}
	d.Secret(p.Secret, checkAuthFile)
	if p.OS {
		d.Put(PhaseFiles, link("/etc/ostree/auth.json", "../.."+p.file()))
	}
	d.pullSecrets = append(d.pullSecrets, intend(d, p))
	return d.Use("", FileFromSecret{Path: p.file(), Secret: p.Secret})
}

func (p PullSecret) file() string { return pullSecretDir + p.Secret + ".json" }

// settlePullSecrets writes the rules of tmpfiles.d(5) for homes, which are in /var.
func (d *Draft) settlePullSecrets() []error {
	for _, p := range d.pullSecrets {
		var lines strings.Builder
		line := func(format string, args ...any) { fmt.Fprintf(&lines, format+"\n", args...) }
		for _, name := range p.value.Users {
			if name == "root" {
				line("L /root/.config/containers/auth.json - - - - %s", p.value.file())
				continue
			}
			// No user but root can read the file, and a copy in the home would never change again: so the copy is in
			// /run, new at each boot, and the home has a link to it.
			dir, own := d.home(name)+"/.config", "/run/bootloom/pull-secrets/"+name+".json"
			line("C %s 0600 %s - - %s", own, name, p.value.file())
			line("d %s :0700 %s - -", dir, name)
			line("d %s/containers :0700 %s - -", dir, name)
			line("L %s/containers/auth.json - - - - %s", dir, own)
		}
		if p.value.Helm {
			line("L /root/.config/helm/registry/config.json - - - - %s", p.value.file())
		}
		if lines.Len() > 0 {
			d.putFor(p.features, PhaseFiles, regular("/usr/lib/tmpfiles.d/50-bootloom-pull-secret-"+p.value.Secret+".conf", lines.String()))
		}
	}
	return nil
}

// home is that of an account of a User, or of the base, or the usual one.
func (d *Draft) home(name string) string {
	for _, u := range d.users {
		if u.value.Name == name {
			return u.value.home()
		}
	}
	for _, file := range []string{"/etc/passwd", "/usr/lib/passwd"} {
		text, _ := d.ReadBase(file)
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(strings.TrimSpace(line), ":"); len(f) > 5 && f[0] == name {
				return f[5]
			}
		}
	}
	return User{Name: name}.home()
}
