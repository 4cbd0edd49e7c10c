package sign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
)

// policy is policy.json, as containers/image's docs/containers-policy.json.5.md has it. Requirements stay the bytes
// that the base has, so that a rule of a kind that is newer than this package survives.
type policy struct {
	Default    []json.RawMessage                       `json:"default"`
	Transports map[string]map[string][]json.RawMessage `json:"transports,omitempty"`
}

// requirement is what this package writes into policy.json.
type requirement struct {
	Type           string          `json:"type"`
	KeyPath        string          `json:"keyPath,omitempty"`
	KeyPaths       []string        `json:"keyPaths,omitempty"`
	KeyDatas       [][]byte        `json:"keyDatas,omitempty"`
	SignedIdentity *signedIdentity `json:"signedIdentity,omitempty"`
}

type signedIdentity struct {
	Type            string `json:"type"`
	Prefix          string `json:"prefix,omitempty"`
	SignedPrefix    string `json:"signedPrefix,omitempty"`
	DockerReference string `json:"dockerReference,omitempty"`
}

const (
	typeAccept = "insecureAcceptAnything"
	typeReject = "reject"
	typeSigned = "sigstoreSigned"
)

var accept, reject = requirements(requirement{Type: typeAccept}), requirements(requirement{Type: typeReject})

func requirements(r requirement) []json.RawMessage {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings marshal
	}
	return []json.RawMessage{b}
}

// policyPaths are where clients look for the policy; the first one wins.
var policyPaths = []string{"etc/containers/policy.json", "usr/share/containers/policy.json"}

// basePolicy returns the policy of the base, or what containers/image documents as the usual default if it has none.
func basePolicy(base fs.FS) (policy, error) {
	for _, name := range policyPaths {
		b, err := fs.ReadFile(base, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return policy{}, fmt.Errorf("read the base's policy: %w", err)
		}
		p, err := parsePolicy(b)
		if err != nil {
			return policy{}, fmt.Errorf("the base's /%s: %w", name, err)
		}
		return p, nil
	}
	return policy{Default: accept}, nil
}

// parsePolicy is as strict as containers/image, which refuses a policy with an unknown or repeated key: a device with
// such a file pulls nothing at all.
func parsePolicy(b []byte) (policy, error) {
	var p policy
	if err := json.Unmarshal(b, &p); err != nil {
		return policy{}, err
	}
	if err := checkKeys(json.NewDecoder(bytes.NewReader(b)), ""); err != nil {
		return policy{}, err
	}
	if len(p.Default) == 0 {
		return policy{}, errors.New(`"default" is missing or empty`)
	}
	if err := checkTypes(p.Default, `"default"`); err != nil {
		return policy{}, err
	}
	for transport, scopes := range p.Transports {
		for scope, reqs := range scopes {
			if err := checkTypes(reqs, fmt.Sprintf("transports.%s[%q]", transport, scope)); err != nil {
				return policy{}, err
			}
		}
	}
	return p, nil
}

func checkTypes(reqs []json.RawMessage, where string) error {
	if len(reqs) == 0 {
		return fmt.Errorf("%s has no requirement", where)
	}
	for _, r := range reqs {
		if typeOf(r) == "" {
			return fmt.Errorf("%s has a requirement without a type", where)
		}
	}
	return nil
}

func typeOf(r json.RawMessage) string {
	var t map[string]any // not a struct, whose fields encoding/json finds in any case
	if json.Unmarshal(r, &t) != nil {
		return ""
	}
	name, _ := t["type"].(string)
	return name
}

// checkKeys reads one value and fails on what encoding/json lets pass: an object with the same key twice, and at the
// top a key that the format does not have, or has in another case.
func checkKeys(d *json.Decoder, path string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name := key.(string) // the decoder admits no other
			if path == "" && name != "default" && name != "transports" {
				return fmt.Errorf("unknown key %q", name)
			}
			if seen[name] {
				return fmt.Errorf("key %q stands twice in %q", name, path+"/")
			}
			seen[name] = true
			if err := checkKeys(d, path+"/"+name); err != nil {
				return err
			}
		}
		_, err = d.Token()
	case json.Delim('['):
		for d.More() {
			if err := checkKeys(d, path); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

// open says that the requirements accept unsigned images. A list holds only if each of its requirements does.
func open(reqs []json.RawMessage) bool {
	for _, r := range reqs {
		if typeOf(r) != typeAccept {
			return false
		}
	}
	return true
}

// set makes reqs the rule of a scope. replaced is the other rule that was there.
func (p *policy) set(transport, scope string, reqs []json.RawMessage) (replaced []json.RawMessage) {
	if p.Transports == nil {
		p.Transports = map[string]map[string][]json.RawMessage{}
	}
	scopes := p.Transports[transport]
	if scopes == nil {
		scopes = map[string][]json.RawMessage{}
		p.Transports[transport] = scopes
	}
	if old, ok := scopes[scope]; ok && !sameJSON(old, reqs) {
		replaced = old
	}
	scopes[scope] = reqs
	return replaced
}

func (p policy) marshal() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	err := e.Encode(p)
	return b.Bytes(), err
}

func sameJSON(a, b []json.RawMessage) bool {
	decode := func(in []json.RawMessage) (out []any) {
		for _, r := range in {
			var v any
			json.Unmarshal(r, &v)
			out = append(out, v)
		}
		return out
	}
	return reflect.DeepEqual(decode(a), decode(b))
}
