package bootc

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FindEntitlement looks for the entitlement of a RHEL host whose files are below root ("/" for this machine), or for a
// directory with entitlement files, such as a mounted Kubernetes Secret. It returns the feature for a Spec, and the
// values for BuildOptions.Secrets, which are read at the build. Of several entitlements it takes the one that is valid
// the longest; the error says what was looked for where.
//
//	entitlement, secrets, err := bootc.FindEntitlement("/")
//	spec = spec.With(entitlement, bootc.Repo{ID: "edge-manager-1.0-for-rhel-9-x86_64-rpms", Existing: true})
func FindEntitlement(root string) (Entitlement, map[string]SecretValue, error) {
	var e Entitlement
	dirs := []string{filepath.Join(root, "etc/pki/entitlement"), root}
	cert, err := newestCertificate(dirs)
	if err != nil {
		return e, nil, err
	}
	secrets := map[string]SecretValue{
		"entitlement-cert": SecretFile(cert),
		"entitlement-key":  SecretFile(keyOf(cert)),
	}
	for _, f := range []struct {
		field *string
		id    string
		paths []string
	}{
		{&e.CA, "entitlement-ca", []string{"etc/rhsm/ca/redhat-uep.pem", "redhat-uep.pem"}},
		{&e.RepoFile, "entitlement-repos", []string{"etc/yum.repos.d/redhat.repo", "redhat.repo"}},
	} {
		for _, p := range f.paths {
			file := filepath.Join(root, p)
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && secrets[f.id].file == "" {
				*f.field, secrets[f.id] = f.id, SecretFile(file)
			}
		}
	}
	return e, secrets, nil
}

func keyOf(cert string) string { return strings.TrimSuffix(cert, ".pem") + "-key.pem" }

// newestCertificate finds the certificate with a key beside it that is valid the longest.
func newestCertificate(dirs []string) (string, error) {
	var best string
	var until time.Time
	var seen []error
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "-key.pem") {
				continue
			}
			if _, err := os.Stat(keyOf(file)); err != nil {
				continue // an authority, or not readable
			}
			text, err := os.ReadFile(file)
			if err != nil {
				seen = append(seen, err)
				continue
			}
			block, _ := pem.Decode(text)
			if block == nil {
				seen = append(seen, fmt.Errorf("%s is not PEM", file))
				continue
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			switch {
			case err != nil:
				seen = append(seen, fmt.Errorf("%s: %w", file, err))
			case cert.NotAfter.Before(time.Now()):
				seen = append(seen, fmt.Errorf("%s expired on %s", file, cert.NotAfter.Format("2006-01-02")))
			case cert.NotAfter.After(until):
				best, until = file, cert.NotAfter
			}
		}
	}
	if best == "" {
		err := fmt.Errorf("no entitlement: NAME.pem and NAME-key.pem in %s; \"subscription-manager register\" on a RHEL host makes them", strings.Join(dirs, " or "))
		return "", errors.Join(append([]error{err}, seen...)...)
	}
	return best, nil
}
