package flightctl

import (
	"errors"
	"time"
)

// What a mistake that Validate finds is about, for errors.Is.
var (
	// ErrIgnored is a key that the agent of that version ignores without a word.
	ErrIgnored = errors.New("the agent ignores it")
	// ErrExpired is a certificate that is not valid at the time to check for.
	ErrExpired = errors.New("is not valid")
	// ErrExpiresSoon is a certificate that is valid, but not for as long as wanted.
	ErrExpiresSoon = errors.New("expires soon")
)

// Check says what Config.Validate holds a configuration to.
type Check struct {
	// Agent is the version that is to read it; the zero value is the newest.
	Agent Version
	// Now is when certificates must be valid; with the zero value they may have expired.
	Now time.Time
	// ValidFor is how long after Now they must be valid; the zero value is no longer than Now.
	ValidFor time.Duration
	// NoCredentials lets the credentials for the enrollment service be absent, as they are in an image that has only
	// the endpoint and gets them at provisioning.
	NoCredentials bool
}

// Validate finds what the agent would refuse, and what it would only find out in the field: a broken certificate, a key
// of another certificate, a server that is no https URL, a label that the service refuses. The error joins a
// *bootc.FieldError for each mistake, whose path is the key's: enrollment-service.service.server.
func (c Config) Validate(check Check) error {
	v := validator{Check: check}
	v.fail("", check.Agent.Validate())
	return errors.Join(v.errs...)
}
