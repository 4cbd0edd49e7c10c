package flightctl

import (
	"encoding/json"

	"go.yaml.in/yaml/v3"
)

// ParseConfig reads a config.yaml, or the same as JSON, strictly: a key that the agent would ignore is an error that
// says where it may belong, and so is a value that the agent would read differently. The error joins a *bootc.FieldError
// for each mistake, with the path of the key (enrollment-service.service.server) and a *LineError. What is between
// the values, such as a certificate and its key, is left to Validate.
func ParseConfig(data []byte) (Config, error) {
	var c Config
	if _, err := decode(data, &c); err != nil {
		return Config{}, err
	}
	return c, nil
}

// YAML writes the file for the agent, WITH THE PRIVATE KEYS: it belongs into a build secret or a file of mode 0600,
// not into a log, a Spec or a commit. It does not validate. The zero Config gives no bytes, which no agent accepts.
func (c Config) YAML() ([]byte, error) { return encode(c, true) }

// MarshalJSON writes the same keys as YAML, but "[redacted]" for private keys.
func (c Config) MarshalJSON() ([]byte, error) { return asJSON(c) }

// UnmarshalJSON reads what ParseConfig does. It refuses a redacted key.
func (c *Config) UnmarshalJSON(data []byte) error {
	parsed, err := ParseConfig(data)
	if err != nil {
		return withoutLines(err)
	}
	*c = parsed
	return nil
}

func asJSON(v any) ([]byte, error) {
	data, err := encode(v, false)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if err := yaml.Unmarshal(data, &out); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
