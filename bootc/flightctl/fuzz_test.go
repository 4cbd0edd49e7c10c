package flightctl_test

import (
	"bytes"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// seed adds the inputs of the corpora.
func seed(f *testing.F) {
	f.Helper()
	for _, file := range corpus(f) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range archive.Files {
			f.Add(section.Data)
		}
	}
}

// FuzzParseConfig wants every error to be a FieldError, and the same value again from what YAML and JSON write.
func FuzzParseConfig(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := flightctl.ParseConfig(data)
		checkErrors(t, err)
		if err != nil {
			return
		}
		checkErrors(t, c.Validate(flightctl.Check{Agent: "1.2.0"}))
		if err := roundTrip(c); err != nil {
			t.Error(err)
		}
		_, err = flightctl.CheckConfig(data, flightctl.Check{})
		checkErrors(t, err)
	})
}

// FuzzParseSettings is the same for files of conf.d.
func FuzzParseSettings(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := flightctl.ParseSettings(data)
		checkErrors(t, err)
		if err != nil {
			return
		}
		checkErrors(t, s.Validate(""))
		if err := roundTrip(flightctl.Config{Settings: s}); err != nil {
			t.Error(err)
		}
	})
}

// FuzzCheckHooks wants hooks that are right to be so too when they were written and read again.
func FuzzCheckHooks(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		actions, err := flightctl.CheckHooks(data, flightctl.AfterUpdating)
		checkErrors(t, err)
		if err != nil || len(actions) == 0 {
			return
		}
		plan, err := bootc.From("quay.io/acme/base:1").With(flightctl.Hook{Stage: flightctl.AfterUpdating, Name: "50-x", Actions: actions}).Compile(bootc.Base{})
		if err != nil {
			t.Fatal(err)
		}
		text, err := plan.Archives[0].Entries[0].Content.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		again, err := flightctl.CheckHooks(text, flightctl.AfterUpdating)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		plan, err = bootc.From("quay.io/acme/base:1").With(flightctl.Hook{Stage: flightctl.AfterUpdating, Name: "50-x", Actions: again}).Compile(bootc.Base{})
		if err != nil {
			t.Fatal(err)
		}
		if text2, _ := plan.Archives[0].Entries[0].Content.ReadAll(); !bytes.Equal(text, text2) {
			t.Errorf("%s\nbecame\n%s", text, text2)
		}
	})
}

// checkErrors wants FieldErrors, and no more.
func checkErrors(t *testing.T, err error) {
	t.Helper()
	if err != nil && len(bootc.FieldErrors(err)) == 0 {
		t.Errorf("%v is no FieldError", err)
	}
}
