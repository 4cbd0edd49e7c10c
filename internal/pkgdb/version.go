package pkgdb

import (
	"cmp"
	"strings"
)

// CompareVersions says which of two versions of packages of a format is the older one: negative if it is a.
func CompareVersions(format, a, b string) int {
	compare := compareRPM
	if format == Deb {
		compare = compareDeb
	}
	epochA, versionA, revisionA := cutVersion(a)
	epochB, versionB, revisionB := cutVersion(b)
	return cmp.Or(compareDigits(epochA, epochB), compare(versionA, versionB), compare(revisionA, revisionB))
}

// cutVersion takes apart [epoch:]version[-revision].
func cutVersion(s string) (epoch, version, revision string) {
	epoch, version, ok := strings.Cut(s, ":")
	if !ok {
		epoch, version = "", s
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		version, revision = version[:i], version[i+1:]
	}
	return epoch, version, revision
}

// compareDigits compares whole numbers of any length; none is 0.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func digit(c byte) bool  { return '0' <= c && c <= '9' }
func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// run cuts off what s begins with.
func run(s string, is func(byte) bool) (head, tail string) {
	i := 0
	for i < len(s) && is(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// compareRPM compares versions, or releases, as rpm does: runs of digits and of letters from the left, whatever is between
// them; digits are newer than letters, ~ is older than the end and ^ newer than it
// (https://rpm-software-management.github.io/rpm/man/rpm-version.7).
func compareRPM(a, b string) int {
	between := func(c byte) bool { return !digit(c) && !letter(c) && c != '~' && c != '^' }
	for {
		_, a = run(a, between)
		_, b = run(b, between)
		for _, mark := range []byte{'~', '^'} {
			inA, inB := strings.HasPrefix(a, string(mark)), strings.HasPrefix(b, string(mark))
			if !inA && !inB {
				continue
			}
			if inA && inB {
				return compareRPM(a[1:], b[1:])
			}
			older := mark == '~' || a != "" && b != "" // ^ is newer than the end only
			if inA == older {
				return -1
			}
			return 1
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		is := letter
		if digit(a[0]) {
			is = digit
		}
		var headA, headB string
		headA, a = run(a, is)
		headB, b = run(b, is)
		if headB == "" { // of the other kind
			if digit(headA[0]) {
				return 1
			}
			return -1
		}
		c := strings.Compare(headA, headB)
		if digit(headA[0]) {
			c = compareDigits(headA, headB)
		}
		if c != 0 {
			return c
		}
	}
}

// compareDeb compares upstream versions, or revisions, as dpkg does (deb-version(7)): other characters and numbers by
// turns, where ~ is older than the end, the end older than letters, and letters older than the rest.
func compareDeb(a, b string) int {
	order := func(s string, i int) int {
		switch {
		case i >= len(s):
			return 0
		case s[i] == '~':
			return -1
		case letter(s[i]):
			return int(s[i])
		}
		return int(s[i]) + 256
	}
	for a != "" || b != "" {
		var headA, headB string
		headA, a = run(a, func(c byte) bool { return !digit(c) })
		headB, b = run(b, func(c byte) bool { return !digit(c) })
		for i := range max(len(headA), len(headB)) {
			if c := cmp.Compare(order(headA, i), order(headB, i)); c != 0 {
				return c
			}
		}
		headA, a = run(a, digit)
		headB, b = run(b, digit)
		if c := compareDigits(headA, headB); c != 0 {
			return c
		}
	}
	return 0
}
