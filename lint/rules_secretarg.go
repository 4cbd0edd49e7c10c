package lint

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
)

// argRules are about secrets in the Containerfile itself, and in what builders write of it into the image.
var argRules = []Rule{
	{
		ID: "BL504", Slug: "secret-in-arg-env-label", Aliases: []string{"DL3064", "SecretsUsedInArgOrEnv"}, Severity: Error, Stages: InSpec | InContainerfile | InConfig,
		Title: "a secret in an ARG, ENV or LABEL",
		Rationale: `What ENV and LABEL set is in the config of the image, and builders write the values of ARGs into its history, also those that
come by --build-arg. "skopeo inspect --config" shows both to everyone who can pull the image. On a booted system ENV has no effect
anyway.`,
		URL: "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
ARG activation_key
RUN subscription-manager register --org 1234 --activationkey "$activation_key"
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
ARG GPG_KEY_URL=https://acme.example/key
ENV PASSWORD_FILE=/run/secrets/password
ARG TOKEN
RUN --mount=type=secret,id=activation-key subscription-manager register --org 1234 --activationkey "$(cat /run/secrets/activation-key)"
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Build != nil {
				argSecrets(f.Build, found)
			}
			if f.Config != nil {
				configSecrets(f, found)
			}
		},
	},
	{
		ID: "BL505", Slug: "copy-then-rm", Severity: Error, Stages: InSpec | InContainerfile,
		Title: "a file that one step brings and a later one deletes",
		Rationale: `Each step makes a layer, and layers only add: what COPY has brought stays in its layer when a later RUN deletes it. A secret is
still there for everyone who pulls the image; anything else is carried along for nothing. RUN --mount shows a file to one command
and leaves nothing behind.`,
		URL: "https://docs.docker.com/build/building/secrets/",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY agent-config.yaml /tmp/
RUN install -D -m 0600 /tmp/agent-config.yaml /etc/flightctl/config.yaml
RUN rm -f /tmp/agent-config.yaml
-- context/agent-config.yaml --
enrollment-service:
  authentication:
    client-key-data: q7Rk2VtLmP9xWc4ZbJ8nYs3DfGh5KuT6aEe1Qo0iXwNvCrBzMpLd
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
COPY setup.sh /usr/libexec/acme/
RUN --mount=type=bind,source=packages.txt,target=/tmp/packages.txt dnf -y install $(cat /tmp/packages.txt) && dnf clean all
RUN rm -f /tmp/other
-- context/setup.sh --
#!/bin/sh
`,
		Wants: append(secretWants(), contentWants()...),
		Check: copyThenRemove,
	},
	{
		ID: "BL506", Slug: "secret-literal-in-run", Severity: Error, Stages: InSpec | InContainerfile | InConfig,
		Title: "a secret in a RUN",
		Rationale: `Builders write the text of each RUN into the history of the image, here-documents included, where everyone who can pull the image
can read it. What a command reads from a mounted secret, or gets from a variable that comes from one, does not get there.`,
		URL: "https://docs.docker.com/build/building/secrets/",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN podman login -u ci -p 'vX8wq2Lr9T' quay.io && \
    podman pull quay.io/acme/app:1
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN --mount=type=secret,id=quay podman login -u ci --password-stdin quay.io < /run/secrets/quay
RUN --mount=type=secret,id=token curl -H "Authorization: Bearer $(cat /run/secrets/token)" -o /usr/bin/app https://acme.example/app
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Build != nil {
				for _, s := range In[containerfile.Run](f.Build) {
					runSecrets(s, found)
				}
			}
			if f.Config != nil {
				historySecrets(f, found)
			}
		},
	},
}

// argSecrets looks at ARG, ENV and LABEL of the stages whose history the image has. An ARG before the first FROM is none of them
// until a stage asks for it.
func argSecrets(b *Build, found func(Finding)) {
	say := func(s *Step, word, name, value string, given bool) {
		what := ""
		if list := findSecrets([]byte(value)); len(list) > 0 {
			what, value = list[0].what, list[0].value
		} else if !secretVariable(name) || given && !secretValue(value) {
			return
		}
		switch {
		case what != "":
			found(s.Finding("%s %s has %s: it is in the image's config and history", word, name, what).Showing(Redact(value)).Fixed(secretMount))
		case given:
			found(s.Finding("%s %s looks like a secret: it is in the image's config and history", word, name).Showing(Redact(value)).Fixed(secretMount))
		case usedAfter(s, name):
			found(s.Finding("what is given for %s with --build-arg is in the image's history", name).As(Warning).Fixed(secretMount))
		}
	}
	for _, s := range b.Steps {
		if !s.InImage {
			continue
		}
		switch step := s.Step.(type) {
		case containerfile.Arg:
			for _, a := range step {
				value, known := s.Expand(a.Default)
				if v, ok := s.scope.args[a.Name]; ok { // from before the first FROM, or of the caller
					say(s, "ARG", a.Name, v, true)
				} else {
					say(s, "ARG", a.Name, value, a.HasDefault && known)
				}
			}
		case containerfile.Env:
			for _, p := range step {
				if value, known := s.Expand(p.Value); known {
					say(s, "ENV", p.Key, value, true)
				}
			}
		case containerfile.Label:
			for _, p := range step {
				if value, known := s.Expand(p.Value); known {
					say(s, "LABEL", p.Key, value, true)
				}
			}
		}
	}
}

// usedAfter says whether a later RUN of the same stage uses the variable.
func usedAfter(s *Step, name string) bool {
	for _, o := range s.build.Steps {
		if _, run := o.Step.(containerfile.Run); run && o.Index.Stage == s.Index.Stage && o.Index.Step > s.Index.Step &&
			(strings.Contains(o.Text, "$"+name) || strings.Contains(o.Text, "${"+name)) {
			return true
		}
	}
	return false
}

// configSecrets looks at the config of an image, but for what the base has in it.
func configSecrets(f *Facts, found func(Finding)) {
	for _, group := range []struct {
		word string
		of   map[string]Setting
	}{{"the environment variable", f.Config.Env}, {"the label", f.Config.Labels}} {
		for _, name := range slices.Sorted(maps.Keys(group.of)) {
			set := group.of[name]
			if set.Base || set.Step != nil || set.Unknown {
				continue
			}
			if list := findSecrets([]byte(set.Value)); len(list) > 0 {
				found(set.Finding("%s %s has %s, which everyone who can pull the image has", group.word, name, list[0].what).Showing(Redact(list[0].value)).Fixed(secretMount))
			} else if secretVariable(name) && secretValue(set.Value) {
				found(set.Finding("%s %s looks like a secret, which everyone who can pull the image has", group.word, name).Showing(Redact(set.Value)).Fixed(secretMount))
			}
		}
	}
	for _, line := range derivedHistory(f) {
		args, _ := builtWith(line)
		for _, a := range args {
			if name, value := cutEnv(a); secretVariable(name) && secretValue(value) {
				found(f.Config.Finding("the history has %s, given to the build as an argument", name).Showing(name + "=" + Redact(value)).Fixed(secretMount))
			}
		}
	}
}

// runSecrets looks at what a RUN says, word by word.
func runSecrets(s *Step, found func(Finding)) {
	told := map[string]bool{}
	for _, c := range s.Commands {
		if value, how := secretArgument(c); value != "" && !told[value] {
			told[value] = true
			found(c.Finding("%s gets a secret by %s, and the image's history has it", cmp.Or(c.Name, "a command"), how).Showing(Redact(value)).Fixed(secretMount))
		}
	}
	for _, secret := range findSecrets([]byte(s.Text)) {
		if told[secret.value] || inFile(s, secret.value) {
			continue
		}
		told[secret.value] = true
		out := s.at(s.Lines.Line+secret.line-1, 0, "has %s, and the image's history has it too", []any{secret.what})
		found(out.Showing(Redact(secret.value)).Fixed(secretMount))
	}
}

// inFile says whether the step writes the secret to a file of the image: BL502 tells of it.
func inFile(s *Step, value string) bool {
	return s.Layer != nil && slices.ContainsFunc(s.Layer.Files, func(f File) bool { return strings.Contains(string(f.Part()), value) })
}

// historySecrets looks for the same in the history of an image.
func historySecrets(f *Facts, found func(Finding)) {
	told := map[string]bool{}
	for _, line := range derivedHistory(f) {
		_, script := builtWith(line)
		say := func(what, value string) {
			if !told[value] {
				told[value] = true
				found(f.Config.Finding("the history has %s, which everyone who can pull the image can read", what).Showing(Redact(value)).Fixed("replace the secret, and build without it: " + secretMount))
			}
		}
		commands, _ := ReadShell(script)
		for _, c := range commands {
			if value, how := secretArgument(c); value != "" {
				say("a secret that "+cmp.Or(c.Name, "a command")+" got by "+how, value)
			}
		}
		for _, secret := range findSecrets([]byte(script)) {
			say(secret.what, secret.value)
		}
	}
}
