package sign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// DevicePolicy makes a device accept only images with the right signatures: the keys, registries.d and policy.json
// that podman, bootc and skopeo read, added to what the base has. It is a feature for a Spec, and Verify applies the
// very same policy and keys on this machine.
//
// All rules of an image belong into one DevicePolicy, because policy.json is one file: a second one in the same Spec
// is refused when the Spec is compiled. The base's policy.json is read, merged and written back: its own rules stay,
// and a base that has none gets the usual default, which accepts everything that no rule is for. A package that
// brings a policy.json and is installed in the same image is not seen; its file is overwritten.
type DevicePolicy struct {
	// Rules, at least one.
	Rules []Rule `json:",omitzero"`
	// RejectByDefault turns away every image that no rule is for, of any registry. What a device needs to update
	// itself stays allowed: images in its own storage, where the Edge Manager agent puts an update before bootc takes it
	// (containers-storage), local directories and archives (oci, oci-archive, dir) and docker-daemon. Images of
	// applications need rules too. A base that accepts everything from registries already, or forbids
	// containers-storage, is refused.
	RejectByDefault bool `json:",omitzero"`
	// EnforceAtInstall makes bootc itself refuse to run with an open policy, from installation on:
	// enforce-container-sigpolicy in /usr/lib/bootc/install. It needs RejectByDefault; bootc.InstallConfig has the same
	// setting without that check.
	EnforceAtInstall bool `json:",omitzero"`
}

// Kinds are the features of this package, for a bootc.Codec: the kind as it stands in JSON and a value of its type.
func Kinds() map[string]bootc.Feature {
	return map[string]bootc.Feature{"DevicePolicy": DevicePolicy{}}
}

// Contribute puts the files into the image. It needs the files of the base.
func (p DevicePolicy) Contribute(d *bootc.Draft) error {
	base := d.Base().Files
	if base == nil {
		return fmt.Errorf("%w: its files; policy.json is one file, and has to be merged with what the base has", bootc.ErrUnknownFact)
	}
	entries, err := p.Files(base)
	if err != nil {
		return err
	}
	d.Put(bootc.PhaseTrust, entries...)
	return nil
}

// The directories and files that Files writes, beside keys and registries.d.
const (
	policyPath  = "etc/containers/policy.json"
	enforcePath = "usr/lib/bootc/install/50-container-sigpolicy.toml"
	enforceTOML = "[install]\nenforce-container-sigpolicy = true\n"
)

// Files returns the files that the policy needs on top of a base, sorted by path, all 0644 root:root. The base is its
// root file system; an empty one stands for a base without container configuration. The error joins a
// *bootc.FieldError for each mistake.
func (p DevicePolicy) Files(base fs.FS) ([]bootc.Entry, error) {
	if errs := p.validate(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	merged, err := basePolicy(base)
	if err != nil {
		return nil, err
	}
	places, err := readRegistriesD(base)
	if err != nil {
		return nil, err
	}
	errs := p.merge(&merged)
	files := map[string][]byte{}
	for i, r := range p.Rules {
		errs = append(errs, r.place(fmt.Sprintf("Rules[%d].", i), base, places, files)...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for name, f := range places.files {
		if !f.changed {
			continue
		}
		if files[name], err = f.marshal(); err != nil {
			return nil, err
		}
	}
	if files[policyPath], err = merged.marshal(); err != nil {
		return nil, err
	}
	if p.EnforceAtInstall {
		files[enforcePath] = []byte(enforceTOML)
	}
	var entries []bootc.Entry
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, bootc.Entry{Path: "/" + name, Mode: 0o644, Content: bootc.Bytes(files[name])})
	}
	return entries, nil
}

// place adds the rule's keys to files, and what finds its signatures to places.
func (r Rule) place(at string, base fs.FS, places registriesD, files map[string][]byte) (errs []error) {
	if r.InsecureAcceptAnything {
		return nil
	}
	for i, key := range r.Keys {
		public, err := parsePublic(key)
		if err != nil {
			return append(errs, bootc.Errorf(fmt.Sprintf("%sKeys[%d]", at, i), "%w", err))
		}
		text, err := publicPEM(public)
		if err != nil {
			return append(errs, bootc.Errorf(fmt.Sprintf("%sKeys[%d]", at, i), "%w", err))
		}
		name := r.keyPath(i)
		if there, err := fs.ReadFile(base, name); err == nil && !r.ReplaceBase && !bytes.Equal(there, []byte(text)) {
			errs = append(errs, bootc.Errorf(at+"Name", "the base has another key in /%s: choose another Name, or set ReplaceBase", name))
		}
		if _, taken := files[name]; taken {
			errs = append(errs, bootc.Errorf(at+"Name", "/%s is a file of another rule too: choose another Name", name))
		}
		files[name] = []byte(text)
	}
	own := registriesDir + "/" + r.name() + ".yaml"
	for _, list := range []struct {
		field  string
		spaces []string
	}{{"Scopes", r.Scopes}, {"Mirrors", r.Mirrors}} {
		for i, space := range list.spaces {
			field := fmt.Sprintf("%s%s[%d]", at, list.field, i)
			for _, off := range places.off(space) {
				errs = append(errs, bootc.Errorf(field, "the base's /%s turns %s off for %s, so that no device would see a signature there", places.where[off], attachmentsKey, off))
			}
			if err := places.attachments(space, own, r.ReplaceBase); err != nil {
				errs = append(errs, bootc.Errorf(field, "%w", err))
			}
		}
	}
	return errs
}

// merge adds the rules to the policy of the base.
func (p DevicePolicy) merge(merged *policy) (errs []error) {
	docker := maps.Clone(merged.Transports["docker"])
	if p.RejectByDefault {
		errs = append(errs, merged.rejectByDefault()...)
	}
	for i, r := range p.Rules {
		for j, scope := range r.Scopes {
			at := fmt.Sprintf("Rules[%d].Scopes[%d]", i, j)
			if old := merged.set("docker", scope, r.requirements()); old != nil && !r.ReplaceBase {
				errs = append(errs, bootc.Errorf(at, "the base's policy.json has its own rule for %s, %s: choose a narrower scope, or set ReplaceBase", scope, typeOf(old[0])))
			}
			if r.InsecureAcceptAnything {
				continue
			}
			for _, narrower := range slices.Sorted(maps.Keys(docker)) {
				if narrower != scope && covers(scope, narrower) && open(docker[narrower]) {
					errs = append(errs, bootc.Errorf(at, "the base's policy.json accepts anything from %s, which is within %s and wins over it", narrower, scope))
				}
			}
		}
	}
	return errs
}

// rejectByDefault closes the policy but for the transports that a device updates itself through.
func (p *policy) rejectByDefault() (errs []error) {
	p.Default = reject
	if reqs, ok := p.Transports["docker"][""]; ok && open(reqs) {
		errs = append(errs, bootc.Errorf("RejectByDefault", "the base's policy.json accepts anything from every registry (transport docker, scope \"\"), so nothing would be rejected"))
	}
	for _, transport := range []string{"containers-storage", "dir", "docker-daemon", "oci", "oci-archive"} {
		reqs, ok := p.Transports[transport][""]
		switch {
		case !ok:
			p.set(transport, "", accept)
		case transport == "containers-storage" && !open(reqs):
			errs = append(errs, bootc.Errorf("RejectByDefault", "the base's policy.json restricts containers-storage, from where bootc takes an update: the device could not update itself"))
		}
	}
	return errs
}

// validate finds the mistakes that need no base.
func (p DevicePolicy) validate() (errs []error) {
	if len(p.Rules) == 0 {
		errs = append(errs, bootc.Errorf("Rules", "is empty: say which images a device accepts"))
	}
	if p.EnforceAtInstall && !p.RejectByDefault {
		errs = append(errs, bootc.Errorf("EnforceAtInstall", "needs RejectByDefault: bootc refuses to enforce a policy whose default accepts anything"))
	}
	scopes := map[string]string{}
	for i, r := range p.Rules {
		at := fmt.Sprintf("Rules[%d]", i)
		for _, err := range r.validate() {
			errs = append(errs, under(at, err))
		}
		for j, s := range r.Scopes {
			where := fmt.Sprintf("%s.Scopes[%d]", at, j)
			if first, ok := scopes[s]; ok {
				errs = append(errs, bootc.Errorf(where, "%q is also %s", s, first))
			}
			scopes[s] = where
		}
	}
	return errs
}

func under(at string, err error) error {
	if f, ok := errors.AsType[*bootc.FieldError](err); ok {
		return &bootc.FieldError{Path: at + "." + f.Path, Err: f.Err}
	}
	return err
}

// covers says that what is true of scope is true of other as long as there is nothing narrower.
func covers(scope, other string) bool {
	if domain, ok := strings.CutPrefix(scope, "*"); ok {
		host, _, _ := strings.Cut(other, "/")
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		return strings.HasSuffix(host, domain)
	}
	return other == scope || strings.HasPrefix(other, scope+"/") || strings.HasPrefix(other, scope+":")
}
