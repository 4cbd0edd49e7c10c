package bootc

import (
	"path"
	"strings"
	"testing"
)

// TestAggregates wants a directory that DropIn knows for each configuration file.
func TestAggregates(t *testing.T) {
	for _, a := range aggregates {
		file := strings.ReplaceAll(a.file, "*", "journald")
		p, ok := DropInPath(file, "50-x")
		if !ok || !path.IsAbs(p) {
			t.Errorf("%s: %q, %t", file, p, ok)
			continue
		}
		class, _, ok := dirOf(p)
		if !ok || strings.ReplaceAll(class.etc, "*", "journald") != strings.ReplaceAll(a.dir, "*", "journald") || !strings.HasSuffix(p, "50-x"+class.ext) {
			t.Errorf("%s: %s is not of the directory %s: %+v", file, p, a.dir, class)
		}
	}
}

// TestUsrHomes wants the directories of both tables to be apart, and the way to /usr to be there once.
func TestUsrHomes(t *testing.T) {
	for _, h := range usrHomes {
		p := path.Join(strings.ReplaceAll(h.etc, "*", "afterupdating"), "x.y")
		if _, _, known := dirOf(p); known {
			t.Errorf("%s is a directory for drop-ins", h.etc)
		}
		usr, ok := UsrPath(p)
		if again, same := UsrPath(usr); !ok || !same || again != usr || path.Base(usr) != "x.y" || strings.ReplaceAll(h.usr, "*", "afterupdating") != path.Dir(usr) {
			t.Errorf("%s: %s %t, then %s %t", p, usr, ok, again, same)
		}
	}
}
