package lint

import "testing"

func TestCompareVersions(t *testing.T) {
	for _, c := range [][2]string{ // the lower, the higher
		{"6.12.9-200.el10", "6.12.10-100.el10"},
		{"6.12.0", "6.12.0.1"},
		{"6.12.0-9", "6.12.0-10"},
		{"5.14.0-570.el9", "6.1.0-1.el9"},
		{"6.12.09", "6.12.10"},
	} {
		if compareVersions(c[0], c[1]) >= 0 || compareVersions(c[1], c[0]) <= 0 || compareVersions(c[0], c[0]) != 0 {
			t.Errorf("%s is not lower than %s", c[0], c[1])
		}
	}
}
