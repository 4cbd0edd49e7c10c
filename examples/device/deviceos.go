package main

import (
	"cmp"
	"context"
	"embed"
	"os"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// appRegistry has Acme's applications, under the names that devices know.
const appRegistry = "registry.acme.example"

// site is what differs from one place to another.
type site struct {
	agent     flightctl.Version // "" for the newest
	agentRepo string            // RPM repository that has the agent, "" for upstream's
	apps      string            // registry that the applications were published to and signed for, "" for appRegistry
	mirror    string            // registry that devices pull them from, "" for appRegistry
	headers   string            // image with kernel headers and compiler, "" for kernel-devel of the base's repositories
	ca        string            // PEM of the authorities of the mirror's certificate, "" for those of the base
}

// deviceOS is the image on a base. images are the applications' references by their names.
func deviceOS(base string, binding flightctl.Binding, trust sign.DevicePolicy, images map[string]string, s site) bootc.Spec {
	agent := flightctl.Agent{Version: s.agent, Binding: binding}
	if s.agentRepo != "" {
		agent.Source.Repo = &bootc.Repo{ID: "flightctl", BaseURL: []string{s.agentRepo}, InsecureNoGPGCheck: true, BuildOnly: true}
	}
	spec := bootc.From(base).With(
		bootc.Release{Title: "Acme device OS", Version: "2.1.0", Source: "https://git.example.com/acme/device-os"},
		agent,
		bootc.Journal{MaxUse: "1G"},
		flightctl.CustomInfo{Key: "line", Script: line},
		bootc.CABundle{Name: "acme", PEM: acmeCA},
		bootc.Driver{Name: "acme-line", Source: bootc.DriverSource{FS: driver}, Dir: "driver", Modules: []string{"acme-line"}},
		bootc.KernelModule{Name: "acme_line", Load: true, Options: []string{"rate=200"}},
		// A service of the system, which only an update of the image changes.
		bootc.Quadlet{Name: "beacon.container", Content: container("Acme beacon", images["beacon"], "multi-user.target")},
		// An application of the agent, which reports it to the service.
		flightctl.EmbeddedApp{Name: "greeter", Quadlets: map[string]string{
			"greeter.container": container("Acme greeter", images["greeter"], "default.target"),
		}},
		trust,
	)
	if s.headers != "" {
		spec = spec.With(bootc.KernelHeaders{From: s.headers})
	}
	if s.mirror != "" {
		spec = spec.With(bootc.RegistryMirror{Prefix: appRegistry, Mirrors: []bootc.Mirror{{Location: s.mirror}}})
		if s.ca != "" {
			spec = spec.With(bootc.RegistryTrust{Host: s.mirror, CA: s.ca})
		}
	}
	return spec
}

// devicePolicy has devices take what Acme has signed, and nothing else.
func devicePolicy(osRepository, key string, s site) sign.DevicePolicy {
	apps := sign.Rule{Name: "acme-apps", Scopes: []string{appRegistry}, Keys: []string{key}}
	if s.mirror != "" {
		apps.Mirrors = []string{s.mirror}
	}
	if s.apps != "" {
		apps.Identity = sign.Identity{Prefix: appRegistry, SignedPrefix: s.apps}
	}
	return sign.DevicePolicy{
		Rules:           []sign.Rule{{Name: "acme-os", Scopes: []string{osRepository}, Keys: []string{key}}, apps},
		RejectByDefault: true,
	}
}

// pinApps finds out which images the versions of the applications are today.
func pinApps(ctx context.Context, client registry.Client, s site) (map[string]string, error) {
	images := map[string]string{}
	for name, version := range map[string]string{"beacon": "1.0", "greeter": "1.0"} {
		image, err := client.Resolve(ctx, cmp.Or(s.apps, appRegistry)+"/apps/"+name+":"+version, "")
		if err != nil {
			return nil, err
		}
		images[name] = appRegistry + "/apps/" + name + "@" + image.Digest.String()
	}
	return images, nil
}

// agentConfig reads the configuration that the service gave out, and adds the labels of all devices with this image.
func agentConfig(file string, check flightctl.Check) (flightctl.Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return flightctl.Config{}, err
	}
	c, err := flightctl.CheckConfig(data, check)
	c.DefaultLabels = map[string]string{"fleet": "acme-line", "os": "acme-2.1.0"}
	return c, err
}

//go:embed acme-ca.pem
var acmeCA string

//go:embed driver
var driver embed.FS

// line tells where the device stands: whoever installs it adds acme.line= to the kernel's arguments.
const line = `#!/bin/sh
sed -n 's/.*acme\.line=\([^ ]*\).*/\1/p' /proc/cmdline
`

func container(description, image, target string) string {
	return `[Unit]
Description=` + description + `

[Container]
Image=` + image + `
Network=host
Exec=sh -c "while :; do date; sleep 60; done"

[Install]
WantedBy=` + target + `
`
}
