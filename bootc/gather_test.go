package bootc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// notice is a line of a file that all features of this type share.
type notice struct{ Line string }

func (m notice) Contribute(d *bootc.Draft) error {
	if m.Line == "" {
		return bootc.Errorf("Line", "is empty")
	}
	bootc.Gather(d, m, writeNotices)
	return nil
}

func writeNotices(d *bootc.Draft, lines []bootc.Gathered[notice]) error {
	var text strings.Builder
	var errs []error
	for i, l := range lines {
		if i > 0 && l.Value == lines[i-1].Value {
			errs = append(errs, bootc.Errorf(l.Path+".Line", "says what %s says", lines[i-1].Path))
		}
		fmt.Fprintln(&text, l.Value.Line)
	}
	d.Put(bootc.PhaseFiles, bootc.Entry{Path: "/etc/motd", Mode: 0o644, Content: bootc.Text(text.String())})
	return errors.Join(errs...)
}

func ExampleGather() {
	show(bootc.Spec{}.With(notice{"Property of Acme."}).Dir("/etc/acme").With(notice{"Do not touch."}), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: 2 files (notice, Dir)
	// ADD files.tar /
	// drwxr-xr-x /etc/acme
	// -rw-r--r-- /etc/motd
	//     Property of Acme.
	//     Do not touch.
}

func TestGatherErrors(t *testing.T) {
	spec := bootc.From("quay.io/a/b:1").With(notice{"a"}, group{notice{"a"}}, notice{}, notice{"b"})
	_, err := spec.Compile(bootc.Base{Tool: bootc.DNF5})
	const want = "Features[2].notice.Line: is empty\n" +
		"Features[1].group.Inner.Line: says what Features[0].notice says"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestGatherOrigins wants the features that gathered behind what became of it, also where settling uses another feature.
func TestGatherOrigins(t *testing.T) {
	plan, err := bootc.From("quay.io/a/b:1").With(wanted{"b"}, bootc.Dir{Path: "/etc/x"}, wanted{"a"}).Compile(bootc.Base{Tool: bootc.DNF5})
	if err != nil {
		t.Fatal(err)
	}
	if text := plan.Containerfile.String(); !strings.Contains(text, "\n# packages (wanted)\n") || !strings.Contains(text, " install b-a\n") {
		t.Errorf("got\n%s", text)
	}
	_, err = bootc.From("quay.io/a/b:1").With(wanted{"b"}, wanted{"-"}).Compile(bootc.Base{Tool: bootc.DNF5})
	if got := fmt.Sprint(err); got != "Features[0].wanted: has a dash" {
		t.Errorf("got %s", got)
	}
}

// wanted features want one package together.
type wanted struct{ Name string }

func (w wanted) Contribute(d *bootc.Draft) error {
	bootc.Gather(d, w.Name, func(d *bootc.Draft, names []bootc.Gathered[string]) error {
		var list []string
		for _, n := range names {
			list = append(list, n.Value)
		}
		if slices.Contains(list, "-") {
			return errors.New("has a dash")
		}
		return d.Use("", bootc.Packages{Install: []string{strings.Join(list, "-")}})
	})
	return nil
}

// group uses another feature.
type group struct{ Inner bootc.Feature }

func (g group) Contribute(d *bootc.Draft) error { return d.Use("Inner", g.Inner) }
