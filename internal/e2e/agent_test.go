package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// agentSource serves the packages with the real agent on the loopback interface.
func agentSource(t testing.TB) flightctl.Source {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(testkit.AgentRepo(t))))
	t.Cleanup(server.Close)
	return flightctl.Source{Repo: &bootc.Repo{ID: "flightctl", BaseURL: []string{server.URL}, InsecureNoGPGCheck: true}}
}

// enrollment is a configuration as the service gives it, with a key that is nowhere else.
func enrollment(t testing.TB) flightctl.Config {
	t.Helper()
	ca, err := testkit.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Client("client-enrollment-1")
	if err != nil {
		t.Fatal(err)
	}
	var c flightctl.Config
	c.EnrollmentService.Service.Server = "https://agent-api.flightctl.example.com:7443"
	c.EnrollmentService.Service.CertificateAuthorityData = flightctl.PEM(ca.PEM)
	c.EnrollmentService.Authentication.ClientCertificateData = flightctl.PEM(cert)
	c.EnrollmentService.Authentication.ClientKeyData = flightctl.KeyFromPEM(key)
	return c
}

// TestAgent installs each version of the real agent, bound early, as upstream's packages install it.
func TestAgent(t *testing.T) {
	t.Parallel()
	source := agentSource(t)
	config := enrollment(t)
	secret, err := flightctl.Secret(config, flightctl.Check{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	text, err := secret.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	key := config.EnrollmentService.Authentication.ClientKeyData.Reveal()
	for _, c := range []struct {
		name          string
		agent         flightctl.Agent
		noWeakDeps    bool // of somebody else's packages, for the whole transaction
		greenboot     bool
		configure     bool // the unit of 1.1 and later
		user          bool
		maxBootAttmpt string
	}{
		{"1.0.0", flightctl.Agent{Version: "1.0.0"}, false, true, false, false, "3"},
		{"v1.2.0", flightctl.Agent{Version: "v1.2.0", Greenboot: flightctl.Greenboot{MaxBootAttempts: 1}}, false, true, true, true, "1"},
		{"newest", flightctl.Agent{}, true, true, true, true, "3"},
		{"1.3.0 without greenboot", flightctl.Agent{Version: "1.3.0", Greenboot: flightctl.Greenboot{Off: true}}, false, false, false, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.agent.Source, c.agent.Binding = source, flightctl.Early()
			spec := from(t).With(c.agent, bootc.Packages{Install: []string{"bootc"}, NoWeakDeps: c.noWeakDeps},
				flightctl.EmbeddedApp{Name: "web", Quadlets: map[string]string{"web.container": "[Container]\nImage=quay.io/acme/web:1\n"}})
			b, err := try(t, engine(t), bootc.DNF4, spec, bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{flightctl.DefaultSecret: secret}})
			if err != nil {
				t.Fatalf("%v\n%s", err, b.log())
			}
			const wants = "etc/systemd/system/multi-user.target.wants/flightctl-agent.service"
			for name, want := range map[string]string{
				"usr/bin/flightctl-agent":   "- 0755 0:0",
				"etc/flightctl/config.yaml": "- 0600 0:0",
				wants:                       "l 0777 0:0 -> /usr/lib/systemd/system/flightctl-agent.service",
				"etc/systemd/system/bootc-fetch-apply-updates.timer": "l 0777 0:0 -> /dev/null",
				"usr/local": "d 0755 0:0",
				"usr/local/etc/containers/systemd/web/web.container": "- 0644 0:0",
			} {
				if got := b.files[name].String(); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if got := b.files["etc/flightctl/config.yaml"].data; got != string(text) {
				t.Errorf("config.yaml is\n%s", got)
			}
			has := func(name string, want bool) {
				t.Helper()
				if _, ok := b.files[name]; ok != want {
					t.Errorf("%s is there: %t, want %t", name, ok, want)
				}
			}
			has("usr/lib/greenboot/check/required.d/20_check_flightctl_agent.sh", c.greenboot)
			has("etc/systemd/system/boot-complete.target.requires/greenboot-healthcheck.service", c.greenboot)
			has("etc/systemd/system/greenboot-healthcheck.service.wants/flightctl-configure-greenboot.service", c.configure)
			has("usr/lib/sysusers.d/50-bootloom-flightctl.conf", c.user)
			if got := b.files["etc/greenboot/greenboot.conf"].data; c.greenboot && got != "GREENBOOT_MAX_BOOT_ATTEMPTS="+c.maxBootAttmpt+"\n" {
				t.Errorf("greenboot.conf is %q", got)
			}
			for _, name := range []string{"etc/subuid", "etc/subgid"} {
				if n := strings.Count("\n"+b.files[name].data, "\nflightctl:"); c.user && n != 1 {
					t.Errorf("%s has %d ranges of flightctl:\n%s", name, n, b.files[name].data)
				}
			}
			preset := b.files["usr/lib/systemd/system-preset/10-bootloom.preset"].data
			for _, line := range []string{"enable flightctl-agent.service\n", "disable bootc-fetch-apply-updates.timer\n"} {
				if !strings.Contains(preset, line) {
					t.Errorf("the presets lack %q:\n%s", line, preset)
				}
			}
			onlyInConfig(t, b, map[string][]byte{"key": key[40:120], "whole": text})
		})
	}
}

// onlyInConfig wants the secret in one file of one layer, and in nothing that the build said.
func onlyInConfig(t *testing.T, b built, canaries map[string][]byte) {
	t.Helper()
	dir, _, _ := strings.Cut(strings.TrimPrefix(b.Location, "oci:"), ":")
	seen, err := testkit.FindCanaries(dir, canaries)
	if err != nil {
		t.Fatal(err)
	}
	blobs := map[string]bool{}
	for _, s := range seen {
		blobs[s.Blob] = true
		if s.Path != flightctl.ConfigPath[1:] {
			t.Errorf("the secret is in %+v", s)
		}
	}
	if len(blobs) != 1 {
		t.Errorf("the secret is in %d blobs", len(blobs))
	}
	told := fmt.Sprintf("%+v %+v", b.Image, b.events)
	for name, c := range canaries {
		if strings.Contains(told, string(c)) {
			t.Errorf("what the build tells has %s", name)
		}
	}
}

// TestAgentWithoutSELinuxModule has semodule fail in the package's scriptlet, which rpm takes for a warning.
func TestAgentWithoutSELinuxModule(t *testing.T) {
	t.Parallel()
	agent := flightctl.Agent{Source: agentSource(t), Binding: flightctl.Late(flightctl.Installer)}
	semodule := func(install string) bootc.Script {
		return bootc.Script{Name: "semodule", Phase: "repos", Body: fmt.Sprintf(`cat >/usr/sbin/semodule <<'END'
#!/bin/sh
case "$*" in
"-s targeted -i "*) %s ;;
"-s targeted -l") cat /var/lib/modules ;;
esac
END
chmod 0755 /usr/sbin/semodule
echo container >/var/lib/modules
`, install)}
	}
	refused(t, bootc.DNF4, from(t).With(agent, semodule("exit 1")), "flightctl_agent", "Features[0].Agent")
	build(t, bootc.DNF4, from(t).With(agent, semodule("echo flightctl_agent >>/var/lib/modules")))
}

// TestAgentBadSecret finds a configuration that no agent can use before anything is built.
func TestAgentBadSecret(t *testing.T) {
	t.Parallel()
	agent := flightctl.Agent{Source: agentSource(t), Binding: flightctl.Early()}
	for name, c := range map[string]struct{ value, says string }{
		// The snippet of upstream's guide for offline installation, which the agent does not understand.
		"another schema": {"enrollment-service:\n  server: https://api.example.com:7443\n  ca-file: /etc/ca.crt\n", "server"},
		"no YAML":        {"a: [", "YAML"},
		"empty":          {"", "enrollment-service"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := try(t, engine(t), bootc.DNF4, from(t).With(agent), bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{
				flightctl.DefaultSecret: bootc.SecretBytes([]byte(c.value))}})
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "Features[0].Agent.Binding.Early: the value of secret \"flightctl-config\" is no config.yaml") {
				t.Errorf("%v", err)
			}
		})
	}
}
