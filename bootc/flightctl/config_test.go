package flightctl_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/txtest"
)

// TestConfig reads config.yaml of each corpus file and checks it as check.json says. Out come "errors", or "yaml".
func TestConfig(t *testing.T) {
	isInput := func(name string) bool { return name == "config.yaml" || name == "check.json" }
	txtest.Run(t, "testdata/config/*.txtar", isInput, func(t *testing.T, in []txtar.File) []txtar.File {
		var check flightctl.Check
		var data []byte
		for _, f := range in {
			if f.Name == "config.yaml" {
				data = f.Data
			} else if err := json.Unmarshal(f.Data, &check); err != nil {
				t.Fatal(err)
			}
		}
		c, err := flightctl.CheckConfig(data, check)
		if err == nil {
			err = roundTrip(c)
		}
		return yamlOrErrors(t, c, err)
	})
}

// TestSettings does the same with files of conf.d.
func TestSettings(t *testing.T) {
	txtest.Run(t, "testdata/confd/*.txtar", func(name string) bool { return name == "conf.yaml" }, func(t *testing.T, in []txtar.File) []txtar.File {
		s, err := flightctl.ParseSettings(in[0].Data)
		if err == nil {
			err = s.Validate("")
		}
		return yamlOrErrors(t, s, err)
	})
}

// TestHooks does the same with files of hooks.d for AfterUpdating.
func TestHooks(t *testing.T) {
	txtest.Run(t, "testdata/hooks/*.txtar", func(name string) bool { return name == "hooks.yaml" }, func(t *testing.T, in []txtar.File) []txtar.File {
		actions, err := flightctl.CheckHooks(in[0].Data, flightctl.AfterUpdating)
		if err != nil {
			return errorsFile(t, err)
		}
		text, err := json.MarshalIndent(actions, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		again, err := flightctl.CheckHooks(text, flightctl.AfterUpdating) // JSON is YAML
		if err != nil || !reflect.DeepEqual(actions, again) {
			t.Errorf("%v became %v: %v", actions, again, err)
		}
		return []txtar.File{{Name: "json", Data: text}}
	})
}

func yamlOrErrors(t *testing.T, v interface{ YAML() ([]byte, error) }, err error) []txtar.File {
	t.Helper()
	if err != nil {
		return errorsFile(t, err)
	}
	text, err := v.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return []txtar.File{{Name: "yaml", Data: text}}
}

// errorsFile has a line for each mistake, all of which must be FieldErrors.
func errorsFile(t *testing.T, err error) []txtar.File {
	t.Helper()
	var lines []string
	for _, e := range bootc.FieldErrors(err) {
		line := e.Error()
		if errors.Is(e, flightctl.ErrIgnored) {
			line += " [ErrIgnored]"
		}
		lines = append(lines, line+"\n")
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != len(lines) {
		t.Errorf("%d of %d errors are FieldErrors:\n%v", len(lines), got, err)
	}
	return []txtar.File{{Name: "errors", Data: []byte(strings.Join(lines, ""))}}
}

// roundTrip wants the same from what YAML writes, and from JSON if there is no key in it.
func roundTrip(c flightctl.Config) error {
	text, err := c.YAML()
	if err != nil {
		return err
	}
	again, err := flightctl.ParseConfig(text)
	if err != nil {
		return fmt.Errorf("%w in\n%s", err, text)
	}
	if !reflect.DeepEqual(c, again) {
		return fmt.Errorf("%#v became %#v in\n%s", c, again, text)
	}
	if !c.EnrollmentService.Authentication.ClientKeyData.IsZero() {
		return nil
	}
	text, err = json.Marshal(c)
	if err != nil {
		return err
	}
	again = flightctl.Config{}
	if err := json.Unmarshal(text, &again); err != nil {
		return fmt.Errorf("%w in\n%s", err, text)
	}
	if !reflect.DeepEqual(c, again) {
		return fmt.Errorf("%#v became %#v in\n%s", c, again, text)
	}
	return nil
}

// TestConfigHidesKey prints, logs and marshals a configuration with a key in every way.
func TestConfigHidesKey(t *testing.T) {
	const canary = "canary-of-a-key"
	var c flightctl.Config
	c.EnrollmentService.Authentication.ClientKeyData = flightctl.KeyFromPEM([]byte(canary))
	hidden := struct{ c flightctl.Config }{c}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "key", c.EnrollmentService.Authentication.ClientKeyData)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "key", c.EnrollmentService.Authentication.ClientKeyData)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, v := range []any{c, &c, hidden, &hidden, c.EnrollmentService.Authentication.ClientKeyData} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
	}
	for _, s := range append(texts, log.String(), string(text)) {
		for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte(canary)), fmt.Sprintf("%x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
			if strings.Contains(s, form) {
				t.Errorf("shows the key: %s", s)
			}
		}
	}
	if !strings.Contains(string(text), "[redacted]") || !strings.Contains(texts[0], "[redacted]") {
		t.Errorf("does not say that it hides something: %s %s", text, texts[0])
	}
	if err := json.Unmarshal(text, &c); err == nil {
		t.Error("a redacted key is taken for one")
	}
	yaml, err := c.YAML()
	if err != nil || !strings.Contains(string(yaml), base64.StdEncoding.EncodeToString([]byte(canary))) {
		t.Errorf("YAML does not write the key: %s %v", yaml, err)
	}
}

// TestConfigLabels wants values of which YAML 1.1 makes something else to come back as they are.
func TestConfigLabels(t *testing.T) {
	c := flightctl.Config{Settings: flightctl.Settings{DefaultLabels: map[string]string{}}}
	for _, s := range textsLikeOther {
		c.DefaultLabels[s] = s
	}
	c.DefaultLabels["empty"] = ""
	if err := roundTrip(c); err != nil {
		t.Error(err)
	}
}

// textsLikeOther are label values that YAML, as the agent reads it or as we do, takes for something else if they are not
// quoted.
var textsLikeOther = []string{"yes", "No", "on", "OFF", "y", "n", "true", "False", "null", "NULL", "010", "0o17", "0x1F", "0b11", "1_000", "1.10", "1e3",
	"2026-01-01", "2026-01-01T10-00", "12e03", "190E1", "007", "9223372036854775808", "NaN", "5", "7.5"}

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		v     flightctl.Version
		valid bool
		at13  bool
	}{
		{"", true, true}, {"1.2.0", true, false}, {"v1.3.0-rc4", true, true}, {"1.3.0~rc4-1.el9", true, true}, {"1.10", true, true},
		{"2.0.0", true, true}, {"0.7.2-1.el9fc", true, false}, {"latest", false, true}, {"1", false, true}, {"1.x", false, true}, {"1.2.0 ", false, true},
	} {
		if got := c.v.AtLeast(1, 3); got != c.at13 {
			t.Errorf("%q.AtLeast(1, 3) is %t", c.v, got)
		}
		if err := c.v.Validate(); (err == nil) != c.valid {
			t.Errorf("%q: %v", c.v, err)
		}
	}
	if err := (flightctl.Config{}).Validate(flightctl.Check{Agent: "newest", Now: time.Now()}); err == nil || !strings.Contains(err.Error(), `"newest" is not the version`) {
		t.Errorf("got %v", err)
	}
}
