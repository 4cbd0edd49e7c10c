package main

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/linttest"
	"github.com/bootloom/bootloom/sign"
)

func TestLint(t *testing.T) {
	key, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	images := map[string]string{}
	for _, name := range []string{"beacon", "greeter"} {
		images[name] = appRegistry + "/apps/" + name + "@" + digest.FromString(name).String()
	}
	s := site{agent: "1.2.0", agentRepo: "https://rpm.acme.example/flightctl/", mirror: "mirror.acme.example"}
	for name, test := range map[string]struct {
		binding flightctl.Binding
		notes   []string
	}{
		"early": {flightctl.Early(), []string{"BL501"}}, // the enrollment key is in the image
		"late":  {flightctl.Late(flightctl.CloudInit), nil},
	} {
		t.Run(name, func(t *testing.T) {
			linttest.Clean(t, func(base string) bootc.Spec {
				return deviceOS(base, test.binding, devicePolicy("quay.io/acme/device-os", key.Public(), s), images, s)
			}, linttest.Options{Tools: []bootc.PackageTool{bootc.DNF4, bootc.DNF5}, Notes: test.notes}) // the agent comes as RPM
		})
	}
}
