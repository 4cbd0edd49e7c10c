package diskimage

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Size is a number of bytes. In JSON it is a number, or text such as "20 GiB".
type Size int64

// Units of Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

var units = []struct {
	name  string
	bytes Size
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"", 1}}

// String returns the size in the largest binary unit that holds it without a rest: "20 GiB", "1500 MiB", "17 B".
func (s Size) String() string {
	for _, u := range units[:4] {
		if s != 0 && s%u.bytes == 0 {
			return fmt.Sprintf("%d %s", s/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d B", int64(s))
}

var sizeText = lazyregexp.New(`^(\d+(?:\.\d+)?) ?(TiB|GiB|MiB|KiB|TB|GB|MB|kB|)$`)

// ParseSize reads a number of bytes with or without a unit: kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers
// of 1024).
func ParseSize(text string) (Size, error) {
	m := sizeText.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf(`%q is not a size: want a number with kB, MB, GB, TB, KiB, MiB, GiB, TiB or nothing, such as "20 GiB"`, text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	for _, u := range units {
		if u.name == m[2] {
			n *= float64(u.bytes)
		}
	}
	if err != nil || n > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is too large", text)
	}
	if n != math.Trunc(n) {
		return 0, fmt.Errorf("%q is no whole number of bytes", text)
	}
	return Size(n), nil
}

// MarshalJSON writes "20 GiB", or the number of bytes where no unit holds it without a rest.
func (s Size) MarshalJSON() ([]byte, error) {
	if s > 0 && s%KiB == 0 {
		return json.Marshal(s.String())
	}
	return json.Marshal(int64(s))
}

// UnmarshalJSON reads a number of bytes, or text as ParseSize does.
func (s *Size) UnmarshalJSON(b []byte) error {
	var n int64
	if json.Unmarshal(b, &n) == nil {
		*s = Size(n)
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf(`%s is not a size: want a number of bytes or text such as "20 GiB"`, b)
	}
	v, err := ParseSize(text)
	*s = v
	return err
}
