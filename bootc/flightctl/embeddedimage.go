package flightctl

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/bootloom/bootloom/bootc"
)

// checkImage wants a reference with its registry: which ones podman would search on the device is not known here.
func checkImage(d *bootc.Draft, field, ref string) error {
	parsed, err := reference.Parse(ref)
	if err != nil {
		return fmt.Errorf("%q is not an image: %w", ref, err)
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return fmt.Errorf("%q is not the name of an image", ref)
	}
	if domain := reference.Domain(named); domain != "localhost" && !strings.ContainsAny(domain, ".:") {
		return fmt.Errorf("%s has no registry: write it in full, such as quay.io/acme/app:1.2", ref)
	}
	if _, ok := parsed.(reference.Digested); ok {
		return nil
	}
	if tagged, ok := parsed.(reference.Tagged); !ok || tagged.Tag() == "latest" {
		d.Warnf(field, "%s may be another image tomorrow, and on the next device: give it the tag of a version or a digest", ref)
	}
	return nil
}
