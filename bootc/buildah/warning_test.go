//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// picky is a feature that warns, and does not like the value of its secret.
type picky struct{}

func (picky) Contribute(d *bootc.Draft) error {
	d.Warnf("Name", "is odd")
	d.Secret("pin", func(value []byte) error {
		if string(value) == "good" {
			return nil
		}
		return errors.New("is not good")
	})
	return nil
}

// TestPlanIsHeard: what the plan has to say is told first, also of an image that the engine has already.
func TestPlanIsHeard(t *testing.T) {
	t.Parallel()
	e := openAt(t, t.TempDir(), nil)
	base := inspect(t, e, tinyRef(t))
	p, err := bootc.From(base.Ref).With(picky{}).File("/usr/lib/x", "").Compile(base)
	if err != nil {
		t.Fatal(err)
	}
	build := func(pin string) (*recorder, error) {
		r := &recorder{t: t}
		_, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: r.on, Secrets: map[string]bootc.SecretValue{"pin": bootc.SecretBytes([]byte(pin))}})
		if len(r.events) == 0 || r.events[0].Kind != bootc.EventWarning || r.events[0].Text != "Features[0].picky.Name: is odd" {
			t.Errorf("the events do not begin with the warning: %+v", r.events)
		}
		return r, err
	}
	r, err := build("sesame")
	f, ok := errors.AsType[*bootc.FieldError](err)
	if !ok || f.Path != "Features[0].picky" || !strings.Contains(err.Error(), `the value of secret "pin" is not good`) || strings.Contains(err.Error(), "sesame") {
		t.Errorf("got %v", err)
	}
	if len(r.events) != 1 {
		t.Errorf("it did something: %+v", r.events)
	}
	for range 2 {
		if _, err := build("good"); err != nil {
			t.Fatal(err)
		}
	}
}
