package flightctl

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bootloom/bootloom/bootc"
)

// ErrIgnored is in the error about a key that the agent of that version ignores without a word.
var ErrIgnored = errors.New("the agent ignores it")

// Check says what Config.Validate holds a configuration to.
type Check struct {
	// Agent is the version that is to read it; with the zero value a key of any version will do.
	Agent Version
	// Now is when certificates must not have expired; with the zero value nobody looks at their dates.
	Now time.Time
	// ValidFor is how long after Now they must be valid. The error about one that is not is an ErrExpiresSoon.
	ValidFor time.Duration
	// NoCredentials lets the credentials for the enrollment service be absent, as they are in an image that has only
	// the endpoint and gets them at provisioning.
	NoCredentials bool
}

// Validate finds what the agent would refuse, and what it would find out in the field only: a certificate that does not
// parse, the key of another certificate, a server that is no https URL, a label that the service refuses, a key that
// this version ignores. The error joins a *bootc.FieldError for each mistake; its path is that of the key, such as
// enrollment-service.service.server, in YAML, JSON and, but for the spelling, Go.
func (c Config) Validate(check Check) error {
	v := validator{Check: check}
	v.version()
	v.gates("", reflect.ValueOf(c))
	v.enrollment(c.EnrollmentService)
	v.connection("management-service", c.ManagementService)
	v.connection("remote-access-service", c.RemoteAccessService)
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"spec-fetch-interval", c.SpecFetchInterval},
		{"status-update-interval", c.StatusUpdateInterval},
		{"enrollment-verify-interval", c.EnrollmentVerifyInterval},
		{"enrollment-verify-cap", c.EnrollmentVerifyCap},
	} {
		v.interval(d.key, d.value)
	}
	if c.PullTimeout < 0 {
		v.fail("pull-timeout", "%s is negative", c.PullTimeout)
	}
	v.count("pull-retry-steps", c.PullRetrySteps)
	v.count("enrollment-verify-steps", c.EnrollmentVerifySteps)
	v.settings(c.Settings)
	v.together(c)
	return errors.Join(v.errs...)
}

// CheckConfig is ParseConfig and Validate at once: mistakes that Validate finds have their line too, where the key is in
// data. They come in the order of the lines.
func CheckConfig(data []byte, check Check) (Config, error) {
	var c Config
	lines, err := decode(data, &c)
	if lines != nil {
		err = merge(err, c.Validate(check), lines)
	}
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

// validator collects mistakes.
type validator struct {
	Check
	errs []error
}

func (v *validator) fail(path, format string, args ...any) {
	v.errs = append(v.errs, bootc.Errorf(path, format, args...))
}

func (v *validator) version() {
	if err := v.Agent.Validate(); err != nil {
		v.fail("", "the version to check for: %w", err)
	}
}

// gates finds keys that the agent ignores: those of later versions, and the one that lost its effect.
func (v *validator) gates(path string, at reflect.Value) {
	for _, f := range fieldsOf(at.Type()) {
		value := at.FieldByIndex(f.index)
		key := dotted(path, f.key)
		switch {
		case value.IsZero():
		case f.since != "" && !v.Agent.AtLeast(release(f.since)):
			v.fail(key, "%w before version %s", ErrIgnored, f.since)
		case f.until != "" && v.Agent != "" && v.Agent.AtLeast(release(f.until)):
			v.fail(key, "%w since version %s", ErrIgnored, f.until)
		case isMapping(f.typ):
			v.gates(key, value)
		}
	}
}

// release splits the "1.3" of a tag.
func release(s string) (major, minor int) {
	a, b, _ := strings.Cut(s, ".")
	major, _ = strconv.Atoi(a)
	minor, _ = strconv.Atoi(b)
	return major, minor
}

// minInterval is that of the agent, whichever interval it is.
const minInterval = 2 * time.Second

func (v *validator) interval(path string, d time.Duration) {
	if d != 0 && d < minInterval {
		v.fail(path, "%s is less than %s, which is the agent's minimum", d, minInterval)
	}
}

func (v *validator) count(path string, n int) {
	if n < 0 {
		v.fail(path, "%d is less than 1", n)
	}
}

// together checks what depends on several keys, with the agent's defaults for those that are not there.
func (v *validator) together(c Config) {
	interval := orDefault(c.StatusUpdateInterval, time.Minute)
	if j := c.StatusUpdateJitter; j != nil && *j > interval {
		v.fail("status-update-jitter", "%s is more than the status-update-interval of %s", *j, interval)
	}
	for _, label := range sortedKeys(c.LabelFromSystemInfo) {
		field := c.LabelFromSystemInfo[label]
		if why := c.notReported(field, v.Agent); why != "" {
			v.fail("label-from-systeminfo["+label+"]", "the device would not get the label: %s", why)
		}
	}
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// settings checks the keys that conf.d can have too.
func (v *validator) settings(s Settings) {
	if levels := []string{"panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"}; s.LogLevel != "" && !slices.Contains(levels, s.LogLevel) {
		v.fail("log-level", "the agent takes %q for info: it is one of %s", s.LogLevel, strings.Join(levels, ", "))
	}
	if !utf8.ValidString(s.LogPrefix) || strings.ContainsFunc(s.LogPrefix, unicode.IsControl) {
		v.fail("log-prefix", "%s is not one line of text", shown(s.LogPrefix))
	}
	for _, k := range sortedKeys(s.DefaultLabels) {
		v.label("default-labels["+k+"]", k, s.DefaultLabels[k])
	}
	for _, k := range sortedKeys(s.LabelFromSystemInfo) {
		v.label("label-from-systeminfo["+k+"]", k, "")
	}
	v.systemInfo(s)
	if t := s.SystemInfoTimeout; t < 0 || t > 2*time.Minute {
		v.fail("system-info-timeout", "%s is not between 0 and 2m", t)
	}
	v.tpm(s.TPM)
	if j := s.StatusUpdateJitter; j != nil && *j < 0 {
		v.fail("status-update-jitter", "%s is less than 0", *j)
	}
	v.interval("spec-fetch-error-base-delay", s.SpecFetchErrorBaseDelay)
	base, most := orDefault(s.SpecFetchErrorBaseDelay, 5*time.Second), orDefault(s.SpecFetchErrorMaxDelay, 5*time.Minute)
	if most < base {
		path := "spec-fetch-error-max-delay"
		if s.SpecFetchErrorMaxDelay == 0 {
			path = "spec-fetch-error-base-delay"
		}
		v.fail(path, "the longest delay, %s, is less than the first, %s", most, base)
	}
}

func (v *validator) tpm(t TPM) {
	if t.AuthEnabled && !t.Enabled {
		v.fail("tpm.auth-enabled", "needs tpm.enabled")
	}
	v.path("tpm.device-path", t.DevicePath)
	v.path("tpm.storage-file-path", t.StorageFilePath)
}

// path checks a path on the device.
func (v *validator) path(at, p string) {
	if p != "" && !cleanPath(p) {
		v.fail(at, "%q is not a clean absolute path", p)
	}
}

func (v *validator) label(path, key, value string) {
	if err := checkLabelKey(key); err != nil {
		v.fail(path, "%s: %w", strconv.Quote(key), err)
	}
	if !labelValue.MatchString(value) {
		v.fail(path, "%s is no label's value, of which the agent makes no label: at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last",
			shown(value))
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
