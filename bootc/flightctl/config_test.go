package flightctl_test

import (
	"reflect"
	"testing"

	"github.com/bootloom/bootloom/bootc/flightctl"
)

func TestConfigRoundTrip(t *testing.T) {
	c, err := flightctl.ParseConfig([]byte("enrollment-service:\n  service:\n    server: https://agent-api.example.com:7443\n  authentication:\n    client-key-data: aGVsbG8K\nsystem-info: []\naudit:\n  enabled: false\nstatus-update-interval: 90s\nmanagement-service:\n  authentication: {}\n  service: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := flightctl.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, again) {
		t.Errorf("got %+v\nfrom\n%s", again, text)
	}
}
