package lint

import "slices"

// updatePolicyRules are about whether a device takes its next update, and from whom.
var updatePolicyRules = []Rule{
	{
		ID: "BL906", Slug: "update-policy", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "updates that nobody has to sign",
		Rationale: `A device takes any image that its registry gives it for an update, unless policy.json wants a signature for that repository. Then whoever
can write to the registry, or stand in for it, has all devices. If the caller says where updates come from and who signs them (Linter.Update), a
policy that does not want that signature is an error; so is one that refuses the updates. If not, a policy that wants no signature of anybody is a note,
and in the profile edge a warning.`,
		URL: "https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md",
		Bad: `
-- linter.json --
{"Update": {"Ref": "quay.io/acme/edge-os"}}
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}],
 "transports": {"docker": {"quay.io/acme/apps": [{"type": "sigstoreSigned", "keyPath": "/etc/pki/containers/acme.pub"}]}}}
-- layer 0:/etc/pki/containers/acme.pub --
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9ZNv9cK5YIWfT3MR5rNwfHtKu91t
bxuiWlR4te+c+9mzxVMskUv6M7gcoQ5TaerwLH0lP+H1JCdG4nUbXXCWMA==
-----END PUBLIC KEY-----
`,
		Good: `
-- linter.json --
{"Update": {"Ref": "quay.io/acme/edge-os"}}
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}],
 "transports": {"docker": {"quay.io/acme": [{"type": "sigstoreSigned", "keyPath": "/etc/pki/containers/acme.pub"}]}}}
-- layer 0:/etc/pki/containers/acme.pub --
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9ZNv9cK5YIWfT3MR5rNwfHtKu91t
bxuiWlR4te+c+9mzxVMskUv6M7gcoQ5TaerwLH0lP+H1JCdG4nUbXXCWMA==
-----END PUBLIC KEY-----
`,
		Wants: trustWants(),
		Check: updatePolicy,
	},
	{
		ID: "BLU09", Slug: "policy-locks-out-next", Severity: Error, Stages: InUpgrade,
		Title: "a policy by which the device takes no further update",
		Rationale: `The new image's policy.json is what the device judges the update after it by. If it rejects the repository, or knows none of the keys that sign it, this update
is the last one. When a key is replaced, one image must have both, until all devices have it.`,
		URL: "https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md",
		Bad: `
-- linter.json --
{"update": {"ref": "quay.io/acme/edge-os"}}
-- old layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}]}
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "reject"}]}
`,
		Good: `
-- linter.json --
{"update": {"ref": "quay.io/acme/edge-os"}}
-- old layer 0:/etc/containers/policy.json --
{"default": [{"type": "reject"}]}
-- layer 0:/etc/containers/policy.json --
{"default": [{"type": "insecureAcceptAnything"}]}
`,
		Wants: trustWants(),
		Check: locksOut,
	},
}

// updatePolicy judges what the policy wants of the next image.
func updatePolicy(f *Facts, found func(Finding)) {
	t := f.trust()
	ref := f.Update.Ref
	if t.file == nil {
		if ref != "" && f.Root.Missing(policyFiles[0]) && f.Root.Missing(policyFiles[1]) {
			found(f.Finding("there is no policy.json: nobody verifies the updates from %s", ref).Fixed("write a policy.json with a scope for %s", ref))
		}
		return
	}
	if t.err != nil {
		return // BL910
	}
	if ref == "" {
		wants := signed(t.policy.Default)
		for _, list := range t.scopes {
			wants = wants || signed(list)
		}
		if !wants && open(t.policy.Default) {
			out := t.file.Finding("wants no signature of any image: a device takes whatever its registry has for an update").As(Note).
				Fixed("add a scope for the repository of the updates, with type sigstoreSigned and the public key (feature sign.DevicePolicy writes all that it needs)")
			if slices.Contains(f.Profiles, Edge) {
				out = out.As(Warning)
			}
			found(out)
		}
		return
	}
	list, scope := t.policy.forImage(ref)
	say := func(format string, args ...any) Finding {
		return t.file.Finding(format, args...).OnLine(t.lineOf(scope)).Showing(ref)
	}
	switch {
	case rejects(list):
		found(say("refuses updates from %s: the scope that holds for them is %s", ref, scope).Fixed("add a scope for %s, with type sigstoreSigned and the public key", ref))
		return
	case !signed(list):
		found(say("updates from %s need no signature: the scope that holds for them is %s", ref, scope).Fixed("add a scope for %s, with type sigstoreSigned and the public key", ref))
		return
	case len(f.Update.Keys) == 0:
		return
	}
	if name := f.unfitKey(list, f.Update.Keys); name != "" {
		found(say("refuses updates from %s: none of the keys of scope %s is one that signs them", ref, scope).
			Fixed("put the public key that belongs to the signing key into %s", name))
	}
}

// locksOut judges the policy of the new image by what signs updates, or by the keys of the old one.
func locksOut(f *Facts, found func(Finding)) {
	t := f.trust()
	if t.file == nil || t.err != nil {
		return
	}
	if ref := f.Update.Ref; ref != "" {
		list, scope := t.policy.forImage(ref)
		why := ""
		switch {
		case rejects(list):
			why = "rejects it"
		case len(f.Update.Keys) > 0 && f.unfitKey(list, f.Update.Keys) != "":
			why = "knows none of the keys that sign it"
		}
		if why != "" {
			found(t.file.Finding("this is the last update from %s that devices take: scope %s %s", ref, scope, why).OnLine(t.lineOf(scope)).Showing(ref).
				Fixed("keep the old key beside the new one (keyPaths) until all devices have this image"))
		}
		return
	}
	old := f.Previous.trust()
	if old.file == nil || old.err != nil {
		return
	}
	for scope, list := range t.scopes {
		before, had := old.policy.Transports["docker"][scope]
		if !had {
			continue
		}
		var keys []string
		for _, r := range before {
			for _, name := range r.keys() {
				if file := f.Previous.policyKey(name); file != nil {
					keys = append(keys, file.Text())
				}
			}
		}
		if len(keys) > 0 && f.unfitKey(list, keys) != "" {
			found(t.file.Finding("images of %s that are signed with the key of the old image are refused: the new one has none of its keys", scope).As(Warning).OnLine(t.lineOf(scope)).Showing(scope).
				Fixed("keep the old key beside the new one (keyPaths) until nothing that is signed with it is needed"))
		}
	}
}
