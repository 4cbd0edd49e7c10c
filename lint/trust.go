package lint

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"path"
	"slices"
	"strings"
)

// trust is what an image says about whose images a device takes.
type trust struct {
	file *File // the policy that counts; nil if there is none, or its content is not known
	// policy as far as it could be read; err is what a client stops at.
	policy trustPolicy
	err    error
	places signaturePlaces
}

// trust reads policy.json and registries.d of the root.
func (f *Facts) trust() trust {
	t := trust{places: f.signaturePlaces()}
	for _, name := range policyFiles {
		file, _ := f.Root.Resolve(name)
		if file == nil {
			continue
		}
		if text, known := file.Content(); known {
			t.file = file
			t.policy, t.err = parseTrustPolicy(text)
		}
		break
	}
	return t
}

// trustWants are for rules that call trust.
func trustWants() []Want {
	out := Reading(policyFiles...)
	for _, dir := range registriesDirs {
		out = append(out, Want{Glob: dir + "/*.yaml"})
	}
	for _, dir := range []string{"/etc/pki", "/usr/share/pki", "/usr/lib/pki", "/etc/containers"} {
		out = append(out, Want{Glob: dir + "/**", Max: 64 << 10, Quiet: true})
	}
	return out
}

// scopes yields the scopes of the transport docker with what they want, in order.
func (t trust) scopes(yield func(scope string, list []requirement) bool) {
	docker := t.policy.Transports["docker"]
	for _, scope := range slices.Sorted(maps.Keys(docker)) {
		if !yield(scope, docker[scope]) {
			return
		}
	}
}

// lineOf is the line of the policy where the scope stands.
func (t trust) lineOf(scope string) int {
	if scope == "docker" || scope == "default" || scope == "" {
		return lineOf(t.file.Text(), `"`+strings.TrimSpace(scope)+`"`)
	}
	return lineOf(t.file.Text(), `"`+scope+`"`)
}

// publicKeysIn reads a PEM file with public keys. private says that it has a private one.
func publicKeysIn(text []byte) (keys [][]byte, private bool) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return keys, private
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if block.Type == "RSA PUBLIC KEY" {
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		}
		if der, notKey := x509.MarshalPKIXPublicKey(key); err == nil && notKey == nil {
			keys = append(keys, der)
		}
		private = private || strings.HasSuffix(block.Type, "PRIVATE KEY")
		text = rest
	}
}

// oneOfKeys says whether a PEM text has one of the keys of the other texts.
func oneOfKeys(text []byte, others []string) bool {
	mine, _ := publicKeysIn(text)
	for _, other := range others {
		theirs, _ := publicKeysIn([]byte(other))
		for _, key := range theirs {
			if slices.ContainsFunc(mine, func(m []byte) bool { return bytes.Equal(m, key) }) {
				return true
			}
		}
	}
	return false
}

// policyKey is the file of a key that the policy names, links followed; nil if it is not there.
func (f *Facts) policyKey(name string) *File {
	file, _ := f.Root.Resolve(path.Clean(name))
	return file
}

// unfitKey is a key file of the first requirement that none of the keys can meet; "" if all can be met, and where the content of a key file is
// not known.
func (f *Facts) unfitKey(list []requirement, keys []string) string {
	for _, r := range list {
		if r.Type != "sigstoreSigned" || len(r.keys()) == 0 {
			continue
		}
		known, fits := true, false
		for _, name := range r.keys() {
			file := f.policyKey(name)
			if file == nil {
				known = known && f.Root.Missing(name)
				continue
			}
			text, ok := file.Content()
			known = known && ok
			fits = fits || oneOfKeys(text, keys)
		}
		if known && !fits {
			return r.keys()[0]
		}
	}
	return ""
}
