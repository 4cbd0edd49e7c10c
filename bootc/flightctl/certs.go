package flightctl

import (
	"errors"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// CertDropIn has the agent get a certificate for a program of the device, and renew it: it makes a key, has the service
// sign a request, and writes both to files. One that the agent cannot parse would take all others with it.
type CertDropIn struct {
	// Name of the certificate, and of its file in /etc/flightctl/certs.d: small letters, digits, "-" and ".". The common
	// name of the certificate is Name-DEVICE, as the service signs no other for devices.
	Name string
	// CertPath and KeyPath are where the agent writes the certificate, 0644, and the key, 0600, and root's: absolute, and
	// not in /usr, which devices cannot change. The key is written last. Directories on the way are made 0700 if missing.
	CertPath, KeyPath string
	// Signer is that of the service; the zero value is "flightctl.io/device-svc-client".
	Signer string `json:",omitzero"`
	// Usages are wanted besides clientAuth, such as "serverAuth".
	Usages []string `json:",omitzero"`
	// Expiration is how long the certificate is to be valid, in whole seconds; the zero value and more than 365 days are
	// 365 days.
	Expiration time.Duration `json:",omitzero"`
	// Identity is where the key is made: "software", "tpm", or the zero value for a TPM if the agent uses it.
	Identity string `json:",omitzero"`
	// RenewBefore is how long before its end the certificate is renewed. With the zero value of both it is renewed when a
	// third of its time is left. Since 1.1.
	RenewBefore time.Duration `json:",omitzero"`
	// RenewBeforePercentage is the same as a part of the time it is valid: 25 renews it when a quarter is left. One of the
	// two. Since 1.1.
	RenewBeforePercentage int `json:",omitzero"`
}

// certFile is the agent's form, one element of a list: pkg/certmanager/types.go of its source.
type certFile struct {
	Name        string          `key:"name"`
	Provisioner certProvisioner `key:"provisioner"`
	Storage     certStorage     `key:"storage"`
	// RenewBefore is in nanoseconds: the agent refuses "24h" here, and with it the whole directory.
	RenewBefore           int `key:"renewBefore"`
	RenewBeforePercentage int `key:"renewBeforePercentage"`
}

type certProvisioner struct {
	Type   string     `key:"type"`
	Config certSigner `key:"config"`
}

type certSigner struct {
	Signer            string   `key:"signer"`
	CommonName        string   `key:"common-name"`
	Usages            []string `key:"usages"`
	ExpirationSeconds int      `key:"expiration-seconds"`
	IdentityType      string   `key:"identity-type"`
}

type certStorage struct {
	Type   string    `key:"type"`
	Config certPaths `key:"config"`
}

type certPaths struct {
	CertPath string `key:"cert-path"`
	KeyPath  string `key:"key-path"`
}

const deviceSigner = "flightctl.io/device-svc-client"

// certName is what the service takes as the name of a request.
var certName = lazyregexp.New(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// Contribute adds the file, which the agent looks for in /etc only.
func (c CertDropIn) Contribute(d *bootc.Draft) error {
	if err := c.check(); err != nil {
		return err
	}
	signer := c.Signer
	if signer == "" {
		signer = deviceSigner
	}
	data, err := encode([]certFile{{
		Name: c.Name,
		Provisioner: certProvisioner{"csr", certSigner{
			Signer:            signer,
			CommonName:        c.Name + "-{{.DEVICE_ID}}",
			Usages:            c.Usages,
			ExpirationSeconds: int(c.Expiration / time.Second),
			IdentityType:      c.Identity,
		}},
		Storage:               certStorage{"filesystem", certPaths{c.CertPath, c.KeyPath}},
		RenewBefore:           int(c.RenewBefore),
		RenewBeforePercentage: c.RenewBeforePercentage,
	}}, true)
	if err != nil {
		return err
	}
	bootc.Gather(d, part{certDropIn: &c}, checkParts)
	return d.Use("", bootc.File{Path: "/etc/flightctl/certs.d/" + c.Name + ".yaml", Content: bootc.Bytes(data)})
}

func (c CertDropIn) renews() bool { return c.RenewBefore != 0 || c.RenewBeforePercentage != 0 }

func (c CertDropIn) check() error {
	var errs []error
	fail := func(at, format string, args ...any) { errs = append(errs, bootc.Errorf(at, format, args...)) }
	if !certName.MatchString(c.Name) || len(c.Name) > 100 || extension(c.Name) == ".yaml" || extension(c.Name) == ".yml" {
		fail("Name", "%s is not a name of small letters, digits, - and ., such as otel", shown(c.Name))
	}
	for _, p := range [][2]string{{"CertPath", c.CertPath}, {"KeyPath", c.KeyPath}} {
		switch {
		case !cleanPath(p[1]):
			fail(p[0], "%s is not a clean absolute path", shown(p[1]))
		case strings.HasPrefix(p[1], "/usr/") && !strings.HasPrefix(p[1], "/usr/local/"):
			fail(p[0], "%s is read-only on a device", p[1])
		}
	}
	if c.CertPath == c.KeyPath && c.CertPath != "" {
		fail("KeyPath", "is the file of the certificate too")
	}
	if c.Signer != "" && !strings.Contains(c.Signer, "/") {
		fail("Signer", "%s is not the name of a signer, such as %s", shown(c.Signer), deviceSigner)
	}
	switch seconds := c.Expiration / time.Second; {
	case c.Expiration < 0 || c.Expiration%time.Second != 0 || seconds > 1<<31-1:
		fail("Expiration", "%s is not a number of whole seconds that 31 bits can hold", c.Expiration)
	case c.Expiration > 0 && c.RenewBefore >= c.Expiration:
		fail("RenewBefore", "%s is not less than the %s that the certificate is valid: %w", c.RenewBefore, c.Expiration, ErrIgnored)
	}
	if c.Identity != "" && c.Identity != "software" && c.Identity != "tpm" {
		fail("Identity", `%s is neither "software" nor "tpm"`, shown(c.Identity))
	}
	if c.RenewBefore < 0 {
		fail("RenewBefore", "%s is negative", c.RenewBefore)
	}
	if c.RenewBeforePercentage < 0 || c.RenewBeforePercentage > 99 {
		fail("RenewBeforePercentage", "%d is not between 1 and 99: %w", c.RenewBeforePercentage, ErrIgnored)
	}
	if c.RenewBefore != 0 && c.RenewBeforePercentage != 0 {
		fail("RenewBeforePercentage", "is not used if RenewBefore is there: one of them")
	}
	return errors.Join(errs...)
}
