package bootc

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// ModuleSigning signs the kernel modules of this Spec, as Secure Boot wants them: those that Drivers build, and those
// of KernelModules that have no signature yet. The key is a secret of the build, mounted for the step that signs: no layer
// and no history has it. The kernel trusts the signature on machines where the certificate was enrolled; the image has
// it as /usr/share/bootloom/module-signing.der, for "mokutil --import".
//
// It uses sign-file of the kernel's headers, so the format is the kernel's
// (https://docs.kernel.org/admin-guide/module-signing.html). An RSA key gives the same signature each time; one on an
// elliptic curve gives another, and so another image.
type ModuleSigning struct {
	// Key is the id of the secret with the private key, PEM.
	Key string
	// Passphrase is the id of the secret with the key's passphrase, if it has one.
	Passphrase string `json:",omitzero"`
	// Certificate of the key, PEM. It is public.
	Certificate string
	// Hash is "sha256", "sha384" or "sha512"; the zero value is what the kernel's own modules are signed with.
	Hash string `json:",omitzero"`
}

const (
	signingCertificate = "/usr/share/bootloom/module-signing.der"
	signingPEM         = buildDir + "/signing.pem" // in the stages
	stageSigned        = "bootloom-signed"
)

// Contribute puts the certificate into the image and leaves the rest for the build stages.
func (s ModuleSigning) Contribute(d *Draft) error {
	var errs []error
	if !secretID.MatchString(s.Key) {
		errs = append(errs, Errorf("Key", "%q is not a name of letters, digits, '-', '_' and '.'", s.Key))
	}
	if s.Passphrase != "" && !secretID.MatchString(s.Passphrase) {
		errs = append(errs, Errorf("Passphrase", "%q is not a name of letters, digits, '-', '_' and '.'", s.Passphrase))
	}
	if s.Hash != "" && !slices.Contains([]string{"sha256", "sha384", "sha512"}, s.Hash) {
		errs = append(errs, Errorf("Hash", "%q is not one of sha256, sha384, sha512", s.Hash))
	}
	cert, err := s.parse()
	if err != nil {
		errs = append(errs, &FieldError{"Certificate", err})
	}
	if len(d.signing) > 0 {
		errs = append(errs, Errorf("", "%s signs the modules as well", d.signing[0].features[0]))
	}
	if err := join(errs); err != nil {
		return err
	}
	d.Secret(s.Key, func(value []byte) error { return s.checkKey(cert, value) })
	d.Put(PhaseKernel, Entry{Path: signingCertificate, Mode: 0o644, Content: Bytes(cert.Raw)})
	d.signing = append(d.signing, intend(d, s))
	return nil
}

func (s ModuleSigning) parse() (*x509.Certificate, error) {
	if strings.Contains(s.Certificate, "PRIVATE KEY") {
		return nil, errors.New("has a PRIVATE KEY: everyone who has the Spec could read it; take it out, and replace it if the Spec was shared")
	}
	block, rest := pem.Decode([]byte(s.Certificate))
	if block == nil || block.Type != "CERTIFICATE" || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errors.New("is not one -----BEGIN CERTIFICATE-----")
	}
	return x509.ParseCertificate(block.Bytes)
}

// checkKey finds the key that does not belong to the certificate, whose signatures no machine would accept. A key that is
// encrypted or that Go does not know is left to sign-file, which looks as well.
func (s ModuleSigning) checkKey(cert *x509.Certificate, value []byte) error {
	block, _ := pem.Decode(value)
	if block == nil {
		return errors.New("is no private key in PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		if s.Passphrase == "" {
			return errors.New("is encrypted, and ModuleSigning has no Passphrase")
		}
		return nil
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if signer, is := key.(crypto.Signer); is && ok && !public.Equal(signer.Public()) {
		return errors.New("is not the key of the certificate")
	}
	return nil
}

// lines sign $ko, with the headers in $KDIR.
func (s ModuleSigning) lines() ([]string, []containerfile.Mount) {
	hash := s.Hash
	var lines []string
	if hash == "" {
		lines = append(lines, `  hash=$(sed -n 's/^CONFIG_MODULE_SIG_HASH="\(.*\)"$/\1/p' "$KDIR/.config")`)
		hash = `"${hash:-sha256}"`
	}
	lines = append(lines,
		`  "$KDIR/scripts/sign-file" `+hash+" /run/secrets/"+s.Key+" "+signingPEM+` "$ko"`,
		`  if [ -z "$(modinfo -F signer "$ko")" ]; then echo "$name has no signature" >&2; exit 1; fi`)
	mounts := []containerfile.Mount{{Type: "secret", ID: s.Key, Required: true}}
	if s.Passphrase != "" {
		mounts = append(mounts, containerfile.Mount{Type: "secret", ID: s.Passphrase, Env: "KBUILD_SIGN_PIN", Required: true})
	}
	return lines, mounts
}

// signedStage adds the stage that signs modules which nobody builds here.
func (d *Draft) signedStage(modules []drafted[askedModule], signing *ModuleSigning, features []string) {
	stage := draftedStage{drafted: drafted[containerfile.Stage]{containerfile.Stage{Name: stageSigned, From: stageHeaders}, features}}
	var names []string
	for _, m := range modules {
		names = append(names, m.value.Name)
		stage.entries = append(stage.entries, Entry{Path: sourceDir + "/" + m.value.Name + ".ko", Mode: 0o644, Content: m.value.Content})
	}
	lines := []string{
		"set -eu",
		"KVER=$(cat " + buildDir + "/kernel)",
		"KDIR=$(readlink -f " + buildDir + "/build)",
	}
	stage.value.Steps = []containerfile.Step{finishModules(lines, names, false, signing)}
	d.addModuleStage(stage, signing)
}
