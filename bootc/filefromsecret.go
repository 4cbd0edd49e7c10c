package bootc

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"

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
	d.putSecret(PhaseFiles, Entry{Path: f.Path, Mode: mode, UID: uid, GID: gid}, f.Secret)
	return nil
}

// SecretEntry is a file of the image whose content is a secret: a step of a Plan that does nothing else but install it.
type SecretEntry struct {
	// Stage and Step are indexes into Plan.Containerfile.Stages and its Steps.
	Stage, Step int
	// Entry is the file, without its content.
	Entry Entry
	// Secret is the id of the content.
	Secret string
}

// install is the step that puts the secret there.
func (f SecretEntry) install() containerfile.Run {
	return containerfile.Run{
		Mounts: []containerfile.Mount{{Type: "secret", ID: f.Secret, Required: true}},
		Command: containerfile.Command{Exec: []string{"install", "-D", "-T", "-m", fmt.Sprintf("%04o", tarMode(f.Entry.Mode)),
			"-o", fmt.Sprint(f.Entry.UID), "-g", fmt.Sprint(f.Entry.GID), "/run/secrets/" + f.Secret, f.Entry.Path}},
	}
}

// putSecret adds a file whose content is a secret. It has a step, and a layer, of its own.
func (d *Draft) putSecret(p Phase, e Entry, secret string) {
	e.Features = d.origins()
	f := SecretEntry{Entry: e, Secret: secret}
	d.secretEntries = append(d.secretEntries, f)
	d.Add(p, f.install())
}

// placed finds the steps of the final stage that install secrets.
func placed(entries []SecretEntry, stage int, steps []containerfile.Step) []SecretEntry {
	var out []SecretEntry
	for i, step := range steps {
		for _, f := range entries {
			if reflect.DeepEqual(step, containerfile.Step(f.install())) {
				f.Stage, f.Step = stage, i
				out = append(out, f)
				break
			}
		}
	}
	return out
}
