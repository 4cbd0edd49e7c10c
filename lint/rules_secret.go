package lint

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
)

// secretMount is the advice about secrets that only the build needs, and provision about those that a device needs.
const (
	secretMount = "RUN --mount=type=secret,id=NAME … reads it from /run/secrets/NAME, and it gets into no layer"
	provision   = "give it to devices at provisioning (cloud-init, Ignition, systemd credentials) or by their management; what only the build needs comes by RUN --mount=type=secret"
)

// secretRules are about secrets in files of the image.
var secretRules = []Rule{
	{
		ID: "BL501", Slug: "secret-path", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a file that is a secret",
		Rationale: `Who can pull the image has all that is in it, and so has who finds a disk. A secret in an image is the same on all devices, and changes only
with an update of all of them. What is looked for are logins for registries, private SSH keys, Kerberos key tables, passwords
of networks and the like, by the places where programs expect them. A file that only holds a helper or nothing is none.

A secret that a feature of a Spec puts into the image, from a secret of the build, is a note: that is said to be on purpose.`,
		URL: "https://bootc.dev/bootc/building/secrets.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY auth.json /etc/ostree/auth.json
-- context/auth.json --
{"auths": {"quay.io": {"auth": "YWNtZStkZXZpY2U6bm90LWEtcGFzc3dvcmQ="}}}
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY auth.json /etc/ostree/auth.json
COPY id_ed25519.pub /usr/share/acme/keys/
-- context/auth.json --
{}
-- context/id_ed25519.pub --
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9dk4QPPZkZ1ToQvOEwBEBsiGtIHDvSHlCOLzkgGmZy ops@acme.example
`,
		Wants: secretWants(),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.All() {
				if !file.IsRegular() || !file.Derived() {
					continue
				}
				what, sure := secretName(file)
				step := installer(file)
				if what == "" && step == nil {
					continue
				}
				if what == "" {
					what = "a secret of the build"
				}
				out := file.Finding("has %s: everyone who can pull the image has it too", what).Fixed(provision)
				switch {
				case mentions(file.Path) && step == nil:
					out = out.As(Note).Unsure(Possible)
				case step != nil && len(step.Fields) > 0:
					out = out.As(Note).Fixed("")
					out.Message += ", as the Spec wants"
				case step != nil:
				case !sure:
					out = out.As(Warning).Unsure(Likely)
					out.Message = fmt.Sprintf("has the place of %s, which everyone who can pull the image would have; its content is not known", what)
				}
				found(out)
			}
		},
	},
	{
		ID: "BL502", Slug: "secret-content", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a secret in a file",
		Rationale: `A file has a private key, a token or a login in it, which everyone has who can pull the image. Only forms that are unmistakable are
looked for, such as a PEM private key or a token with the prefix of its maker, in text files of up to 64 KiB above the base image, and where
nobody knows the base in directories of one's own, such as /etc and /opt. In documents and tests it is a note: those are most likely examples.`,
		URL: "https://bootc.dev/bootc/building/secrets.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY agent.conf /usr/lib/acme/
-- context/agent.conf --
upload=https://upload.acme.example
token=glpat-J7s3kQzVx9bLmT2wYc5R
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY agent.conf README.md /usr/lib/acme/
-- context/agent.conf --
upload=https://upload.acme.example
token=glpat-xxxxxxxxxxxxxxxxxxxx
-- context/README.md --
Put the key (-----BEGIN PRIVATE KEY-----) into /etc/acme.
`,
		Wants: contentWants(),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.All() {
				if !file.Derived() || ownRule(file) {
					continue
				}
				for _, s := range findSecrets(file.Part()) {
					out := file.Finding("has %s: everyone who can pull the image has it too", s.what).OnLine(lineIn(file, s)).Showing(Redact(s.value)).Fixed(provision)
					if mentions(file.Path) {
						out = out.As(Note).Unsure(Possible)
					}
					found(out)
				}
			}
		},
	},
	{
		ID: "BL503", Slug: "secret-in-lower-layer", Severity: Error, Stages: InLayers,
		Title: "a secret that a later layer only hides",
		Rationale: `Layers only add. What a later one deletes or replaces is still in the image, and who pulls it can unpack the layer. The secret has to
be replaced where it is valid, and must not get into any layer of the next build.`,
		URL: "https://bootc.dev/bootc/building/secrets.html",
		Bad: `
-- layer 0 --
file /root/.netrc "machine git.acme.example login ci password vX8wq2Lr9T"
-- layer 1 --
whiteout /root/.netrc
`,
		Good: `
-- layer 0 --
file /root/.netrc
-- layer 1 --
whiteout /root/.netrc
`,
		Wants: append(secretWants(), contentWants()...),
		Check: hiddenSecrets,
	},
	{
		ID: "BL507", Slug: "secret-mode", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a secret that every user of the device may read",
		Rationale: `Where a secret has to be in the image, such as the login that a device pulls updates with, no one but its owner should be able to read it
there: every program that runs on the device as any user could take it. What a group may read is left to who made the group.`,
		URL: "https://bootc.dev/bootc/building/secrets.html",
		Bad: `
-- layer 0:/etc/ostree/auth.json 0644 --
{"auths": {"quay.io": {"auth": "YWNtZStkZXZpY2U6bm90LWEtcGFzc3dvcmQ="}}}
`,
		Good: `
-- layer 0:/etc/ostree/auth.json 0600 --
{"auths": {"quay.io": {"auth": "YWNtZStkZXZpY2U6bm90LWEtcGFzc3dvcmQ="}}}
-- layer 0:/usr/lib/ostree/auth.json 0644 --
{}
`,
		Wants: append(secretWants(), contentWants()...),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.All() {
				if !file.IsRegular() || !file.Derived() || file.Mode.Perm()&0o007 == 0 || mentions(file.Path) {
					continue
				}
				what, sure := secretName(file)
				if sure = sure || installer(file) != nil; !sure && !ownRule(file) {
					if list := findSecrets(file.Part()); len(list) > 0 {
						what, sure = list[0].what, true
					}
				}
				if sure {
					found(file.Finding("mode %04o: every user of the device may read %s", file.Mode.Perm(), cmp.Or(what, "the secret")).
						Fixed("chmod 0600 %s", printable(file.Path)))
				}
			}
		},
	},
}

// textDirs are where files of one's own are, in an image of which nobody knows what the base has brought.
var textDirs = []string{"/etc", "/root", "/home", "/opt", "/srv", "/usr/local", "/usr/libexec", "/var/home", "/var/roothome", "/var/opt", "/var/lib"}

// contentWants ask for text with a secret in it: above the base, and in the places of one's own where that is not known.
func contentWants() []Want {
	out := []Want{{Glob: "/**", Max: 64 << 10, Quiet: true, Derived: true, Having: secretLiterals}}
	for _, dir := range textDirs {
		out = append(out, Want{Glob: dir + "/**", Max: 64 << 10, Quiet: true, Having: secretLiterals})
	}
	return out
}

// ownRule says whether another rule than BL502 speaks of secrets in the file.
func ownRule(f *File) bool {
	if what, _ := secretName(f); what != "" {
		return true
	}
	ok, _ := path.Match("/etc/ssh/ssh_host_*_key", f.Path)
	return ok || under(f.Path, "/etc/pki/containers")
}

// lineIn is the line of a secret in its file; 0 where only a part of the file is known.
func lineIn(f *File, s secretFound) int {
	if _, whole := f.Content(); !whole {
		return 0
	}
	return s.line
}

// hiddenSecrets looks for secrets of single layers that the merged root does not have.
func hiddenSecrets(f *Facts, found func(Finding)) {
	for i, l := range f.Layers {
		if l.Base {
			continue
		}
		for j := range l.Files {
			file := &l.Files[j]
			if !file.IsRegular() || len(file.Part()) == 0 || mentions(file.Path) {
				continue
			}
			over := slices.IndexFunc(f.Layers[i+1:], func(o *Layer) bool { return o.Hides(file.Path) })
			if over < 0 {
				continue
			}
			what, sure := secretName(file)
			shown := ""
			if !sure {
				list := findSecrets(file.Part())
				if len(list) == 0 {
					continue
				}
				what, shown = list[0].what, Redact(list[0].value)
			}
			if top := f.Root.File(file.Path); top != nil && bytes.Equal(top.Part(), file.Part()) {
				continue // the same secret again: BL501 and BL502 tell
			}
			by := f.Layers[i+1+over]
			deed := "deletes"
			if e := by.File(file.Path); e != nil && !e.Whiteout() {
				deed = "replaces"
			}
			found(file.Finding("layer %d%s has %s; layer %d%s %s the file, but everyone who pulls the image still gets it", l.Index, madeFrom(l), what, by.Index, madeFrom(by), deed).
				Showing(cmp.Or(shown, what)).Fixed("replace the secret, and build without it: " + secretMount))
		}
	}
}
