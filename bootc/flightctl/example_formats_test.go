package flightctl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// show prints the files that features put into an image.
func show(features ...bootc.Feature) {
	plan, err := bootc.From("quay.io/acme/base:1").With(features...).Compile(bootc.Base{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range plan.Archives {
		for _, e := range a.Entries {
			text, _ := e.Content.ReadAll()
			fmt.Printf("%s %s\n%s", e.Mode, e.Path, text)
		}
	}
}

// A file that an administrator wrote, with a key that stands in the wrong place, one that is misspelled and one that the
// agent of the image is too old for.
func ExampleCheckConfig() {
	file := []byte(`enrollment-service:
  server: https://agent-api.example.com:7443
  authentication:
    client-certificate: /etc/flightctl/certs/client.crt
    client-key: /etc/flightctl/certs/client.key
default-labels:
  site: 010
statusUpdateInterval: 30s
enrollment-verify-steps: 20
`)
	_, err := flightctl.CheckConfig(file, flightctl.Check{Agent: "1.2.0"})
	for _, e := range bootc.FieldErrors(err) {
		fmt.Println(e)
	}
	// Output:
	// enrollment-service.service.server: line 1: is missing: the URL of the agent's API, such as https://agent-api.example.com:7443
	// enrollment-service.server: line 2: unknown key, which the agent ignores: server goes under enrollment-service.service
	// default-labels[site]: line 7: 010 is no text to the agent, whose YAML makes something else of it: write "010"
	// statusUpdateInterval: line 8: unknown key, which the agent ignores: did you mean status-update-interval?
	// enrollment-verify-steps: line 9: the agent ignores it before version 1.3
}

// What the command line client of the service writes, changed and written again. YAML has the private key; print shows
// none.
func ExampleParseConfig() {
	config, err := flightctl.ParseConfig([]byte(`enrollment-service:
  authentication:
    client-certificate-data: Q0VSVElGSUNBVEUK
    client-key-data: S0VZCg==
  enrollment-ui-endpoint: https://ui.example.com
  service:
    server: https://agent-api.example.com:7443
management-service:
  authentication: {}
  service: {}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	config.DefaultLabels = map[string]string{"site": "lab"}
	config.StatusUpdateInterval = 30 * time.Second
	text, err := config.YAML()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(text))
	fmt.Println(config.EnrollmentService.Authentication.ClientKeyData)
	// Output:
	// enrollment-service:
	//   service:
	//     server: https://agent-api.example.com:7443
	//   authentication:
	//     client-certificate-data: Q0VSVElGSUNBVEUK
	//     client-key-data: S0VZCg==
	//   enrollment-ui-endpoint: https://ui.example.com
	// status-update-interval: 30s
	// default-labels:
	//   site: lab
	// [redacted]
}

// Certificates that will have expired when devices enrol, and others for which it is time.
func ExampleConfig_Validate() {
	config := flightctl.Config{
		EnrollmentService: flightctl.EnrollmentService{
			Service: flightctl.Endpoint{Server: "http://agent-api.example.com:7443", CertificateAuthorityData: exampleCA},
		},
		Settings: flightctl.Settings{
			DefaultLabels:       map[string]string{"site": "Hall 7"},
			LabelFromSystemInfo: map[string]string{"gpu": "gpu"},
		},
	}
	err := config.Validate(flightctl.Check{
		Agent:         "1.2.0",
		Now:           time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
		ValidFor:      10 * 365 * 24 * time.Hour,
		NoCredentials: true,
	})
	for _, e := range bootc.FieldErrors(err) {
		if errors.Is(e, flightctl.ErrExpiresSoon) {
			fmt.Print("warning: ")
		}
		fmt.Println(e)
	}
	// Output:
	// enrollment-service.service.server: "http://agent-api.example.com:7443": must begin with https://
	// warning: enrollment-service.service.certificate-authority-data: CN=Acme Root one: expires soon: on 2126-10-30T06:17:41Z
	// default-labels[site]: "Hall 7" is no label's value, of which the agent makes no label: at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last
	// label-from-systeminfo[gpu]: the device would not get the label: the agent reports gpu only if system-info has it
}

func ExampleConfigDropIn() {
	show(flightctl.ConfigDropIn{Name: "60-lab", Settings: flightctl.Settings{
		LogLevel:      "debug",
		DefaultLabels: map[string]string{"site": "lab"},
		ImagePruning:  flightctl.On(),
	}})
	// Output:
	// -rw-r--r-- /etc/flightctl/conf.d/60-lab.yaml
	// log-level: debug
	// default-labels:
	//   site: lab
	// image-pruning:
	//   enabled: true
}

func ExampleParseSettings() {
	_, err := flightctl.ParseSettings([]byte("status-update-interval: 30s\nmetrics-enabled: false\n"))
	fmt.Println(err)
	// Output:
	// status-update-interval: line 1: the agent takes this key from config.yaml only, and ignores it in conf.d
	// metrics-enabled: line 2: false changes nothing in conf.d: the agent takes it as if it were not there
}

// Two facts that a device reports; a package brings the script of the second one.
func ExampleCustomInfo() {
	show(
		flightctl.CustomInfo{Key: "siteId", Script: "#!/bin/sh\ncat /etc/acme/site\n"},
		flightctl.CustomInfo{Key: "gpuDriver"},
	)
	// Output:
	// -rw-r--r-- /etc/flightctl/conf.d/50-bootloom-custom-info.yaml
	// system-info-custom:
	//   - gpuDriver
	//   - siteId
	// -rwxr-xr-x /usr/lib/flightctl/custom-info.d/siteId
	// #!/bin/sh
	// cat /etc/acme/site
}

// A program reloads its configuration when the service changes it, unless the device has rebooted anyway.
func ExampleHook() {
	show(flightctl.Hook{Stage: flightctl.AfterUpdating, Name: "20-app", Actions: []flightctl.HookAction{{
		Run:     `/usr/libexec/app/reload "${ Path }"`,
		Timeout: time.Minute,
		If: []flightctl.HookCondition{
			{Path: "/etc/app/", Op: []flightctl.FileOp{flightctl.Created, flightctl.Updated}},
			{Rebooted: new(false)},
		},
	}}})
	show(flightctl.Hook{Stage: flightctl.BeforeRebooting, Name: "10-drain", Actions: []flightctl.HookAction{{
		Run: "drain | tee /var/log/drain",
		If:  []flightctl.HookCondition{{Path: "/etc/app", Op: []flightctl.FileOp{flightctl.Created}}},
	}}})
	// Output:
	// -rw-r--r-- /usr/lib/flightctl/hooks.d/afterupdating/20-app.yaml
	// - run: /usr/libexec/app/reload "${ Path }"
	//   timeout: 1m0s
	//   if:
	//     - path: /etc/app/
	//       op:
	//         - created
	//         - updated
	//     - rebooted == false
	// Features[0].Hook.Actions[0].run: has "|", but no shell reads it: write sh -c '…'
	// Features[0].Hook.Actions[0].if[0]: is never met: the agent knows no files that changed at beforerebooting
}

func ExampleCheckHooks() {
	_, err := flightctl.CheckHooks([]byte(`- run: systemctl restart app
  if: [{path: /etc/app/, ops: [created]}]
- run: sh -c 'systemctl reload app'
  env: {LC_ALL: C}
`), flightctl.AfterUpdating)
	fmt.Println(err)
	// Output:
	// [0].if[0].ops: line 2: unknown key, which the agent ignores: did you mean op?
	// [0].if[0].op: line 2: is empty, and never met: it is one or more of created, updated, removed
	// [1].env: line 4: unknown key, which the agent ignores: did you mean envVars?
}

func ExampleCertDropIn() {
	show(flightctl.CertDropIn{Name: "mqtt", CertPath: "/var/lib/mqtt/tls.crt", KeyPath: "/var/lib/mqtt/tls.key", RenewBefore: 30 * 24 * time.Hour})
	// Output:
	// -rw-r--r-- /etc/flightctl/certs.d/mqtt.yaml
	// - name: mqtt
	//   provisioner:
	//     type: csr
	//     config:
	//       signer: flightctl.io/device-svc-client
	//       common-name: mqtt-{{.DEVICE_ID}}
	//   storage:
	//     type: filesystem
	//     config:
	//       cert-path: /var/lib/mqtt/tls.crt
	//       key-path: /var/lib/mqtt/tls.key
	//   renewBefore: 2592000000000000
}

func ExampleKinds() {
	codec := bootc.Codec{Kinds: flightctl.Kinds()}
	spec := bootc.From("quay.io/acme/base:1").With(flightctl.CustomInfo{Key: "gpuDriver"})
	text, err := codec.Marshal(spec)
	fmt.Println(string(text), err)
	// Output:
	// {"Base":"quay.io/acme/base:1","Features":[{"kind":"flightctl.CustomInfo","Key":"gpuDriver"}]} <nil>
}

// The service's API gives a configuration as JSON, with the same keys.
func ExampleConfig_UnmarshalJSON() {
	var config flightctl.Config
	err := json.Unmarshal([]byte(`{"enrollment-service": {"service": {"server": "https://agent-api.example.com:7443"}}}`), &config)
	fmt.Println(config.EnrollmentService.Service.Server, err)
	// Output:
	// https://agent-api.example.com:7443 <nil>
}

// A version that is not known is taken for the newest.
func ExampleVersion_AtLeast() {
	for _, v := range []flightctl.Version{"1.2.0", "v1.3.0-rc4", "1.10.1-1.el9", ""} {
		fmt.Printf("%q %t\n", v, v.AtLeast(1, 3))
	}
	// Output:
	// "1.2.0" false
	// "v1.3.0-rc4" true
	// "1.10.1-1.el9" true
	// "" true
}

const exampleCA = `-----BEGIN CERTIFICATE-----
MIIBhTCCAS2gAwIBAgIUJ2CJZxNaBogSrKLI+GpkwbfRu4MwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNQWNtZSBSb290IG9uZTAgFw0yNjExMjMwNjE3NDFaGA8yMTI2
MTAzMDA2MTc0MVowGDEWMBQGA1UEAwwNQWNtZSBSb290IG9uZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABFL7rIzmNtnAXMTIaQVcfDxISU8VHQ/BflnuKFliuRdY
0DxHQt0geN/1CdACnPnB/BJxTZmxKqfFjXl23PLOIFujUzBRMB0GA1UdDgQWBBT0
4De6sWBTnipIU0nUPCoTdFnBnzAfBgNVHSMEGDAWgBT04De6sWBTnipIU0nUPCoT
dFnBnzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0YAMEMCH2zqj01IR7aM
4Z8VnZnRaW3FFQdi1yawW3aZAhQyHagCIArYcE3lxoUpKSILkrM1LuRvf488DIaZ
x/SI3SCKyxWo
-----END CERTIFICATE-----
`
