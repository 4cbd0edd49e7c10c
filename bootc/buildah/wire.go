//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strings"

	"github.com/docker/distribution/registry/api/errcode"
	"go.podman.io/image/v5/docker"
	"golang.org/x/sys/unix"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/registry"
)

// kinds are the sentinels that keep their identity on the way from the worker.
var kinds = map[string]error{
	"untrusted": ErrUntrusted,
	"nospace":   ErrNoSpace,
	"notpulled": bootc.ErrNotPulled,
	"changed":   bootc.ErrChanged,

	"unauthorized": registry.ErrUnauthorized,
	"denied":       registry.ErrDenied,
	"notfound":     registry.ErrNotFound,
	"busy":         registry.ErrTooManyRequests,
	"tls":          registry.ErrTLS,
}

// kindOf names the sentinel for err.
func kindOf(err error) string {
	for name, sentinel := range kinds {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	// Of a child of buildah only the text arrives.
	if errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), unix.ENOSPC.Error()) {
		return "nospace"
	}
	if _, ok := errors.AsType[docker.ErrUnauthorizedForCredentials](err); ok {
		return "unauthorized"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "tls"
	}
	status := 0
	if e, ok := errors.AsType[docker.UnexpectedHTTPStatusError](err); ok {
		status = e.StatusCode
	}
	var e errcode.ErrorCoder // not an error itself
	if errors.As(err, &e) {
		status = e.ErrorCode().Descriptor().HTTPStatusCode
	}
	return map[int]string{
		http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "denied", http.StatusNotFound: "notfound",
		http.StatusTooManyRequests: "busy",
	}[status]
}

// Error returns the text.
func (f *failure) Error() string { return f.Text }

// restore makes of f the error that the caller gets.
func (f *failure) restore(place func(stage, node int) (step int, features []string)) error {
	err := errors.New(f.Text)
	if sentinel, ok := kinds[f.Kind]; ok {
		err = &kept{f.Text, sentinel}
	}
	if f.InStep && f.Stage >= 0 {
		step, features := place(f.Stage, f.Node)
		err = &StepError{Stage: f.Stage, Step: step, Features: features, Instruction: f.Instruction,
			ExitCode: f.ExitCode, Tail: f.Tail, Err: err}
	}
	if f.Op == "" {
		return err
	}
	return &bootc.OpError{Op: f.Op, Ref: f.Ref, Err: err}
}

// kept is the text of an error with the sentinel it wrapped.
type kept struct {
	text     string
	sentinel error
}

func (e *kept) Error() string { return e.text }
func (e *kept) Unwrap() error { return e.sentinel }
