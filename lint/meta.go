package lint

import "strings"

// The meta rules are about the lint itself. The engine makes their findings.
const (
	idUnused      = "BL001"
	idUnexplained = "BL002"
	idExpired     = "BL003"
	idUnreadable  = "BL004"
	idIncomplete  = "BL005"
	idSyntax      = "BL811"
)

const everywhere = InSpec | InContainerfile | InRoot | InLayers | InConfig | InUpgrade

// isMeta says that a rule cannot be suppressed in a Containerfile: a suppression that suppresses the finding about itself
// would be none.
func isMeta(id string) bool { return strings.HasPrefix(id, "BL00") && id < idUnreadable }

func engine(*Facts, func(Finding)) {} // the engine reports these itself

var metaRules = []Rule{
	{
		ID: idUnused, Slug: "unused-suppression", Severity: Warning, Stages: everywhere, Check: engine,
		Title: "a suppression that matches nothing",
		Rationale: `A suppression that matches no finding hides the next one that it happens to match. It is left over, or has a typo in the name
of the rule.`,
		URL: "https://golangci-lint.run/docs/linters/configuration/#nolintlint",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1@sha256:0000000000000000000000000000000000000000000000000000000000000000
# bootloom ignore=BL405 # starts nothing
RUN true
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1@sha256:0000000000000000000000000000000000000000000000000000000000000000
RUN true
`,
	},
	{
		ID: idUnexplained, Slug: "suppression-without-reason", Severity: Warning, Stages: everywhere, Check: engine,
		Title: "a suppression without a reason",
		Rationale: `Who reads the file next year wants to know why a finding is accepted. Write the reason after a second #, or into
Suppression.Reason.`,
		URL: "https://golangci-lint.run/docs/linters/configuration/#nolintlint",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
# bootloom ignore=BL405
RUN systemctl daemon-reload
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
# bootloom ignore=BL405 # a wrapper of ours, not systemd's
RUN systemctl daemon-reload
`,
	},
	{
		ID: idExpired, Slug: "expired-suppression", Severity: Error, Stages: everywhere, Check: engine,
		Title: "a suppression that has expired",
		Rationale: `The suppression was given until a day that is over. The findings that it covered count again. Mend what they are about, or
decide anew and give another day.`,
		URL: "https://golangci-lint.run/docs/linters/configuration/#nolintlint",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
# bootloom ignore=BL405 until=2020-01-31 # until the wrapper is gone
RUN systemctl daemon-reload
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
# bootloom ignore=BL405 until=2999-01-31 # until the wrapper is gone
RUN systemctl daemon-reload
`,
	},
	{
		ID: idUnreadable, Slug: "unreadable", Severity: Error, Stages: everywhere, Check: engine,
		Title: "something that cannot be read",
		Rationale: `A file or layer is damaged, leads out of the root file system, or is not what its name says. What it would have told other rules is
missing. All else was looked at.`,
		URL: "https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md",
		Bad: `
-- layer 0 --
file ../../etc/passwd
`,
		Good: `
-- layer 0 --
file /etc/passwd
`,
	},
	{
		ID: idIncomplete, Slug: "incomplete-scan", Severity: Note, Stages: everywhere, Check: engine,
		Title: "something that was not looked at",
		Rationale: `A limit was met, or the target does not show something, such as extended attributes to one who is not root. Nothing is wrong with
the image, but a rule may have missed something.`,
		URL: "https://pkg.go.dev/github.com/bootloom/bootloom/lint#Limits",
	},
}
