package lint

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
	"sync"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// secretPath are files that are secrets by what they are for.
type secretPath struct {
	what  string
	globs []string
	// holds looks into the content, where it is known; nil for files that are always secret unless they are empty.
	holds func(text []byte) bool
}

var secretPaths = []secretPath{
	{"logins for registries", []string{"/etc/ostree/auth.json", "/usr/lib/ostree/auth.json", "/usr/lib/container-auth.json", "**/containers/auth.json",
		"**/.docker/config.json", "**/.dockercfg", "**/.config/helm/registry/config.json", "/usr/lib/bootloom/pull-secrets/*"}, hasLogin},
	{"a private SSH key", []string{"**/id_rsa", "**/id_dsa", "**/id_ecdsa", "**/id_ed25519"}, having("PRIVATE KEY")},
	{"keys in a key store", []string{"**/*.p12", "**/*.pfx"}, nil},
	{"passwords of the network", []string{"**/.netrc", "**/.git-credentials"}, having("password", "://")},
	{"passwords of PostgreSQL", []string{"**/.pgpass"}, having(":")},
	{"a token of npm", []string{"**/.npmrc"}, having("_authToken=", "_auth=", "_password=")},
	{"a token of PyPI", []string{"**/.pypirc"}, having("password")},
	{"keys of AWS", []string{"**/.aws/credentials"}, having("aws_secret_access_key")},
	{"credentials of Google Cloud", []string{"**/application_default_credentials.json"}, nil},
	{"a login for Kubernetes", []string{"**/.kube/config", "/etc/kubernetes/admin.conf", "**/kubeconfig"}, having("client-key-data", "token:", "password:")},
	{"a token of Vault", []string{"**/.vault-token"}, nil},
	{"a Kerberos key", []string{"/etc/krb5.keytab", "**/*.keytab"}, nil},
	{"the password of a wireless network", []string{"/etc/wpa_supplicant/*.conf"}, matching(`(?m)^[ \t]*(?:psk|password|wep_key\d)=\S`)},
	{"the password of a connection", []string{"/etc/NetworkManager/system-connections/*", "/usr/lib/NetworkManager/system-connections/*"},
		matching(`(?m)^[ \t]*(?:psk|password|wep-key\d|leap-password|private-key-password|phase2-private-key-password|private-key)[ \t]*=[ \t]*[^\s/]`)},
	{"a key of WireGuard", []string{"/etc/wireguard/*.conf", "/etc/systemd/network/*.netdev", "/usr/lib/systemd/network/*.netdev"}, matching(`(?m)^[ \t]*PrivateKey[ \t]*=[ \t]*\S`)},
	{"a key of a Red Hat subscription", []string{"/etc/pki/entitlement/*-key.pem", "/etc/pki/consumer/key.pem"}, nil},
	{"an activation key of Red Hat", []string{"/etc/rhc/.rhc_connect_credentials*"}, nil},
	{"a key of the Flight Control agent", []string{"/etc/flightctl/certs/*.key", "/var/lib/flightctl/certs/*.key"}, nil},
	{"the enrollment key of Flight Control", []string{"/etc/flightctl/config.yaml"}, having("client-key-data")},
	{"a key of LUKS", []string{"/etc/cryptsetup-keys.d/*", "/etc/luks-keys/*"}, nil},
	{"a key of GnuPG", []string{"**/private-keys-v1.d/*.key", "**/secring.gpg"}, nil},
}

// secretWants ask for the content of those files.
func secretWants() []Want {
	var out []Want
	for _, s := range secretPaths {
		for _, g := range s.globs {
			out = append(out, Want{Glob: g, Max: 64 << 10, Quiet: true})
		}
	}
	return out
}

// secretIndex files the patterns under what a path must have: its last element, its extension or its directory.
var secretIndex = sync.OnceValue(func() map[string][]compiledSecret {
	out := map[string][]compiledSecret{}
	for _, s := range secretPaths {
		for _, text := range s.globs {
			g, err := compileGlob(text)
			if err != nil {
				panic(err) // TestSecretPaths would have met it
			}
			key, last := g.prefix+"/", path.Base(text)
			switch {
			case !strings.ContainsAny(last, "*?["):
				key = last
			case g.prefix == "/":
				key = path.Ext(last)
			}
			out[key] = append(out[key], compiledSecret{g, s})
		}
	}
	return out
})

type compiledSecret struct {
	glob
	secretPath
}

// secretName says what secret a file is by its path and content, "" for none. sure is false where its content is not known.
func secretName(f *File) (what string, sure bool) {
	if !f.IsRegular() {
		return "", false
	}
	slash := strings.LastIndexByte(f.Path, '/') + 1
	for _, key := range [...]string{f.Path[slash:], path.Ext(f.Path), f.Path[:slash]} {
		for _, s := range secretIndex()[key] {
			if !s.match(f.Path) {
				continue
			}
			content, known := f.Content()
			switch {
			case !known:
				return s.what, len(f.Part()) > 0 && s.holds != nil && s.holds(f.Part())
			case len(bytes.TrimSpace(content)) == 0 || s.holds != nil && !s.holds(content):
				continue
			}
			return s.what, true
		}
	}
	return "", false
}

// hasLogin says whether an auth.json has a login; {} and one with credential helpers have none.
func hasLogin(text []byte) bool {
	var file struct {
		Auths map[string]struct{ Auth, IdentityToken, RegistryToken, Password string }
	}
	if json.Unmarshal(text, &file) != nil {
		return bytes.Contains(text, []byte(`"auth"`))
	}
	for _, a := range file.Auths {
		if a.Auth != "" || a.IdentityToken != "" || a.RegistryToken != "" || a.Password != "" {
			return true
		}
	}
	return false
}

func having(words ...string) func([]byte) bool {
	return func(text []byte) bool {
		for _, w := range words {
			if bytes.Contains(text, []byte(w)) {
				return true
			}
		}
		return false
	}
}

func matching(pattern string) func([]byte) bool {
	return lazyregexp.New(pattern).Match
}

// installer is the step that puts a build secret into the image as the file, nil if none does. Of an image it is
// known where the Containerfile or Plan is.
func installer(f *File) *Step {
	step := f.extra().step
	if step == nil && f.Layer != nil {
		step = f.Layer.Step
	}
	if step == nil {
		return nil
	}
	for _, c := range step.Commands {
		if secretMounted(c) == "" {
			continue
		}
		for _, w := range c.Writes {
			if w.Path == f.Path || w.From != "" && parent(f.Path) == w.Path {
				return step
			}
		}
	}
	return nil
}

// secretMounted is the build secret that a command names as an argument, "" if it does not.
func secretMounted(c *Command) string {
	run, ok := stepOf[containerfile.Run](c.Step)
	if !ok {
		return ""
	}
	for _, m := range run.Mounts {
		if m.Type != "secret" {
			continue
		}
		target := m.Target
		if target == "" {
			target = "/run/secrets/" + m.ID
		}
		for _, w := range c.Args {
			if p, ok := c.abs(w); ok && p == target {
				return m.ID
			}
		}
	}
	return ""
}

// stepOf is the step as its type.
func stepOf[T containerfile.Step](s *Step) (step T, ok bool) {
	if s == nil {
		return step, false
	}
	step, ok = s.Step.(T)
	return step, ok
}
