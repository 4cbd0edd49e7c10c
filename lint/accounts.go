package lint

import (
	"strconv"
	"strings"
)

// account is a line of passwd(5), group(5), shadow(5) or gshadow(5): fields with colons between.
type account struct {
	name   string
	fields []string // the name first
	line   int
}

// field is field n, counted from 0; "" if the line is too short.
func (a account) field(n int) string {
	if n >= len(a.fields) {
		return ""
	}
	return a.fields[n]
}

// id is field n as a number.
func (a account) id(n int) (uint32, bool) {
	v, err := strconv.ParseUint(a.field(n), 10, 32)
	return uint32(v), err == nil
}

// parseAccounts reads such a file. Comments, empty lines and the + and - lines of NSS' compat mode are left out.
func parseAccounts(text string) []account {
	var out []account
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.ContainsRune("#+-", rune(line[0])) {
			continue
		}
		fields := strings.Split(line, ":")
		out = append(out, account{fields[0], fields, n})
	}
	return out
}

// Where accounts are: those of /usr/lib come with the image by nss-altfiles, and machines do not change them.
const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
	shadowFile = "/etc/shadow"
	gshadow    = "/etc/gshadow"
)

var accountFiles = []string{passwdFile, groupFile, shadowFile, gshadow, "/usr/lib/passwd", "/usr/lib/group"}

// accountsIn reads a file of the merged root; nil if it is not known.
func (f *Facts) accountsIn(path string) []account {
	file := f.Root.File(path)
	if file == nil {
		return nil
	}
	return parseAccounts(file.Text())
}

// baseFile is the file as the base image has it; nil if it has none, and if nobody knows what the base is.
func (f *Facts) baseFile(path string) *File {
	for i := len(f.Layers) - 1; i >= 0; i-- {
		l := f.Layers[i]
		if !l.Base {
			continue
		}
		if file := l.File(path); file != nil && !file.Whiteout() {
			return file
		}
		if l.Hides(path) {
			return nil
		}
	}
	return nil
}

// fromBase are the names of accounts that the base has in the file already.
func (f *Facts) fromBase(path string) map[string]account {
	out := map[string]account{}
	if file := f.baseFile(path); file != nil {
		for _, a := range parseAccounts(file.Text()) {
			out[a.name] = a
		}
	}
	return out
}
