package bootc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// SecretValue is where an engine finds the value of a secret: it stands in BuildOptions, never in a Spec or Plan.
// It prints, logs and marshals as [redacted].
type SecretValue struct {
	file, env string
	data      []byte
}

// SecretFile takes the value from a file, read at the build.
func SecretFile(path string) SecretValue { return SecretValue{file: path} }

// SecretEnv takes the value from an environment variable of this process, read at the build.
func SecretEnv(name string) SecretValue { return SecretValue{env: name} }

// SecretBytes is the value itself.
func SecretBytes(b []byte) SecretValue { return SecretValue{data: bytes.Clone(b)} }

// IsZero says that nothing is set.
func (v SecretValue) IsZero() bool { return v.file == "" && v.env == "" && v.data == nil }

// Resolve returns the value. An error names the file or variable, never the value.
func (v SecretValue) Resolve() ([]byte, error) {
	switch {
	case v.file != "":
		return os.ReadFile(v.file)
	case v.env != "":
		s, ok := os.LookupEnv(v.env)
		if !ok {
			return nil, fmt.Errorf("environment variable %s is not set", v.env)
		}
		return []byte(s), nil
	case v.data != nil:
		return v.data, nil
	}
	return nil, errors.New("no value: use SecretFile, SecretEnv or SecretBytes")
}

const redacted = "[redacted]"

// Format prints [redacted] for every verb.
func (SecretValue) Format(w fmt.State, _ rune) { io.WriteString(w, redacted) }

// LogValue logs [redacted].
func (SecretValue) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes "[redacted]".
func (SecretValue) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// secretCheck looks at the value of a secret for the feature at path.
type secretCheck struct {
	id, path string
	check    func(value []byte) error
}

// CheckSecrets has the features that use a secret look at its value, by id: an image with a pull secret that is no
// auth.json would fail on the machine, and nobody would see why. The error joins a *FieldError for each mistake, and
// shows nothing of the values. Engines call it before they build; a value that is missing is their affair.
func (p Plan) CheckSecrets(values map[string][]byte) error {
	var errs []error
	for _, c := range p.checks {
		if v, ok := values[c.id]; ok {
			for _, err := range within(c.path, c.check(v)) {
				err := err.(*FieldError)
				errs = append(errs, Errorf(err.Path, "the value of secret %q %w", c.id, err.Err))
			}
		}
	}
	return errors.Join(errs...)
}

// ReadSecrets returns the values of the secrets that the plan names, by id, after CheckSecrets has looked at them. It is
// for engines. An error names the secret that has no value, or whose value cannot be read.
func (p Plan) ReadSecrets(values map[string]SecretValue) (map[string][]byte, error) {
	out := map[string][]byte{}
	var errs []error
	for _, id := range p.Secrets {
		v, ok := values[id]
		if !secretID.MatchString(id) {
			errs = append(errs, fmt.Errorf("secret %q: an id has letters, digits, and _ . - inside", id))
			continue
		} else if !ok {
			errs = append(errs, fmt.Errorf("secret %q: BuildOptions.Secrets has no value for it", id))
			continue
		}
		value, err := v.Resolve()
		if err != nil {
			errs = append(errs, fmt.Errorf("secret %q: %w", id, err))
			continue
		}
		out[id] = value
	}
	errs = append(errs, p.CheckSecrets(out))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}
