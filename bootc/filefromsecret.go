package bootc

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/bootloom/bootloom/containerfile"
)

// FileFromSecret is a file of the image whose content is a secret, such as a pull secret that a registry needs before
// the device has any other. It lies in one layer, which everyone who can pull the image can read: it is
// no place for what one device alone should know.
type FileFromSecret struct {
	// Path is absolute and clean.
	Path string
	// Secret is the id of the secret; BuildOptions.Secrets has the value.
	Secret string
	// Mode are the permissions; the zero value is 0600, and others get none.
	Mode fs.FileMode `json:",omitzero"`
	// Owner as in File.
	Owner string `json:",omitzero"`
}

// Contribute adds the RUN that installs the file.
func (f FileFromSecret) Contribute(d *Draft) error {
	mode := f.Mode
	if mode == 0 {
		mode = 0o600
	}
	var errs []error
	if mode&^0o770 != 0 {
		errs = append(errs, Errorf("Mode", "%#o gives a secret to everyone, or is no mode: at most 0770", uint32(mode)))
	}
	uid, gid, err := d.owner("Owner", f.Owner)
	errs = append(errs, err)
	if err := (Entry{Path: f.Path}).place(); err != nil {
		errs = append(errs, Errorf("Path", "%s: %w", quoted(f.Path), err))
	}
	if !secretID.MatchString(f.Secret) {
		errs = append(errs, Errorf("Secret", "%q is not a name of letters, digits, '-', '_' and '.'", f.Secret))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.Add(PhaseFiles, containerfile.Run{
		Mounts: []containerfile.Mount{{Type: "secret", ID: f.Secret, Required: true}},
		Command: containerfile.Command{Exec: []string{"install", "-D", "-T", "-m", fmt.Sprintf("%04o", uint32(mode)),
			"-o", fmt.Sprint(uid), "-g", fmt.Sprint(gid), "/run/secrets/" + f.Secret, f.Path}},
	})
	return nil
}
