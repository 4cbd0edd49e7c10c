package lint

import (
	"strings"
	"testing"
)

// TestFindSecrets has one secret of each kind, put together here so that no scanner takes this file for a leak, and
// beside it what only looks like one.
func TestFindSecrets(t *testing.T) {
	const mixed = "q7Rk2VtLmP9xWc4ZbJ8nYs3DfGh5KuT6aEe1Qo0iXwNvCrBzMpLd"
	hex := strings.Repeat("9f3c61a7e2b8d405", 4)
	key := "-----BEGIN " + "PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n"
	for want, texts := range map[string][]string{
		"a private key": {key, "x: |\n  " + strings.ReplaceAll(key, "\n", "\n  "), `{"private_key": "` + strings.ReplaceAll(key, "\n", `\n`) + `"}`,
			"-----BEGIN " + "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + mixed + "\n",
			"-----BEGIN " + "ENCRYPTED SIGSTORE PRIVATE KEY-----\n" + mixed},
		"the key of a client certificate": {"client-key-data: " + mixed, `"client-key-data": "` + mixed + `"`},
		"a login for a registry":          {`{"auths":{"quay.io":{"auth":"YWNtZTpxN1JrMlZ0TA=="}}}`},
		"an access key of AWS":            {"AKI" + "AQ7RK2VTLMP4XWCZB"},
		"a secret key of AWS":             {"aws_secret_access_key = " + mixed[:40]},
		"a token of GitHub":               {"gh" + "p_" + mixed[:36], "github" + "_pat_" + mixed[:22] + "_" + mixed + mixed[:7]},
		"a token of GitLab":               {"gl" + "pat-" + mixed[:20]},
		"a token of Slack":                {"xox" + "b-" + mixed[:30]},
		"a webhook of Slack":              {"https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/" + mixed[:24]},
		"a key of Stripe":                 {"sk" + "_live_" + mixed[:24]},
		"a key of Google":                 {"AI" + "za" + mixed[:35]},
		"a token of Docker":               {"dckr" + "_pat_" + mixed[:27]},
		"a token of Vault":                {"hv" + "s." + mixed[:30]},
		"a JSON web token":                {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJlZGdlIiwiaWF0IjoxfQ." + mixed[:43]},
		"a token of npm":                  {"np" + "m_" + mixed[:36]},
		"a token of PyPI":                 {"pypi" + "-AgEIcHlwaS5vcmc" + mixed},
		"a token of DigitalOcean":         {"dop" + "_v1_" + hex},
		"a key of SendGrid":               {"S" + "G." + mixed[:22] + "." + mixed[:43]},
		"a key of Anthropic":              {"sk" + "-ant-api03-" + mixed},
		"a key of OpenAI":                 {"sk" + "-proj-" + mixed},
		"a token of Hugging Face":         {"h" + "f_" + mixed[:34]},
		"the key of an Azure account":     {"AccountKey=" + (mixed + mixed)[:86] + "=="},
		"a key of age":                    {"AGE-SECRET" + "-KEY-1" + strings.ToUpper((mixed + mixed)[:58])},
		"a key of Tailscale":              {"tskey" + "-auth-" + mixed[:30]},
		"a token of OpenShift":            {"sha" + "256~" + mixed[:43]},
		"a token of Grafana":              {"glsa" + "_" + mixed[:32] + "_1a2b3c4d"},
		"a password in a URL":             {"https://ci:" + mixed[:12] + "@git.acme.example/os.git"},
	} {
		for _, text := range texts {
			got := findSecrets([]byte("first line\n" + text + "\n"))
			if len(got) != 1 || got[0].what != want || got[0].line < 2 {
				t.Errorf("%s: found %+v", want, got)
			}
		}
	}
	for _, text := range []string{
		"-----BEGIN PRIVATE KEY-----",
		"awk '/-----BEGIN RSA PRIVATE KEY-----/,/-----END/'",
		"-----BEGIN PRIVATE KEY-----\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		"-----BEGIN PUBLIC KEY-----\n" + mixed,
		"AKIA" + "IOSFODNN7EXAMPLE",
		"ghp_" + strings.Repeat("x", 36),
		"glpat-" + "your-token-goes-here-now",
		`{"auths": {}, "credHelpers": {"quay.io": "acme"}}`,
		"https://user:$PASSWORD@git.acme.example/", "https://user:<password>@git.acme.example/",
		"http://[::1]:8080/x@y.example", "https://quay.io/acme:1.2@sha256.example",
		"sha256:" + hex, "eyJub3QiOiJhIHRva2VuIn0.eyJub3QiOiJhIHRva2VuIn0." + mixed[:30],
		"eyJrest", "hf_transfer", "SG.ui", "npm_config_cache",
	} {
		if got := findSecrets([]byte(text)); len(got) > 0 {
			t.Errorf("%q: found %+v", text, got)
		}
	}
	if n := len(shortLiterals); n > maxLiterals {
		t.Errorf("%d literals: bits are for %d", n, maxLiterals)
	}
}

// FuzzSecrets wants positions and redaction to hold for any text.
func FuzzSecrets(f *testing.F) {
	f.Add([]byte("-----BEGIN " + "RSA PRIVATE KEY-----\n\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"))
	f.Add([]byte(`{"auths":{"x":{"auth":"abcdefgh"}}} eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJlZGdlIiwiaWF0IjoxfQ.q7Rk2VtLmP9xWc4ZbJ8nYs3`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range findSecrets(text) {
			if s.value == "" || s.line < 1 || !strings.Contains(string(text), s.value) {
				t.Errorf("%+v in %q", s, text)
			}
			if shown := redactAll(string(text)); len(s.value) > 20 && strings.Contains(shown, s.value) {
				t.Errorf("%q is still in %q", s.value, shown)
			}
		}
		hasLogin(text)
	})
}

func TestMentions(t *testing.T) {
	for p, want := range map[string]bool{
		"/usr/share/doc/acme/key": true, "/usr/lib/python3/x/tests/data/a.p12": true, "/opt/acme/client_test.go": true, "/opt/acme/test_data/key": true,
		"/usr/lib/acme/README.md": true, "/usr/lib/python3/jwt.dist-info/METADATA": true, "/opt/acme/key-example.pem": true,
		"/etc/acme/test.key": false, "/usr/lib/acme/key.pem": false, "/opt/contest/key": false, "/opt/acme/latest/key": false,
	} {
		if mentions(p) != want {
			t.Errorf("%s: %t", p, !want)
		}
	}
}
