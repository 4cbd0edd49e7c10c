package flightctl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// distribution is what the base's os-release says.
type distribution struct {
	id, version, major string
	el                 bool // CentOS Stream, RHEL and those built from it
}

func (r distribution) String() string { return strings.TrimSpace(r.id + " " + r.version) }

// osRelease returns the base's distribution, or an error that asks for it.
func osRelease(d *bootc.Draft) (distribution, error) {
	base, err := d.Base().Infer()
	if err != nil {
		return distribution{}, err
	}
	r := distribution{id: base.OSRelease["ID"], version: base.OSRelease["VERSION_ID"]}
	if r.id == "" {
		return r, fmt.Errorf("%w: its os-release; set Base.OSRelease, or compile with what an engine's Inspect returns", bootc.ErrUnknownFact)
	}
	r.major, _, _ = strings.Cut(r.version, ".")
	r.el = slices.Contains(append(strings.Fields(base.OSRelease["ID_LIKE"]), r.id), "rhel") || r.id == "centos"
	return r, nil
}
