package flightctl_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// agents are the versions that can be asked.
var agents = []string{testkit.FlightctlV10, testkit.FlightctlV12}

// verdict is what a real agent makes of its files: the configuration that it loaded, without the two services, or the
// reason for which it ended.
type verdict struct {
	loaded map[string]any
	ended  string
	log    string
}

var (
	loadedLine = regexp.MustCompile(`(?m)^.* msg="Loaded configuration: (\{.*\})" *$`)
	fatalLine  = regexp.MustCompile(`(?m)^.* level=fatal msg="(.*?)"( file=.*)?$|^panic: (.*)$`)
)

// ask starts the agent of a version on files, and waits until it has loaded them and made its clients, or has ended.
func ask(t *testing.T, version string, files fstest.MapFS) verdict {
	t.Helper()
	agent := testkit.NewAgent(t, version, files)
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		ended := agent.Ended(ctx)
		cancel()
		v := verdict{log: agent.Log()}
		if m := loadedLine.FindStringSubmatch(v.log); m != nil {
			text, err := strconv.Unquote(`"` + m[1] + `"`)
			if err != nil {
				text = m[1]
			}
			if err := json.Unmarshal([]byte(text), &v.loaded); err != nil {
				t.Fatalf("%v in %s", err, m[1])
			}
		}
		if ended {
			m := fatalLine.FindStringSubmatch(v.log)
			if m == nil {
				t.Fatalf("%s ended without a reason:\n%s", version, v.log)
			}
			v.ended = m[1] + m[3]
			return v
		}
		if strings.Contains(v.log, `msg="Bootstrapping device`) {
			return v
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not get going:\n%s", version, v.log)
		}
	}
}

const service = "enrollment-service: {service: {server: 'https://127.0.0.1:1'}}\n"

// TestAgentRefuses gives the real agent what we refuse. Some of it the agent refuses too, when the device boots; the rest
// it takes for something else than what is meant.
func TestAgentRefuses(t *testing.T) {
	for _, c := range []struct {
		name, config, confD string
		path                string         // of our error
		refused             string         // by the agent, with this in its reason
		loaded              map[string]any // by the agent, if it does not refuse; nil says that a key is not there
	}{
		{name: "empty", path: "enrollment-service.service.server", refused: "unable to read certificate-authority /etc/flightctl/certs/ca.crt"},
		{name: "the guide's snippet", config: "enrollment-service:\n  server: https://flightctl.example.com:7443\n  authentication:\n    client-certificate-file: /etc/flightctl/certs/agent.crt\n",
			path: "enrollment-service.server", refused: "unable to read certificate-authority /etc/flightctl/certs/ca.crt"},
		{name: "short interval", config: service + "status-update-interval: 1s\n", path: "status-update-interval", refused: "minimum status update interval is 2s"},
		{name: "interval without unit", config: service + "status-update-interval: 60\n", path: "status-update-interval", refused: "cannot unmarshal number"},
		{name: "system-info-timeout", config: service + "system-info-timeout: 3m\n", path: "system-info-timeout", refused: "cannot exceed 2m0s"},
		{name: "tpm auth", config: service + "tpm: {auth-enabled: true}\n", path: "tpm.auth-enabled", refused: "cannot enable TPM password"},
		{name: "list for text", config: service + "log-level: [a]\n", path: "log-level", refused: "cannot unmarshal array"},
		{name: "not YAML", config: service + "log-level: [\n", path: "", refused: "error converting YAML to JSON"},
		{name: "null labels", config: service + "default-labels:\n", confD: "default-labels: {a: b}\n", path: "default-labels", refused: "assignment to entry in nil map"},
		{name: "no https", config: "enrollment-service: {service: {server: '127.0.0.1:1'}}\n", path: "enrollment-service.service.server", refused: "invalid server format"},
		{name: "no host", config: "enrollment-service: {service: {server: 'https://:1'}}\n", path: "enrollment-service.service.server", refused: "no hostname"},
		{name: "organization", config: "enrollment-service: {service: {server: 'https://127.0.0.1:1'}, organization: acme}\n", path: "enrollment-service.organization", refused: "invalid organization ID"},
		{name: "CA twice", config: "enrollment-service: {service: {server: 'https://127.0.0.1:1', certificate-authority: ca.crt, certificate-authority-data: QUFBQQ==}}\n",
			path: "enrollment-service.service.certificate-authority", refused: "certificate-authority-data and certificate-authority are both specified"},
		{name: "CA that is none", config: "enrollment-service: {service: {server: 'https://127.0.0.1:1', certificate-authority-data: QUFBQQ==}}\n",
			path: "enrollment-service.service.certificate-authority-data", refused: "parsing CA certs"},
		{name: "certificate that is none", config: "enrollment-service: {service: {server: 'https://127.0.0.1:1'}, authentication: {client-certificate-data: QUFBQQ==, client-key-data: QUFBQQ==}}\n",
			path: "enrollment-service.authentication.client-certificate-data", refused: "parsing client cert and key"},
		{name: "certificate without key", config: "enrollment-service: {service: {server: 'https://127.0.0.1:1'}, authentication: {client-certificate-data: QUFBQQ==}}\n",
			path: "enrollment-service.authentication", refused: "client-key-data or client-key must be specified"},
		{name: "PEM for base64", config: "enrollment-service: {service: {server: 'https://127.0.0.1:1', certificate-authority-data: '-----BEGIN CERTIFICATE-----'}}\n",
			path: "enrollment-service.service.certificate-authority-data", refused: "illegal base64"},
		{name: "management service without server", config: service + "management-service: {service: {tls-server-name: localhost}}\n",
			path: "management-service.service.server", refused: "no server found"},
		{name: "management certificate as data", config: service + "management-service: {service: {server: 'https://127.0.0.1:2'}, authentication: {client-certificate-data: QUFBQQ==, client-key-data: QUFBQQ==}}\n",
			path: "management-service.authentication", refused: "failed to ensure key"},

		{name: "unknown key", config: service + "metric-enabled: true\n", path: "metric-enabled", loaded: map[string]any{"metric-enabled": nil, "metrics-enabled": nil}},
		{name: "key in another case", config: service + "Metrics-Enabled: true\n", path: "Metrics-Enabled", loaded: map[string]any{"metrics-enabled": true}},
		{name: "key twice", config: service + "log-level: debug\nlog-level: info\n", path: "log-level", loaded: map[string]any{"log-level": "info"}},
		{name: "second document", config: service + "log-level: debug\n---\nlog-level: info\n", path: "", loaded: map[string]any{"log-level": "debug"}},
		{name: "log level that is none", config: service + "log-level: verbose\n", path: "log-level", loaded: map[string]any{"log-level": "verbose"}},
		{name: "null list", config: service + "system-info:\n", path: "system-info", loaded: map[string]any{"system-info": nil}},
		{name: "no tries", config: service + "pull-retry-steps: 0\n", path: "pull-retry-steps", loaded: map[string]any{"pull-retry-steps": nil}},
		{name: "YAML 1.1", config: service + "default-labels: {a: on, b: 010, c: 1.10, n: x}\n", path: "default-labels[a]",
			loaded: map[string]any{"default-labels": map[string]any{"a": "true", "b": "8", "c": "1.1", "false": "x"}}},
		{name: "http", config: "enrollment-service: {service: {server: 'http://127.0.0.1:1'}}\n", path: "enrollment-service.service.server", loaded: map[string]any{}},
		{name: "key without certificate", config: "enrollment-service: {service: {server: 'https://127.0.0.1:1'}, authentication: {client-key-data: QUFBQQ==}}\n",
			path: "enrollment-service.authentication", loaded: map[string]any{}},
		{name: "insecureSkipVerify alone", config: service + "management-service: {service: {insecureSkipVerify: true}}\n",
			path: "management-service.service.insecureSkipVerify", loaded: map[string]any{}},
		{name: "label that is none", config: service + "default-labels: {site: 'Lab 7'}\n", path: "default-labels[site]", loaded: map[string]any{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := flightctl.CheckConfig([]byte(c.config), flightctl.Check{NoCredentials: true})
			if !slices.ContainsFunc(bootc.FieldErrors(err), func(e *bootc.FieldError) bool { return e.Path == c.path }) {
				t.Errorf("our error is\n%v\nand has none at %s", err, c.path)
			}
			for _, version := range agents {
				files := fstest.MapFS{"etc/flightctl/config.yaml": {Data: []byte(c.config)}}
				if c.confD != "" {
					files["etc/flightctl/conf.d/a.yaml"] = &fstest.MapFile{Data: []byte(c.confD)}
				}
				got := ask(t, version, files)
				if c.refused == "" && got.ended != "" || !strings.Contains(got.ended, c.refused) {
					t.Errorf("%s says %q, not %q", version, got.ended, c.refused)
				}
				compareLoaded(t, version, got.loaded, c.loaded)
			}
		})
	}
}

func compareLoaded(t *testing.T, version string, got, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if !reflect.DeepEqual(got[key], value) {
			t.Errorf("%s loaded %s: %v, not %v", version, key, got[key], value)
		}
	}
}

// TestAgentTakes gives the real agent what Config.YAML writes. It must load all of it, but what Validate says it ignores.
func TestAgentTakes(t *testing.T) {
	pki := newPKI(t)
	labels := map[string]string{"empty": ""}
	for _, s := range textsLikeOther {
		labels["l."+strconv.Itoa(len(labels))] = s
		if labelKey.MatchString(s) {
			labels[s] = "x"
		}
	}
	enrollment := flightctl.EnrollmentService{
		Service:        flightctl.Endpoint{Server: "https://127.0.0.1:1", CertificateAuthorityData: pki.ca, TLSServerName: "localhost"},
		Authentication: flightctl.Authentication{ClientCertificateData: pki.cert, ClientKeyData: pki.key},
		Organization:   "00000000-0000-0000-0000-000000000000", EnrollmentUIEndpoint: "https://ui.example.com",
	}
	for name, c := range map[string]flightctl.Config{
		"least": {EnrollmentService: enrollment},
		"files": {EnrollmentService: flightctl.EnrollmentService{
			Service:        flightctl.Endpoint{Server: "https://127.0.0.1:1", CertificateAuthority: "certs/ca.crt"},
			Authentication: flightctl.Authentication{ClientCertificate: "/etc/flightctl/certs/client.crt", ClientKey: "/etc/flightctl/certs/client.key"},
		}},
		"labels": {EnrollmentService: enrollment, Settings: flightctl.Settings{DefaultLabels: labels}},
		"off":    {EnrollmentService: enrollment, Settings: flightctl.Settings{Audit: flightctl.Off(), ImagePruning: flightctl.Off(), SystemInfo: []string{}}},
		"all": {
			EnrollmentService:        enrollment,
			ManagementService:        flightctl.Connection{Service: flightctl.Endpoint{Server: "https://127.0.0.1:2", CertificateAuthorityData: pki.ca}},
			RemoteAccessService:      flightctl.Connection{Service: flightctl.Endpoint{Server: "https://127.0.0.1:3"}},
			SpecFetchInterval:        2 * time.Second,
			StatusUpdateInterval:     90 * time.Second,
			EnrollmentVerifyInterval: 2 * time.Second, EnrollmentVerifyCap: time.Hour, EnrollmentVerifySteps: 4,
			PullTimeout: 1500 * time.Millisecond, PullRetrySteps: 1,
			Settings: flightctl.Settings{
				LogLevel: "debug", LogPrefix: "- [x]: #",
				DefaultLabels:       map[string]string{"example.com/site": "7"},
				LabelFromSystemInfo: map[string]string{"arch": "architecture", "gpu": "gpu", "site": "customInfo.siteId"},
				SystemInfo:          []string{"hostname", "gpu"},
				SystemInfoCustom:    []string{"siteId"},
				SystemInfoTimeout:   2 * time.Minute,
				TPM:                 flightctl.TPM{DevicePath: "/dev/tpmrm0", StorageFilePath: "/var/lib/flightctl/tpm.yaml"},
				Audit:               flightctl.On(), ImagePruning: flightctl.On(),
				StatusUpdateJitter: new(time.Duration(0)), SpecFetchErrorBaseDelay: 2 * time.Second, SpecFetchErrorMaxDelay: time.Hour,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.Validate(flightctl.Check{Now: time.Now()}); err != nil {
				t.Fatal(err)
			}
			text, err := c.YAML()
			if err != nil {
				t.Fatal(err)
			}
			for _, version := range agents {
				got := ask(t, version, fstest.MapFS{
					"etc/flightctl/config.yaml":      {Data: text, Mode: 0o600},
					"etc/flightctl/certs/ca.crt":     {Data: []byte(pki.ca)},
					"etc/flightctl/certs/client.crt": {Data: []byte(pki.cert)},
					"etc/flightctl/certs/client.key": {Data: pki.key.Reveal()},
				})
				if got.ended != "" {
					t.Errorf("%s says %q of\n%s", version, got.ended, text)
				}
				checkKeys(t, version, c, got.loaded)
			}
		})
	}
}

var labelKey = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)

// checkKeys wants the agent to have loaded each key of ours, and not those that Validate says it ignores.
func checkKeys(t *testing.T, version string, c any, loaded map[string]any) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var ours map[string]any
	if err := json.Unmarshal(text, &ours); err != nil {
		t.Fatal(err)
	}
	switch c := c.(type) {
	case flightctl.Config:
		err = c.Validate(flightctl.Check{Agent: flightctl.Version(version)})
	case flightctl.Settings:
		err = c.Validate(flightctl.Version(version))
	}
	ignored := map[string]bool{}
	for _, e := range bootc.FieldErrors(err) {
		if !errors.Is(e, flightctl.ErrIgnored) {
			t.Errorf("%v", e)
		}
		ignored[e.Path] = true
	}
	for key, want := range ours {
		got, ok := loaded[key]
		switch {
		case key == "enrollment-service" || key == "management-service":
			// the agent does not show them, but has made its clients with them
		case key == "spec-fetch-interval" && ignored[key]:
			// still there, but nothing uses it
		case ignored[key]:
			if reflect.DeepEqual(got, want) {
				t.Errorf("%s loaded %s: %v, which we say it ignores", version, key, got)
			}
		case reflect.DeepEqual(want, []any{}) && !ok:
			// the agent shows no empty list, but it shows its default
		case !ok || !contained(got, want):
			t.Errorf("%s loaded %s: %v, not %v", version, key, got, want)
		}
	}
}

// contained tells whether got is want, or a map with all of want.
func contained(got, want any) bool {
	w, ok := want.(map[string]any)
	if !ok {
		return reflect.DeepEqual(got, want)
	}
	g, _ := got.(map[string]any)
	for k, v := range w {
		if !reflect.DeepEqual(g[k], v) {
			return false
		}
	}
	return true
}

// TestAgentConfD gives the real agent files of conf.d: all Settings, and what ParseSettings refuses.
func TestAgentConfD(t *testing.T) {
	all := flightctl.Settings{
		LogLevel: "debug", LogPrefix: "edge",
		DefaultLabels:       map[string]string{"a": "confd", "b": "confd"},
		LabelFromSystemInfo: map[string]string{"arch": "architecture"},
		SystemInfo:          []string{}, SystemInfoCustom: []string{"siteId"}, SystemInfoTimeout: time.Minute,
		TPM:   flightctl.TPM{DevicePath: "/dev/tpmrm0", StorageFilePath: "/var/lib/flightctl/tpm.yaml"},
		Audit: flightctl.Off(), ImagePruning: flightctl.On(),
	}
	text, err := all.YAML()
	if err != nil {
		t.Fatal(err)
	}
	base := service + "system-info: [hostname]\nsystem-info-custom: [a, b]\ndefault-labels: {a: base, c: base}\n"
	for _, version := range agents {
		got := ask(t, version, fstest.MapFS{"etc/flightctl/config.yaml": {Data: []byte(base)}, "etc/flightctl/conf.d/50-site.yaml": {Data: text}})
		checkKeys(t, version, all, got.loaded)
		compareLoaded(t, version, got.loaded, map[string]any{"default-labels": map[string]any{"a": "confd", "b": "confd", "c": "base"}})
	}

	ignored := "enrollment-service: {service: {server: 'not a URL'}}\nstatus-update-interval: 30s\npull-timeout: 1m\npull-retry-steps: 2\nmetrics-enabled: false\n" +
		"tpm: {enabled: false}\n"
	_, err = flightctl.ParseSettings([]byte(ignored))
	if n := len(bootc.FieldErrors(err)); n != 6 {
		t.Errorf("%d errors:\n%v", n, err)
	}
	for _, version := range agents {
		got := ask(t, version, fstest.MapFS{
			"etc/flightctl/config.yaml":       {Data: []byte(service + "metrics-enabled: true\n")},
			"etc/flightctl/conf.d/a.yml":      {Data: []byte(ignored)},
			"etc/flightctl/conf.d/b.yaml.bak": {Data: []byte("log-level: debug\n")},
		})
		if got.ended != "" {
			t.Errorf("%s: %s", version, got.ended)
		}
		compareLoaded(t, version, got.loaded, map[string]any{"status-update-interval": "1m0s", "pull-timeout": "10m0s", "pull-retry-steps": 6.0,
			"metrics-enabled": true, "log-level": "info"})
	}
}
