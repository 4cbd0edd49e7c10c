package lint

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// trustRules are about the keys and policies by which a device takes an image.
var trustRules = []Rule{
	{
		ID: "BL907", Slug: "sigpolicy-contradiction", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "signatures enforced by an open policy",
		Rationale: `enforce-container-sigpolicy makes bootc want a policy that verifies something: it refuses to install or update as long as the default of policy.json
accepts everything, also if there are rules for single repositories.`,
		URL: "https://bootc.dev/bootc/bootc-install.html",
		Bad: `
-- layer 0:/usr/lib/bootc/install/10-acme.toml --
[install]
enforce-container-sigpolicy = true
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}]}
`,
		Good: `
-- layer 0:/usr/lib/bootc/install/10-acme.toml --
[install]
enforce-container-sigpolicy = true
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "reject"}], "transports": {"containers-storage": {"": [{"type": "insecureAcceptAnything"}]}}}
`,
		Wants: append(trustWants(), Reading(installGlobs...)...),
		Check: func(f *Facts, found func(Finding)) {
			var enforced *installFile
			for _, c := range installFiles(f) {
				if c.err == nil && strings.Contains(c.file.Text(), "enforce-container-sigpolicy") {
					enforced = &c
				}
			}
			t := f.trust()
			if enforced == nil || !enforced.Install.Sigpolicy || t.file == nil || t.err != nil {
				return
			}
			if d := t.policy.Default; len(d) == 1 && d[0].Type == "insecureAcceptAnything" {
				found(enforced.file.Finding("bootc refuses to install: the default of %s accepts everything", t.file.Path).
					OnLine(lineOf(enforced.file.Text(), "enforce-container-sigpolicy")).
					Fixed(`set "default": [{"type": "reject"}] in policy.json, with scopes for what is accepted`))
			}
		},
	},
	{
		ID: "BL908", Slug: "private-key-in-pki", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a private key where public ones are",
		Rationale: `The policy needs the public key of who signs. With the private one in the image, everyone who can pull it can sign updates that all devices
take. The key has to be replaced, in the image and where images are signed.`,
		URL: "https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY cosign.key /etc/pki/containers/acme.pub
-- context/cosign.key --
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjozMjc2OCwiciI6
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY cosign.pub /etc/pki/containers/acme.pub
-- context/cosign.pub --
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9ZNv9cK5YIWfT3MR5rNwfHtKu91t
bxuiWlR4te+c+9mzxVMskUv6M7gcoQ5TaerwLH0lP+H1JCdG4nUbXXCWMA==
-----END PUBLIC KEY-----
`,
		Wants: trustWants(),
		Check: func(f *Facts, found func(Finding)) {
			files := map[*File]bool{}
			for file := range f.Files("/etc/pki/containers/**") {
				files[file] = true
			}
			for _, list := range f.trust().scopes {
				for _, r := range list {
					for _, name := range r.keys() {
						files[f.policyKey(name)] = true
					}
				}
			}
			delete(files, nil)
			for file := range files {
				if i := bytes.Index(file.Part(), []byte("PRIVATE KEY-----")); i >= 0 {
					found(file.Finding("has a private key: everyone who can pull the image can sign for its devices").OnLine(lineAt(file.Text(), i)).
						Fixed("put the public key there (skopeo generate-sigstore-key and cosign write both), and sign with a new pair"))
				}
			}
		},
	},
	{
		ID: "BL910", Slug: "policy-broken", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a signature policy by which pulls fail",
		Rationale: `podman, skopeo and bootc read policy.json strictly: with a mistake in it they pull nothing at all. A scope that wants a signature fails for each
image if its key is missing, or if registries.d does not say use-sigstore-attachments for it, since then nobody looks for the signature. Two files of
registries.d with the same namespace stop every pull. And where everything else is rejected, the agent of Flight Control needs a scope for
containers-storage, from where it has bootc take an update.`,
		URL: "https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md",
		Bad: `
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}],
 "transports": {"docker": {"quay.io/acme": [{"type": "sigstoreSigned", "keyPath": "/etc/pki/containers/acme.pub"}]}}}
`,
		Good: `
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}],
 "transports": {"docker": {"quay.io/acme": [{"type": "sigstoreSigned", "keyPath": "/etc/pki/containers/acme.pub"}]}}}
-- layer 0:/etc/containers/registries.d/acme.yaml --
docker:
  quay.io/acme:
    use-sigstore-attachments: true
-- layer 0:/etc/pki/containers/acme.pub --
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9ZNv9cK5YIWfT3MR5rNwfHtKu91t
bxuiWlR4te+c+9mzxVMskUv6M7gcoQ5TaerwLH0lP+H1JCdG4nUbXXCWMA==
-----END PUBLIC KEY-----
`,
		Wants: trustWants(),
		Check: policyBroken,
	},
}

// policyBroken looks for what makes pulls fail.
func policyBroken(f *Facts, found func(Finding)) {
	t := f.trust()
	for _, m := range t.places.mistakes {
		found(m.file.Finding("%v", m.err).Fixed("leave the namespace to one file; each file names those that are its own"))
	}
	if t.file == nil {
		return
	}
	if t.err != nil {
		for _, err := range flatten(t.err) {
			found(t.file.Finding("podman, skopeo and bootc refuse the file, and pull nothing: %v", err).Fixed("see containers-policy.json(5)"))
		}
		return
	}
	for scope, list := range t.scopes {
		for _, r := range list {
			if !r.signed() {
				continue
			}
			for _, name := range r.keys() {
				if key := path.Clean(name); f.policyKey(key) == nil && f.Root.Missing(key) {
					found(t.file.Finding("every pull from %s fails: the key %s is not in the image", scope, printable(key)).OnLine(t.lineOf(scope)).Fixed("COPY the public key to %s", printable(key)))
				} else if file := f.policyKey(key); file != nil && r.Type == "sigstoreSigned" {
					text, known := file.Content()
					if keys, private := publicKeysIn(text); known && len(keys) == 0 && !private {
						found(file.Finding("every pull from %s fails: this is no public key in PEM", scope).Fixed("write the public key as PEM, -----BEGIN PUBLIC KEY-----"))
					}
				}
			}
			if r.Type == "sigstoreSigned" && t.places.known && f.Root.Whole && !t.places.attachments(scope) {
				found(t.file.Finding("every pull from %s fails: nothing in registries.d says that its signatures are in the registry", scope).OnLine(t.lineOf(scope)).
					FixedBy("/etc/containers/registries.d/"+strings.Trim(strings.NewReplacer("/", "-", ":", "-", "*", "").Replace(scope), "-.")+".yaml",
						"docker:\n  "+scope+":\n    use-sigstore-attachments: true\n", "add the file"))
			}
		}
	}
	if storage, ok := t.policy.Transports["containers-storage"]; rejects(t.policy.Default) && (!ok || rejects(storage[""]) || storage[""] == nil) {
		out := t.file.Finding("everything is rejected that no scope is for, and so are updates by the Flight Control agent, which bootc takes from containers-storage").
			OnLine(t.lineOf("default")).As(Warning).Fixed(`add to transports: "containers-storage": {"": [{"type": "insecureAcceptAnything"}]}`)
		if slices.Contains(f.Profiles, Edge) || f.Root.File("/usr/bin/flightctl-agent") != nil {
			out = out.As(Error)
		}
		found(out)
	}
}
