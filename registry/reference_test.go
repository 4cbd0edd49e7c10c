package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/registry"
)

const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

func TestHostileReferences(t *testing.T) {
	for in, why := range map[string]string{
		"":                                   "it is empty",
		"fedora":                             "does not begin with the host",
		"library/fedora":                     "does not begin with the host",
		"docker://quay.io/acme/os":           "leave out docker://",
		"https://quay.io/acme/os":            "leave out https://",
		"oci:/tmp/x":                         "oci: is a transport",
		"quay.io":                            "does not begin with the host",
		"quay.io/":                           "",
		":5000/os":                           "",
		"127.0.0.1:port/os":                  "",
		"quay.io/Acme/os":                    "lowercase",
		"quay.io/acme/os:":                   "",
		"quay.io/acme/os:a:b":                "",
		"quay.io/acme/os tag":                "",
		" quay.io/acme/os":                   "",
		"quay.io/acme/os\n":                  "",
		"quay.io/../etc/passwd":              "",
		"quay.io/acme/..":                    "",
		"quay.io//os":                        "",
		"quay.io/acme/$(reboot)":             "",
		"quay.io/acme/os;reboot":             "",
		"quay.io/acme/os?x=1":                "",
		"quay.io/acme/os#x":                  "",
		"user:password@quay.io/acme/os":      "logins go to Client.Credentials",
		"quay.io/acme/os@sha256:12":          "",
		"quay.io/acme/os@md5:" + zeros[7:39]: "",
		"quay.io/acme/os:" + strings.Repeat("a", 129): "",
		"quay.io/" + strings.Repeat("a", 300):         "255",
		strings.Repeat("a.", 100000) + "io/x":         "",
		"https://user:password@quay.io/acme/os":       "leave out https://",
		"quay.io/acme/ös":                             "",
		"quay.io/acme/\x00":                           "",
		"quay.io/acme/\xff":                           "",
	} {
		_, err := registry.Client{Anonymous: true}.Resolve(t.Context(), in, "")
		if !errors.Is(err, registry.ErrInvalidReference) {
			t.Errorf("%.80q: error %.300v", in, err)
			continue
		}
		if s := err.Error(); !strings.Contains(s, "want registry/repository[:tag]") || !strings.Contains(s, why) || len(s) > 1000 || strings.Contains(s, "password") {
			t.Errorf("%.80q: error of %d bytes does not say %q: %.600s", in, len(s), why, s)
		}
	}
}

func TestTagAndDigest(t *testing.T) {
	// The digest decides: the error names it, and no tag.
	_, err := registry.Client{Anonymous: true}.GetManifest(t.Context(), "127.0.0.1:1/os:1@"+zeros)
	if err == nil || !strings.Contains(err.Error(), "/v2/os/manifests/"+zeros) {
		t.Errorf("error %v", err)
	}
	for _, to := range []string{"127.0.0.1:1/os@" + zeros, "127.0.0.1:1/os:1@" + zeros} {
		if _, err := (registry.Client{}).Copy(t.Context(), "127.0.0.1:1/os:1", to, registry.CopyOptions{}); !errors.Is(err, registry.ErrInvalidReference) {
			t.Errorf("%s: error %v", to, err)
		}
	}
}
