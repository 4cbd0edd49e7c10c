package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// policyFiles are where clients look for the policy; the first one counts.
var policyFiles = []string{"/etc/containers/policy.json", "/usr/share/containers/policy.json"}

// trustPolicy is policy.json: which images may be pulled, by who has signed them.
//
// Source: https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md
type trustPolicy struct {
	Default    []requirement                       `json:"default"`
	Transports map[string]map[string][]requirement `json:"transports"`
}

type requirement struct {
	Type     string   `json:"type"`
	KeyPath  string   `json:"keyPath"`
	KeyPaths []string `json:"keyPaths"`
	// What follows is only there so that a key which no client knows can be told from those.
	KeyType        string            `json:"keyType"`
	KeyData        json.RawMessage   `json:"keyData"`
	KeyDatas       []json.RawMessage `json:"keyDatas"`
	Fulcio         json.RawMessage   `json:"fulcio"`
	PKI            json.RawMessage   `json:"pki"`
	RekorKeyPath   string            `json:"rekorPublicKeyPath"`
	RekorKeyPaths  []string          `json:"rekorPublicKeyPaths"`
	RekorKeyData   json.RawMessage   `json:"rekorPublicKeyData"`
	RekorKeyDatas  json.RawMessage   `json:"rekorPublicKeyDatas"`
	SignedIdentity json.RawMessage   `json:"signedIdentity"`
	BaseLayer      json.RawMessage   `json:"baseLayerIdentity"`
}

// keys are the files with public keys.
func (r requirement) keys() []string {
	if r.KeyPath != "" {
		return append([]string{r.KeyPath}, r.KeyPaths...)
	}
	return r.KeyPaths
}

// signed says that the requirement wants a signature.
func (r requirement) signed() bool { return r.Type == "sigstoreSigned" || r.Type == "signedBy" }

// signed says that one of the requirements, which all have to be met, wants a signature.
func signed(list []requirement) bool { return slices.ContainsFunc(list, requirement.signed) }

// open says that anything is accepted.
func open(list []requirement) bool {
	return !slices.ContainsFunc(list, func(r requirement) bool { return r.Type != "insecureAcceptAnything" })
}

// rejects says that nothing is accepted.
func rejects(list []requirement) bool {
	return slices.ContainsFunc(list, func(r requirement) bool { return r.Type == "reject" })
}

// parseTrustPolicy reads a policy.json as strictly as containers/image does: with a mistake in it nothing can be pulled at all.
func parseTrustPolicy(text []byte) (p trustPolicy, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, err
	}
	if d.More() {
		return p, errors.New("something stands after the policy")
	}
	if err := repeatedKey(text); err != nil {
		return p, err
	}
	if len(p.Default) == 0 {
		return p, errors.New(`"default" is missing or empty`)
	}
	errs := []error{checkRequirements(p.Default, `"default"`)}
	for _, transport := range slices.Sorted(maps.Keys(p.Transports)) {
		for _, scope := range slices.Sorted(maps.Keys(p.Transports[transport])) {
			errs = append(errs, checkRequirements(p.Transports[transport][scope], fmt.Sprintf("%s %q", transport, scope)))
		}
	}
	return p, errors.Join(errs...)
}

func checkRequirements(list []requirement, where string) error {
	if len(list) == 0 {
		return fmt.Errorf("%s has no requirement", where)
	}
	var errs []error
	for _, r := range list {
		switch r.Type {
		case "insecureAcceptAnything", "reject", "signedBaseLayer":
		case "signedBy", "sigstoreSigned":
			sources := len(r.keys())
			for _, data := range append([]json.RawMessage{r.KeyData, r.Fulcio, r.PKI}, r.KeyDatas...) {
				if data != nil {
					sources++
				}
			}
			if sources == 0 {
				errs = append(errs, fmt.Errorf("%s wants a signature, and does not say by which key", where))
			}
		default:
			errs = append(errs, fmt.Errorf("%s has the type %q, which is none", where, clip(r.Type)))
		}
	}
	return errors.Join(errs...)
}

// repeatedKey is an error if an object has a key twice, of which encoding/json takes the last.
func repeatedKey(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var objects []map[string]bool // nil for an array
	key := false                  // a key comes next
	for {
		token, err := d.Token()
		if err != nil {
			return nil // the end, or what Decode has told
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				objects, key = append(objects, map[string]bool{}), true
				continue
			case '[':
				objects, key = append(objects, nil), false
				continue
			}
			objects = objects[:len(objects)-1]
		case string:
			if key {
				top := objects[len(objects)-1]
				if top[t] {
					return fmt.Errorf("the key %q stands twice in an object", clip(t))
				}
				top[t], key = true, false
				continue
			}
		}
		key = len(objects) > 0 && objects[len(objects)-1] != nil
	}
}

// forImage is what holds for an image in a registry, and the scope that says so: the longest that it is in, or else what is
// for the whole transport, or the default.
func (p trustPolicy) forImage(ref string) (list []requirement, scope string) {
	docker := p.Transports["docker"]
	for _, s := range scopesOf(ref) {
		if list, ok := docker[s]; ok {
			return list, s
		}
	}
	if list, ok := docker[""]; ok {
		return list, "docker"
	}
	return p.Default, "default"
}

// scopesOf are the scopes that an image is in, the narrowest first: the reference, the repository, its namespaces, the registry, and
// patterns of the registry's domain.
func scopesOf(ref string) []string {
	ref = strings.TrimPrefix(ref, "docker://")
	name, digest, hasDigest := strings.Cut(ref, "@")
	out := []string{ref}
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		if hasDigest {
			out[0] = name[:colon] + "@" + digest
		}
		name = name[:colon]
	}
	for s := name; s != ""; {
		if out[len(out)-1] != s {
			out = append(out, s)
		}
		slash := strings.LastIndexByte(s, '/')
		if slash < 0 {
			rest, _, _ := strings.Cut(s, ":")
			for {
				_, after, ok := strings.Cut(rest, ".")
				if !ok {
					return out
				}
				out, rest = append(out, "*."+after), after
			}
		}
		s = s[:slash]
	}
	return out
}
