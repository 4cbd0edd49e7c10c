package flightctl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"slices"

	"github.com/bootloom/bootloom/bootc"
)

// Payload is what a device gets at provisioning, from outside of its image: files that are put there before or as it
// boots first (late binding). It is a value: With returns a changed copy, and its methods write it for the tool that
// delivers it: CloudConfig, KubeVirtSecret, GuestInfo, Ignition and Kickstart.
//
// What these return HAS THE PRIVATE KEY of the enrollment certificate: it belongs to one device, and to the platform
// that starts it. A Payload itself prints, logs and marshals as [redacted].
type Payload struct {
	files []PayloadFile
}

// PayloadFile is a file of root's.
type PayloadFile struct {
	// Path is absolute and clean.
	Path string
	// Data is the content.
	Data []byte
	// Mode are the permissions; the zero value is 0600.
	Mode fs.FileMode
}

// Where the agent looks for its configuration and, in an image bound by EndpointOnly, for its certificate. The latter is
// the agent's own default for one that it finds without a configuration.
const (
	ConfigPath         = "/etc/flightctl/config.yaml"
	EnrollmentCertPath = "/var/lib/flightctl/certs/client-enrollment.crt"
	EnrollmentKeyPath  = "/var/lib/flightctl/certs/client-enrollment.key"
)

// NewPayload is the payload for an image bound by Late: the whole configuration. A mistake that Config.Validate finds
// is an error here, before a device has it; a zero check.Now lets expired certificates pass.
func NewPayload(c Config, check Check) (Payload, error) {
	if err := c.Validate(check); err != nil {
		return Payload{}, err
	}
	data, err := c.YAML()
	if err != nil {
		return Payload{}, err
	}
	return Payload{}.With(PayloadFile{Path: ConfigPath, Data: data})
}

// NewCredentials is the payload for an image bound by EndpointOnly: certificate and key of the configuration's enrollment
// service, where EndpointOnly has the agent look for them. The rest of the configuration must be valid too, but is
// not delivered.
func NewCredentials(c Config, check Check) (Payload, error) {
	if err := c.Validate(check); err != nil {
		return Payload{}, err
	}
	auth := c.EnrollmentService.Authentication
	if auth.ClientCertificateData == "" || auth.ClientKeyData.IsZero() {
		return Payload{}, bootc.Errorf("enrollment-service.authentication", "has no client-certificate-data and client-key-data to deliver")
	}
	return Payload{}.With(
		PayloadFile{Path: EnrollmentCertPath, Data: []byte(auth.ClientCertificateData), Mode: 0o644},
		PayloadFile{Path: EnrollmentKeyPath, Data: auth.ClientKeyData.Reveal()},
	)
}

// With adds files, such as a pull secret that is the device's own. One with the path of an earlier one takes its place. The error
// joins a *bootc.FieldError for each path or mode that is not possible, such as files[0].Path.
func (p Payload) With(files ...PayloadFile) (Payload, error) {
	out := slices.Clone(p.files)
	var errs []error
	for i, f := range files {
		f.Data = slices.Clone(f.Data)
		if f.Mode == 0 {
			f.Mode = 0o600
		}
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" || !plainPath.MatchString(f.Path) {
			errs = append(errs, bootc.Errorf(fmt.Sprintf("files[%d].Path", i), "%q is not a clean absolute path of letters, digits and . _ @ + - /", f.Path))
		}
		if f.Mode&^0o777 != 0 {
			errs = append(errs, bootc.Errorf(fmt.Sprintf("files[%d].Mode", i), "%#o is not a mode: permissions up to 0777", uint32(f.Mode)))
		}
		out = slices.DeleteFunc(out, func(o PayloadFile) bool { return o.Path == f.Path })
		out = append(out, f)
	}
	if err := errors.Join(errs...); err != nil {
		return Payload{}, err
	}
	return Payload{out}, nil
}

// Format prints [redacted] for every verb.
func (Payload) Format(w fmt.State, _ rune) { io.WriteString(w, redacted) }

// LogValue logs [redacted].
func (Payload) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (Payload) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format prints path and mode, and [redacted] for the content, for every verb.
func (f PayloadFile) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "%s %04o %s", f.Path, uint32(f.Mode), redacted)
}
