package flightctl_test

import (
	"context"
	"fmt"
	"log"
	"regexp"
	"strings"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// summary prints what is particular about a plan: packages and units, secrets, warnings, and the files it brings.
func summary(base bootc.Base, f ...bootc.Feature) {
	plan, err := bootc.From(base.Ref).With(f...).Compile(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(plan.Containerfile.String()) {
		if strings.HasPrefix(line, "dnf") && strings.Contains(line, " install ") || strings.HasPrefix(line, "RUN systemctl") || strings.HasPrefix(line, "ADD --") {
			fmt.Print(line)
		}
	}
	for _, s := range plan.Secrets {
		fmt.Println("secret", s)
	}
	for _, w := range plan.Warnings {
		fmt.Println("warning", w)
	}
	for _, a := range plan.Archives {
		for _, e := range a.Entries {
			fmt.Println(strings.TrimSpace(fmt.Sprint(e.Mode, " ", e.Path, " ", e.Link)))
		}
	}
}

var (
	stream9 = bootc.Base{Ref: "quay.io/centos-bootc/centos-bootc:stream9"}
	rhel9   = bootc.Base{Ref: "registry.redhat.io/rhel9/rhel-bootc:9.6", Platform: "linux/amd64"}
)

func ExampleAgent() {
	summary(stream9, flightctl.Agent{
		Version: "1.3.0",
		Binding: flightctl.Early(), // the build secret "flightctl-config" is /etc/flightctl/config.yaml
	})
	// Output:
	// ADD --chmod=0644 https://rpm.flightctl.io/flightctl-epel.repo /etc/yum.repos.d/flightctl-epel.repo
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False install /usr/bin/newuidmap flightctl-agent-1.3.0 flightctl-greenboot-1.3.0 flightctl-selinux-1.3.0
	// RUN systemctl enable flightctl-agent.service flightctl-configure-greenboot.service greenboot-healthcheck.service
	// secret flightctl-config
	// -rw-r--r-- /usr/lib/tmpfiles.d/50-flightctl-user.conf
	// Lrwxrwxrwx /etc/systemd/system/bootc-fetch-apply-updates.timer /dev/null
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	// -rw-r--r-- /usr/lib/sysusers.d/50-bootloom-flightctl.conf
	// -rw-r--r-- /usr/lib/tmpfiles.d/50-bootloom-flightctl.conf
}

func ExampleRHEM() {
	summary(rhel9, flightctl.Agent{Source: flightctl.RHEM("1.3"), Binding: flightctl.Early()}, flightctl.Onboarding{}, bootc.Entitlement{})
	// Output:
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False --enablerepo=edge-manager-1.3-for-rhel-9-x86_64-rpms install /usr/bin/newuidmap dnsmasq firewalld flightctl-agent flightctl-cli flightctl-greenboot flightctl-onboarding hostapd policycoreutils
	// RUN systemctl enable flightctl-agent.service flightctl-configure-greenboot.service flightctl-onboarding-setup.service greenboot-healthcheck.service
	// secret entitlement-cert
	// secret entitlement-key
	// secret flightctl-config
	// -rw-r--r-- /usr/lib/tmpfiles.d/50-flightctl-user.conf
	// Lrwxrwxrwx /etc/systemd/system/bootc-fetch-apply-updates.timer /dev/null
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	// -rw-r--r-- /usr/lib/sysusers.d/50-bootloom-flightctl.conf
	// -rw-r--r-- /usr/lib/tmpfiles.d/50-bootloom-flightctl.conf
}

func ExampleLocalRPMs() {
	agent := flightctl.Agent{Binding: flightctl.Late(flightctl.Installer), Source: flightctl.LocalRPMs(
		bootc.PackageFile{Name: "flightctl-agent-1.2.0-1.el9.x86_64.rpm", Content: bootc.Text("…")},
		bootc.PackageFile{Name: "flightctl-selinux-1.1.0-1.el9.noarch.rpm", Content: bootc.Text("…")},
	)}
	agent.Version = "1.3.0" // not what the file is
	summary(stream9, agent)
	// Output:
	// Features[0].Agent.Source.Files[0]: flightctl-agent-1.2.0-1.el9.x86_64.rpm is not version 1.3.0
	// Features[0].Agent.Source.Files: lacks flightctl-greenboot, whose file is flightctl-greenboot-VERSION-RELEASE.ARCH.rpm
}

func ExampleLate() {
	summary(stream9, flightctl.Agent{Version: "1.0.2", Source: flightctl.RepoID("acme"), Binding: flightctl.Late(flightctl.CloudInit)},
		bootc.Platform{Name: bootc.VSphere})
	// Output:
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False --enablerepo=acme install cloud-init flightctl-agent-1.0.2 flightctl-selinux-1.0.2 greenboot open-vm-tools
	// RUN systemctl enable flightctl-agent.service greenboot-healthcheck.service vmtoolsd.service
	// Lrwxrwxrwx /etc/systemd/system/bootc-fetch-apply-updates.timer /dev/null
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	// Lrwxrwxrwx /usr/lib/systemd/system/default.target.wants/cloud-init.target ../cloud-init.target
}

func ExampleEndpointOnly() {
	var c flightctl.Config
	c.EnrollmentService.Service.Server = "https://agent-api.flightctl.example.com:7443"
	summary(stream9, flightctl.Agent{Version: "1.0.2", Source: flightctl.RepoID("acme"), Binding: flightctl.EndpointOnly(c, flightctl.CloudInit)})
	// Output:
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False --enablerepo=acme install cloud-init flightctl-agent-1.0.2 flightctl-selinux-1.0.2 greenboot
	// RUN systemctl enable flightctl-agent.service greenboot-healthcheck.service
	// -rw------- /etc/flightctl/config.yaml
	// Lrwxrwxrwx /etc/systemd/system/bootc-fetch-apply-updates.timer /dev/null
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	// Lrwxrwxrwx /usr/lib/systemd/system/default.target.wants/cloud-init.target ../cloud-init.target
}

func ExampleSecret() {
	c, err := minted(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	check := flightctl.Check{Agent: "1.2.0", Now: time.Now(), ValidFor: 90 * 24 * time.Hour}
	secret, err := flightctl.Secret(c, check)
	fmt.Println(secret, err)
	_ = bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{flightctl.DefaultSecret: secret}}

	c.EnrollmentService.Service.Server = "agent-api.example.com:7443"
	_, err = flightctl.Secret(c, check)
	fmt.Println(err)
	// Output:
	// [redacted] <nil>
	// enrollment-service.service.server: "agent-api.example.com:7443": must begin with https://
}

func ExampleComposeApps() {
	summary(rhel9, flightctl.ComposeApps{})
	// Output:
	// dnf -y --setopt=skip_if_unavailable=False install https://dl.fedoraproject.org/pub/epel/epel-release-latest-9.noarch.rpm
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False install podman-compose
	// RUN systemctl enable podman.service
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
}

func ExampleHelmApps() {
	summary(stream9, flightctl.HelmApps{}, bootc.Repo{ID: "microshift", Existing: true})
	// Output:
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False --enablerepo=microshift install /usr/bin/crictl /usr/bin/helm /usr/bin/kubectl
}

func ExampleEmbeddedApp() {
	summary(stream9, flightctl.EmbeddedApp{
		Name: "sensor",
		Quadlets: map[string]string{
			"app.container": "[Container]\nImage=quay.io/acme/sensor\nVolume=data.volume:/data\n",
			"data.volume":   "[Volume]\n",
		},
	})
	summary(stream9, flightctl.EmbeddedApp{Name: "shop", Compose: "services:\n  web:\n    image: nginx\n    container_name: web\n"})
	// Output:
	// warning Features[0].EmbeddedApp.Quadlets[app.container]: quay.io/acme/sensor may be another image tomorrow, and on the next device: give it the tag of a version or a digest
	// drwxr-xr-x /usr/local
	// -rw-r--r-- /usr/local/etc/containers/systemd/sensor/app.container
	// -rw-r--r-- /usr/local/etc/containers/systemd/sensor/data.volume
	// Features[0].EmbeddedApp.Compose: service web: has container_name web, which the agent refuses: it gives names that no other application has
	// Features[0].EmbeddedApp.Compose: service web: nginx has no registry: write it in full, such as quay.io/acme/app:1.2
}

func ExampleTelemetryFor() {
	c, err := minted(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	telemetry, err := flightctl.TelemetryFor(c)
	fmt.Println(telemetry.Endpoint, err)
	summary(stream9, telemetry)
	// Output:
	// telemetry.flightctl.example.com:4317 <nil>
	// dnf -y --setopt=strict=True --setopt=skip_if_unavailable=False install opentelemetry-collector
	// -rw-r--r-- /etc/flightctl/certs.d/otel.yaml
	// Lrwxrwxrwx /etc/systemd/system/multi-user.target.wants/otelcol.path /usr/lib/systemd/system/otelcol.path
	// -rw-r--r-- /usr/lib/otelcol/ca.crt
	// -rw-r--r-- /usr/lib/otelcol/config.yaml
	// -rw-r--r-- /usr/lib/systemd/system-preset/10-bootloom.preset
	// -rw-r--r-- /usr/lib/systemd/system/otelcol.path
	// -rw-r--r-- /usr/lib/systemd/system/otelcol.service
}

// minted stands for an EnrollmentProvider: Service, or a certificate authority of one's own.
var minted flightctl.EnrollmentFunc = func(context.Context) (flightctl.Config, error) { return enrolled() }

func ExampleEnrollmentFunc() {
	// One payload for each machine, each with a certificate of its own.
	for _, machine := range []string{"edge-1", "edge-2"} {
		p, err := flightctl.EnrolledPayload(context.Background(), minted, flightctl.Check{Now: time.Now()})
		if err != nil {
			log.Fatal(err)
		}
		secret, err := p.KubeVirtSecret(machine+"-enrollment", "edge")
		fmt.Println(p, err)
		fmt.Println(elided(secret))
	}
	// Output:
	// [redacted] <nil>
	// apiVersion: v1
	// kind: Secret
	// metadata:
	//   name: "edge-1-enrollment"
	//   namespace: "edge"
	// type: Opaque
	// data:
	//   userdata: …
	// [redacted] <nil>
	// apiVersion: v1
	// kind: Secret
	// metadata:
	//   name: "edge-2-enrollment"
	//   namespace: "edge"
	// type: Opaque
	// data:
	//   userdata: …
}

func ExampleService() {
	server, err := startFakeService() // https://api.flightctl.example.com
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	service := flightctl.Service{URL: server.URL, Token: bootc.SecretBytes([]byte("t0ken")), CA: server.ca(), Expiration: time.Hour}
	c, err := service.Enrollment(context.Background())
	fmt.Println(c.EnrollmentService.Service.Server, c.EnrollmentService.Authentication.ClientKeyData, err)

	service.Token = bootc.SecretBytes([]byte("of yesterday"))
	_, err = service.Enrollment(context.Background())
	fmt.Println(strings.ReplaceAll(err.Error(), server.URL, "https://api.flightctl.example.com"))
	// Output:
	// https://agent-api.example.com:7443 [redacted] <nil>
	// request enrollment https://api.flightctl.example.com: the service answers 401 Unauthorized: who are you
}

func ExamplePayload_CloudConfig() {
	p, err := flightctl.NewPayload(mustEnroll(), flightctl.Check{Now: time.Now()})
	fmt.Println(err)
	fmt.Println(elided(p.CloudConfig()))
	// Output:
	// <nil>
	// #cloud-config
	// write_files:
	// - path: /etc/flightctl/config.yaml
	//   owner: root:root
	//   permissions: '0600'
	//   encoding: b64
	//   content: …
}

func ExamplePayload_GuestInfo() {
	p, err := flightctl.NewPayload(mustEnroll(), flightctl.Check{Now: time.Now()})
	info := p.GuestInfo()
	fmt.Println(elided([]byte(info["guestinfo.userdata"])), info["guestinfo.userdata.encoding"], err)
	// Output:
	// … gzip+base64 <nil>
}

func ExamplePayload_Ignition() {
	p, err := flightctl.NewCredentials(mustEnroll(), flightctl.Check{Now: time.Now()})
	fmt.Println(err)
	fmt.Println(elided(p.Ignition()))
	// Output:
	// <nil>
	// {
	//   "ignition": {
	//     "version": "3.0.0"
	//   },
	//   "storage": {
	//     "files": [
	//       {
	//         "path": "/var/lib/flightctl/certs/client-enrollment.crt",
	//         "overwrite": true,
	//         "mode": 420,
	//         "contents": {
	//           "source": "data:;base64,…"
	//         }
	//       },
	//       {
	//         "path": "/var/lib/flightctl/certs/client-enrollment.key",
	//         "overwrite": true,
	//         "mode": 384,
	//         "contents": {
	//           "source": "data:;base64,…"
	//         }
	//       }
	//     ]
	//   }
	// }
}

func ExamplePayload_Kickstart() {
	p, err := flightctl.NewPayload(mustEnroll(), flightctl.Check{Now: time.Now()})
	fmt.Println(err)
	fmt.Println(elided(p.Kickstart()))
	// Output:
	// <nil>
	// %post --erroronfail --interpreter=/bin/sh
	// set -eu
	// umask 077
	// [ -d /etc/flightctl ] || install -d -m 0755 /etc/flightctl
	// base64 -d >/etc/flightctl/config.yaml <<'END'
	// …
	// END
	// chmod 0600 /etc/flightctl/config.yaml
	// [ ! -x /usr/sbin/restorecon ] || /usr/sbin/restorecon -R /etc/flightctl
	// %end
}

func ExamplePayload_With() {
	p, err := flightctl.NewPayload(mustEnroll(), flightctl.Check{})
	if err != nil {
		log.Fatal(err)
	}
	p, err = p.With(flightctl.PayloadFile{Path: "/etc/ostree/auth.json", Data: []byte(`{"auths": {}}`)})
	fmt.Println(strings.Count(string(p.CloudConfig()), "- path:"), "files", err)
	_, err = p.With(flightctl.PayloadFile{Path: "etc/motd", Mode: 0o4755})
	fmt.Println(err)
	// Output:
	// 2 files <nil>
	// files[0].Path: "etc/motd" is not a clean absolute path of letters, digits and . _ @ + - /
	// files[0].Mode: 04755 is not a mode: permissions up to 0777
}

func mustEnroll() flightctl.Config {
	c, err := minted(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// elided is text without its base64, which differs from run to run.
func elided(text []byte) string {
	return strings.TrimSpace(blobs.ReplaceAllString(heredocs.ReplaceAllString(string(text), "<<'END'\n…\nEND\n"), "…"))
}

var (
	blobs    = regexp.MustCompile(`[A-Za-z0-9+/=]{40,}`)
	heredocs = regexp.MustCompile(`(?s)<<'END'\n.*?\nEND\n`)
)
