package flightctl

import "time"

// Config is the agent's configuration file, /etc/flightctl/config.yaml. The zero value of a field leaves its key out,
// and the agent takes its default. It prints, logs and marshals as JSON without the private keys; YAML writes them.
type Config struct {
	// EnrollmentService is where the agent asks to be enrolled, and with which credentials. Its server is required.
	EnrollmentService EnrollmentService `key:"enrollment-service"`
	// ManagementService is where an enrolled agent gets its specification. The zero value is the enrollment service.
	ManagementService Connection `key:"management-service"`
	// RemoteAccessService is where consoles come from. The zero value is derived from the enrollment service: host
	// agent-api.NAME becomes agent-remote-access.NAME, port 7443 becomes 7444. Since 1.3.
	RemoteAccessService Connection `key:"remote-access-service" since:"1.3"`

	// SpecFetchInterval is how often an agent of 1.0 reads the specification, at least 2 s; the zero value is 60 s. Later ones
	// check it still, but wait for the service instead.
	SpecFetchInterval time.Duration `key:"spec-fetch-interval" until:"1.1"`
	// StatusUpdateInterval is the time between two reports of the device, at least 2 s; the zero value is 60 s.
	StatusUpdateInterval time.Duration `key:"status-update-interval"`

	// EnrollmentVerifyInterval is the first wait between two looks for approval, at least 2 s; the zero value is 10 s.
	// Since 1.3.
	EnrollmentVerifyInterval time.Duration `key:"enrollment-verify-interval" since:"1.3"`
	// EnrollmentVerifyCap is the longest such wait, at least 2 s; the zero value is 1 min. Since 1.3.
	EnrollmentVerifyCap time.Duration `key:"enrollment-verify-cap" since:"1.3"`
	// EnrollmentVerifySteps is how often the agent looks before systemd restarts it; the zero value is 6. Since 1.3.
	EnrollmentVerifySteps int `key:"enrollment-verify-steps" since:"1.3"`

	// PullTimeout is the time that one image or artifact may take to be pulled; the zero value is 10 min, which a large
	// layer on a slow link can exceed.
	PullTimeout time.Duration `key:"pull-timeout"`
	// PullRetrySteps is how often a pull is tried; the zero value is 6.
	PullRetrySteps int `key:"pull-retry-steps"`

	// Settings are the keys that files of conf.d can change.
	Settings
}

// Settings are the keys of the configuration that the agent also takes from /etc/flightctl/conf.d; it ignores all
// others there without a word. See ConfigDropIn.
type Settings struct {
	// LogLevel is "panic", "fatal", "error", "warn", "info", "debug" or "trace"; the zero value is "info".
	LogLevel string `key:"log-level"`
	// LogPrefix stands before each line of the log.
	LogPrefix string `key:"log-prefix"`

	// DefaultLabels are the labels that the agent proposes when it enrolls. Label "alias" is the host name if it is not set.
	DefaultLabels map[string]string `key:"default-labels"`
	// LabelFromSystemInfo are further labels with the system information that gives their value: {"arch":
	// "architecture", "site": "customInfo.siteId"}. DefaultLabels win. Since 1.2.
	LabelFromSystemInfo map[string]string `key:"label-from-systeminfo" since:"1.2"`

	// SystemInfo are the built-in facts about the device that it reports. Nil is the agent's own choice; an empty list
	// reports none.
	SystemInfo []string `key:"system-info"`
	// SystemInfoCustom are the keys of scripts in /usr/lib/flightctl/custom-info.d whose output the device reports.
	// Feature CustomInfo adds script and key together.
	SystemInfoCustom []string `key:"system-info-custom"`
	// SystemInfoTimeout is the time that collecting them may take, at most 2 min, which also is the zero value.
	SystemInfoTimeout time.Duration `key:"system-info-timeout"`

	// TPM keeps the device's identity in its TPM.
	TPM TPM `key:"tpm"`
	// Audit is the log of what the agent applied, /var/log/flightctl/audit.log; the zero value is on.
	Audit Switch `key:"audit"`
	// ImagePruning removes images that no longer are in use; the zero value is off. Since 1.1.
	ImagePruning Switch `key:"image-pruning" since:"1.1"`

	// MetricsEnabled serves metrics of the agent at 127.0.0.1:15690.
	MetricsEnabled bool `key:"metrics-enabled"`
	// ProfilingEnabled serves Go profiles of the agent at 127.0.0.1:15689.
	ProfilingEnabled bool `key:"profiling-enabled"`

	// StatusUpdateJitter is the longest random wait before the first report after a start, so that a fleet does not
	// report at once. It is at most the StatusUpdateInterval, which nil stands for; 0 does not wait. Since 1.4.
	StatusUpdateJitter *time.Duration `key:"status-update-jitter" since:"1.4"`
	// SpecFetchErrorBaseDelay is the first wait after the service could not be reached, at least 2 s; the zero value is
	// 5 s. Since 1.4.
	SpecFetchErrorBaseDelay time.Duration `key:"spec-fetch-error-base-delay" since:"1.4"`
	// SpecFetchErrorMaxDelay is the longest such wait; the zero value is 5 min. Since 1.4.
	SpecFetchErrorMaxDelay time.Duration `key:"spec-fetch-error-max-delay" since:"1.4"`
}

// EnrollmentService is a Connection with the address of the page that approves devices.
type EnrollmentService struct {
	// Service is where it is: the API for agents, https://agent-api.NAME:7443 in upstream's deployments. Required.
	Service Endpoint `key:"service"`
	// Authentication is the certificate by which a device may ask to be enrolled, with its key.
	Authentication Authentication `key:"authentication"`
	// Organization is the UUID of the organization that the device joins; the zero value is the default one.
	Organization string `key:"organization"`
	// EnrollmentUIEndpoint is the https URL that the device shows, as text and QR code, to whom shall approve it. The
	// zero value is the server.
	EnrollmentUIEndpoint string `key:"enrollment-ui-endpoint"`
}

// Connection says how to reach a service of Flight Control.
type Connection struct {
	// Service is where it is.
	Service Endpoint `key:"service"`
	// Authentication is how the agent shows who it is.
	Authentication Authentication `key:"authentication"`
	// Organization is a UUID; the zero value is the default organization.
	Organization string `key:"organization"`
}

// Endpoint is a server and how to know that it is the right one.
type Endpoint struct {
	// Server is an https URL: https://agent-api.example.com:7443.
	Server string `key:"server"`
	// TLSServerName is the name that the server's certificate must have, if it is not the host of Server.
	TLSServerName string `key:"tls-server-name"`
	// CertificateAuthority is a file of the device with the CA certificates that the server's one must come from; a
	// relative path starts at /etc/flightctl. With neither this nor the next, the CAs are those of the system.
	CertificateAuthority string `key:"certificate-authority"`
	// CertificateAuthorityData are these certificates themselves. One of the two.
	CertificateAuthorityData PEM `key:"certificate-authority-data"`
	// InsecureSkipVerify talks to any server, whoever it is. It is for tests.
	InsecureSkipVerify bool `key:"insecureSkipVerify"`
}

// Authentication are the credentials of the agent. For the enrollment service it is a certificate that many devices
// share; the certificate for the management service comes from enrollment, so there it stays empty.
type Authentication struct {
	// ClientCertificate is a file of the device, and ClientCertificateData the certificate itself, with those between it
	// and its CA. One of the two.
	ClientCertificate     string `key:"client-certificate"`
	ClientCertificateData PEM    `key:"client-certificate-data"`
	// ClientKey is a file of the device, and ClientKeyData the private key itself. One of the two.
	ClientKey     string     `key:"client-key"`
	ClientKeyData PrivateKey `key:"client-key-data"`
}

// TPM says how the agent uses the device's TPM 2.0.
type TPM struct {
	// Enabled keeps the device's identity in the TPM.
	Enabled bool `key:"enabled"`
	// DevicePath is the TPM's device; the zero value is /dev/tpm0.
	DevicePath string `key:"device-path" empty:"no"`
	// AuthEnabled protects the owner hierarchy by a password; it needs Enabled.
	AuthEnabled bool `key:"auth-enabled"`
	// StorageFilePath is where the agent keeps its handles; the zero value is /var/lib/flightctl/tpm-blob.yaml.
	StorageFilePath string `key:"storage-file-path" empty:"no"`
}

// Switch turns something on or off: see On and Off. With the zero value the agent's default holds.
type Switch struct {
	// Enabled is nil for the agent's default.
	Enabled *bool `key:"enabled"`
}

// On is a Switch that turns on what is off by default.
func On() Switch { return Switch{Enabled: new(true)} }

// Off is a Switch that turns off what is on by default.
func Off() Switch { return Switch{Enabled: new(false)} }
