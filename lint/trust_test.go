package lint

import "testing"

// policyTexts are policies that clients read, and such that they refuse.
var policyTexts = []string{
	`{"default": [{"type": "insecureAcceptAnything"}]}`,
	`{"default": [{"type": "reject"}], "transports": {"docker": {"": [{"type": "insecureAcceptAnything"}]}, "containers-storage": {"": [{"type": "insecureAcceptAnything"}]}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"quay.io/acme": [{"type": "sigstoreSigned", "keyPath": "/a.pub", "signedIdentity": {"type": "matchRepository"}}]}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"quay.io/acme": [{"type": "sigstoreSigned", "keyPaths": ["/a.pub", "/b.pub"]}]}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"*.acme.example": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/a.gpg"}]}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {}}`,
	`{}`,
	``,
	`[]`,
	`{"default": []}`,
	`{"default": null}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transport": {}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "default": [{"type": "reject"}]}`,
	`{"default": [{"type": "accept"}]}`,
	`{"default": [{}]}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"quay.io/acme": []}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"quay.io/acme": [{"type": "sigstoreSigned"}]}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"quay.io/acme": [{"type": "sigstoreSigned", "keypath": "/a.pub", "key": "x"}]}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"quay.io/acme": [{"type": "reject"}], "quay.io/acme": [{"type": "reject"}]}}}`,
	`{"default": [{"type": "insecureAcceptAnything"}]} x`,
}

// FuzzTrust wants any text to be read as a policy and as a file of registries.d, and every reference to have scopes.
func FuzzTrust(f *testing.F) {
	for _, text := range policyTexts {
		f.Add([]byte(text), "quay.io/acme/os:1")
	}
	f.Add([]byte("docker:\n  quay.io/acme:\n    use-sigstore-attachments: true\ndefault-docker:\n  lookaside: file:///x\n"), "docker://quay.io:5000/acme/os@sha256:0")
	f.Fuzz(func(t *testing.T, text []byte, ref string) {
		p, err := parseTrustPolicy(text)
		if err == nil && len(p.Default) == 0 {
			t.Errorf("%q: accepted without a default", text)
		}
		p.forImage(ref)
		for _, s := range scopesOf(ref) {
			if len(s) > len(ref)+2 {
				t.Errorf("%q is in the scope %q", ref, s)
			}
		}
		places := signaturePlaces{of: map[string]signaturePlace{}}
		if parsed, err := parseRegistries(text); err == nil {
			for name, place := range parsed.Docker {
				places.of[name] = place
			}
		}
		places.attachments(ref)
		publicKeysIn(text)
	})
}
