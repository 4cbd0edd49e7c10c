package testkit

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// ending is a test that notes how it was ended.
type ending struct {
	testing.TB
	how string
}

func (e *ending) Helper() {}
func (e *ending) Skipf(format string, args ...any) {
	e.how = "skip: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (e *ending) Fatalf(format string, args ...any) {
	e.how = "fail: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestNeed(t *testing.T) {
	for _, c := range []struct {
		ci, require string
		ok          bool
		want        string
	}{
		{ok: false, want: "skip: needs a pony"},
		{ci: "false", require: "0", ok: false, want: "skip: needs a pony"},
		{ci: "true", ok: false, want: "fail: needs a pony; a skip is a failure here (CI or BOOTLOOM_REQUIRE is set)"},
		{require: "1", ok: false, want: "fail: needs a pony; a skip is a failure here (CI or BOOTLOOM_REQUIRE is set)"},
		{ci: "true", require: "1", ok: true, want: "went on"},
	} {
		t.Setenv("CI", c.ci)
		t.Setenv("BOOTLOOM_REQUIRE", c.require)
		e := &ending{TB: t}
		var wg sync.WaitGroup
		wg.Go(func() {
			Need(e, "a pony", c.ok)
			e.how = "went on"
		})
		wg.Wait()
		if e.how != c.want {
			t.Errorf("CI=%q BOOTLOOM_REQUIRE=%q: %q, want %q", c.ci, c.require, e.how, c.want)
		}
	}
}
