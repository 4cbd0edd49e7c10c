package flightctl

import (
	"context"

	"github.com/bootloom/bootloom/bootc"
)

// EnrollmentProvider makes what a device needs to ask for its enrollment: an endpoint, and a certificate with its key. It
// is the seam for whoever has a way of their own to mint certificates; Service is the one that asks Flight Control.
type EnrollmentProvider interface {
	// Enrollment returns a whole configuration, with a new certificate for each call.
	Enrollment(ctx context.Context) (Config, error)
}

// EnrollmentFunc is a function as an EnrollmentProvider.
type EnrollmentFunc func(ctx context.Context) (Config, error)

// Enrollment calls f.
func (f EnrollmentFunc) Enrollment(ctx context.Context) (Config, error) { return f(ctx) }

// EnrolledSecret asks the provider for a configuration and makes it the value of an Early binding's build secret. The
// error is the provider's, or that of Secret.
func EnrolledSecret(ctx context.Context, p EnrollmentProvider, check Check) (bootc.SecretValue, error) {
	c, err := p.Enrollment(ctx)
	if err != nil {
		return bootc.SecretValue{}, err
	}
	return Secret(c, check)
}

// EnrolledPayload asks the provider for a configuration and makes it the payload of one device. The error is the
// provider's, or that of NewPayload.
func EnrolledPayload(ctx context.Context, p EnrollmentProvider, check Check) (Payload, error) {
	c, err := p.Enrollment(ctx)
	if err != nil {
		return Payload{}, err
	}
	return NewPayload(c, check)
}
