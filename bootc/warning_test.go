package bootc_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// noted warns and wants a look at the value of a secret, itself or on behalf of another one.
type noted struct {
	Text  string
	Inner *noted `json:",omitzero"`
}

func (n noted) Contribute(d *bootc.Draft) error {
	d.Warnf("Text", "%q is odd", n.Text)
	d.Secret("pin", func(value []byte) error {
		if !bytes.Equal(value, []byte("1234")) {
			return fmt.Errorf("has %d bytes, not four: give %s", len(value), n.Text)
		}
		return nil
	})
	if n.Inner != nil {
		return d.Use("Inner", *n.Inner)
	}
	return nil
}

func TestWarnings(t *testing.T) {
	spec := bootc.From("quay.io/a/b:1").File("/etc/a", "").With(noted{"one", &noted{Text: "two"}})
	plan, err := spec.Compile(bootc.Base{})
	if err != nil {
		t.Fatal(err)
	}
	want := []bootc.Warning{{"Features[1].noted.Text", `"one" is odd`}, {"Features[1].noted.Inner.Text", `"two" is odd`}}
	if fmt.Sprint(plan.Warnings) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", plan.Warnings, want)
	}
	if got := (bootc.Warning{Text: "x"}).String(); got != "x" {
		t.Errorf("got %q", got)
	}

	if err := plan.CheckSecrets(map[string][]byte{"pin": []byte("1234"), "other": nil}); err != nil {
		t.Error(err)
	}
	if err := plan.CheckSecrets(nil); err != nil {
		t.Errorf("a value that is not there yet: %v", err)
	}
	err = plan.CheckSecrets(map[string][]byte{"pin": []byte("123")})
	const wantErr = "Features[1].noted: the value of secret \"pin\" has 3 bytes, not four: give one\n" +
		"Features[1].noted.Inner: the value of secret \"pin\" has 3 bytes, not four: give two"
	if err == nil || err.Error() != wantErr {
		t.Errorf("got\n%v\nwant\n%s", err, wantErr)
	}
	if f, ok := errors.AsType[*bootc.FieldError](err); !ok || f.Path != "Features[1].noted" {
		t.Errorf("%v is no FieldError", err)
	}
}
