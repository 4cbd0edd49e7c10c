package flightctl

import (
	"fmt"
	"strconv"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Version is the version of an agent, such as "1.2.0", "v1.3.0-rc4" or the "1.2.0-1.el9" of a package. The zero value
// is one that nobody knows; it is taken for the newest.
type Version string

var versionForm = lazyregexp.New(`^v?([0-9]{1,6})\.([0-9]{1,6})([.~^+-][0-9A-Za-z.~^+_-]*)?$`)

// AtLeast tells whether the agent has what came with a minor release; a pre-release of it has. It is true where
// the version is not known, and where it is none: see Validate.
func (v Version) AtLeast(major, minor int) bool {
	m := versionForm.FindStringSubmatch(string(v))
	if m == nil {
		return true
	}
	vMajor, _ := strconv.Atoi(m[1]) // at most six digits
	vMinor, _ := strconv.Atoi(m[2])
	return vMajor > major || vMajor == major && vMinor >= minor
}

// Validate refuses what is no version.
func (v Version) Validate() error {
	if v != "" && !versionForm.MatchString(string(v)) {
		return fmt.Errorf("%q is not the version of an agent, such as 1.2.0", string(v))
	}
	return nil
}
