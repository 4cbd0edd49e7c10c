//go:build !containers_image_openpgp && !bootloom_system_gpgme

package sign

import (
	"context"

	"go.podman.io/image/v5/docker/reference"
)

func checkEngine() error { return ErrNoPolicyEngine }

func evaluate(context.Context, string, reference.Named, []signed, [][]byte) error {
	return ErrNoPolicyEngine
}
