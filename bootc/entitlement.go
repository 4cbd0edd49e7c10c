package bootc

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// Entitlement shows the package transaction a RHEL subscription: build secrets are mounted where podman on a RHEL host
// mounts them, in /run/secrets, for that one step. With RepoFile its repositories are used, and their certificates and
// keys are taken from those mounts whatever the file says; without it subscription-manager's plugin in the base makes
// them of the certificate. What is to be installed from them is enabled by Repo with Existing.
//
// The step fails if a line of the certificate or key is in any file that it made or changed, because a package's script
// kept it. FindEntitlement finds the files on a RHEL host, or in a directory.
type Entitlement struct {
	// Cert and Key are the ids of the secrets with the entitlement certificate and its key, as in
	// /etc/pki/entitlement. The zero values are "entitlement-cert" and "entitlement-key".
	Cert string `json:",omitzero"`
	Key  string `json:",omitzero"`
	// CA is the id of the secret with the authority of the content server, as in /etc/rhsm/ca/redhat-uep.pem; the zero
	// value leaves that to the base, which has it if it has subscription-manager.
	CA string `json:",omitzero"`
	// RepoFile is the id of the secret with a redhat.repo.
	RepoFile string `json:",omitzero"`
}

// Where the transaction finds the secrets, and where it works with them. RHEL's container images have links to the former.
const (
	entitlementCert = "/run/secrets/etc-pki-entitlement/entitlement.pem"
	entitlementKey  = "/run/secrets/etc-pki-entitlement/entitlement-key.pem"
	entitlementCA   = "/run/secrets/rhsm/ca/redhat-uep.pem"
	entitlementRepo = "/run/secrets/redhat.repo"
	entitlementDir  = "/run/bootloom-entitlement"
)

// Contribute gives the transaction access.
func (e Entitlement) Contribute(d *Draft) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	if tool == APT {
		return Errorf("", "is for dnf, and the base has apt")
	}
	var errs []error
	a := access{before: []string{"mkdir " + entitlementDir, "trap 'rm -rf " + entitlementDir + "' EXIT"}}
	var ids []string
	mount := func(field, id, target string, check func([]byte) error) {
		if id == "" {
			return
		}
		if !secretID.MatchString(id) {
			errs = append(errs, Errorf(field, "%q is not a name of letters, digits, '-', '_' and '.'", id))
		} else if slices.Contains(ids, id) {
			errs = append(errs, Errorf(field, "%s is another secret already", id))
		}
		ids = append(ids, id)
		d.Secret(id, check)
		a.mounts = append(a.mounts, containerfile.Mount{Type: "secret", ID: id, Target: target, Required: true})
	}
	mount("Cert", cmp.Or(e.Cert, "entitlement-cert"), entitlementCert, checkCertificate)
	mount("Key", cmp.Or(e.Key, "entitlement-key"), entitlementKey, checkPrivateKey)
	mount("CA", e.CA, entitlementCA, checkCertificate)
	mount("RepoFile", e.RepoFile, entitlementRepo, checkRepoFile)
	if len(d.access) > 0 {
		errs = append(errs, Errorf("", "%s is one already, and a transaction has one", d.access[0].features[0]))
	}
	if err := join(errs); err != nil {
		return err
	}
	e.repositories(&a, tool)
	a.before = append(a.before, ": >"+entitlementDir+"/began")
	a.after = append(a.after,
		// Lines of 32 letters and more are in no other file by chance.
		"cat "+entitlementCert+" "+entitlementKey+" | grep -v -e '^-' | grep -e '.\\{32\\}' >"+entitlementDir+"/lines",
		"kept=$(find / -xdev \\( -path /run/secrets -o -path "+entitlementDir+" -o -path "+packagesDir+" \\) -prune -o -type f -cnewer "+
			entitlementDir+"/began \\",
		"  -exec sh -c 'grep -l -F -f "+entitlementDir+"/lines \"$@\" || [ $? = 1 ]' sh {} +)", // 1 is none, 2 that it did not work
		`if [ -n "$kept" ]; then echo "the entitlement would stay in the image, in" $kept >&2; exit 1; fi`)
	d.access = append(d.access, intend(d, a))
	return nil
}

// repositories makes dnf read the repositories of RepoFile, with the certificates of this build. Without one, what
// subscription-manager writes is taken back.
func (e Entitlement) repositories(a *access, tool PackageTool) {
	if e.RepoFile == "" {
		const file = "/etc/yum.repos.d/redhat.repo"
		a.before = append(a.before, "[ ! -e "+file+" ] || cp -p "+file+" "+entitlementDir+"/before")
		a.after = append(a.after, "if [ ! -e "+entitlementDir+"/before ]; then rm -f "+file+
			"; elif ! cmp -s "+entitlementDir+"/before "+file+"; then cp -p "+entitlementDir+"/before "+file+"; fi")
		return
	}
	edits := []string{"sslclientcert", entitlementCert, "sslclientkey", entitlementKey}
	if e.CA != "" {
		edits = append(edits, "sslcacert", entitlementCA)
	}
	sed := "sed"
	for i := 0; i < len(edits); i += 2 {
		sed += fmt.Sprintf(" -e 's|^[[:space:]]*%s[[:space:]]*=.*|%[1]s=%s|'", edits[i], edits[i+1])
	}
	a.before = append(a.before, "mkdir "+entitlementDir+"/repos", sed+" "+entitlementRepo+" >"+entitlementDir+"/repos/redhat.repo")
	dirs := "/etc/yum.repos.d,/etc/yum/repos.d,/etc/distro.repos.d"
	if tool == DNF5 {
		dirs = "/etc/yum.repos.d,/etc/distro.repos.d,/usr/share/dnf5/repos.d"
	} else {
		a.options = " --disableplugin=subscription-manager" // which would write a redhat.repo of its own
	}
	a.options += " --setopt=reposdir=" + dirs + "," + entitlementDir + "/repos"
}

func checkCertificate(value []byte) error {
	for block, rest := pem.Decode(value); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); block.Type == "CERTIFICATE" && err == nil {
			return nil
		}
	}
	return errors.New("has no certificate in PEM")
}

func checkPrivateKey(value []byte) error {
	if block, _ := pem.Decode(value); block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return errors.New("is not a private key in PEM")
	}
	return nil
}

func checkRepoFile(value []byte) error {
	for line := range bytes.Lines(value) {
		if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("[")) && bytes.HasSuffix(line, []byte("]")) {
			return nil
		}
	}
	return errors.New("has no [repository] in it: a host that is not registered has an empty redhat.repo")
}
