package changes

import (
	"io/fs"
	"testing"

	"github.com/bootloom/bootloom/internal/tree"
)

// FuzzParsers has files of an image that anyone may have written.
func FuzzParsers(f *testing.F) {
	f.Add("kargs = [\"a=\\\"b c\\\"\", \"d\"]\n")
	f.Add("u a 1 \"A B\" / /bin/sh\nm a b\n#x\n")
	f.Add("[Install]\nWantedBy=a\nDefaultInstance=x\n")
	f.Add("root:x:0:0::/:\n\n:::\n")
	f.Add("PRETTY_NAME=\"x\\\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		var l tree.Layer
		for _, name := range []string{kargsDir + "/a.toml", "etc/sysusers.d/a.conf", "etc/systemd/system/a@.service", "etc/passwd", "etc/os-release"} {
			l.Entries = append(l.Entries, tree.Entry{Path: name, Mode: 0o644, Size: int64(len(text)), Data: []byte(text)})
		}
		l.Entries = append(l.Entries, tree.Entry{Path: "etc/systemd/system/a.target.wants/a@b.service", Mode: fs.ModeSymlink, Link: "../a@.service"})
		m := tree.Merge(l)
		r := Report{From: Image{Platform: "linux/amd64"}, To: Image{Platform: "linux/amd64"}}
		r.kargs(tree.Merge(), m)
		r.Users, r.Groups = compareAccounts(m, tree.Merge())
		r.Units = compareUnits(m, m, nil)
		r.OS = changed(prettyName(m), "")
		if len(r.Units) != 0 {
			t.Errorf("an image and itself: %+v", r.Units)
		}
		_ = r.String()
	})
}
