package lint

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/bootloom/bootloom/containerfile"
)

// scriptRules are about RUNs that go on when something has failed.
var scriptRules = []Rule{
	{
		ID: "BL804", Slug: "heredoc-no-set-e", Severity: Warning, Stages: InSpec | InContainerfile,
		Title: "a here-document that goes on after a failure",
		Rationale: `Builders give the text of RUN <<EOF to "/bin/sh -c" as it is, without -e: only the last command decides whether the step has failed. If the one that
installs the driver fails, the build goes on, and it is the device that finds out.`,
		URL: "https://github.com/containers/buildah/blob/main/imagebuildah/stage_executor.go",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN <<END
dnf -y install acme-driver
echo done
END
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN <<END
set -euo pipefail
dnf -y install acme-driver
echo done
END
RUN <<END
dnf -y install acme-tools &&
  dnf clean all
END
RUN <<END
#!/bin/bash -e
dnf -y install acme-more
echo done
END
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, s := range In[containerfile.Run](f.Build) {
				run := s.Step.(containerfile.Run)
				if !onlyHeredoc(run) || len(run.Heredocs) == 0 || flagged(s.scope.shell, "e") {
					continue
				}
				text, line := s.heredoc(run)
				if at := careless(text); at > 0 {
					found(s.at(line+at-1, 0, "when this command fails the build goes on: nothing before it says set -e", nil).Fixed("begin the here-document with the line: set -euo pipefail"))
				}
			}
		},
	},
	{
		ID: "BL805", Slug: "pipefail", Aliases: []string{"DL4006"}, Severity: Note, Stages: InSpec | InContainerfile,
		Title: "a pipe whose first program may fail unseen",
		Rationale: `A shell takes the status of a pipe from its last program. If what writes into the pipe fails, the step succeeds with half of the data. set -o pipefail
changes that, in shells that know it, such as bash.`,
		URL: "https://github.com/hadolint/hadolint/wiki/DL4006",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN curl -fsSL https://acme.example/agent.tar.gz | tar -xz -C /usr/lib/acme
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN set -o pipefail && curl -fsSL https://acme.example/agent.tar.gz | tar -xz -C /usr/lib/acme
RUN echo "net.ipv4.ip_forward = 1" | tee /usr/lib/sysctl.d/50-acme.conf
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, s := range In[containerfile.Run](f.Build) {
				safe := flagged(s.scope.shell, "pipefail")
				for _, c := range s.Commands {
					if c.Is("set") && strings.Contains(c.Text, "pipefail") || strings.Contains(c.Text, "SHELLOPTS=pipefail") {
						safe = true
					}
					if from := c.Reads; from != nil && !safe && from.Name != "" && !from.Is("echo", "printf", "cat", "yes", "true", ":") && !judges(c) && !c.Is("sh", "bash") {
						found(c.Finding("if %s fails, the step goes on all the same", from.Name).Showing(from.Text + " | " + c.Text).Fixed("set -o pipefail before it, or SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]"))
						break // one for each RUN
					}
				}
			}
		},
	},
}

// judges says whether the last program of a pipe fails when nothing comes to it.
func judges(c *Command) bool {
	return c.Is("grep", "egrep", "cmp", "diff", "read", "sha256sum") || c.Is("awk") && strings.Contains(c.Text, "exit")
}

// flagged says whether a SHELL has an option: e of -e and -ec, or pipefail.
func flagged(shell []string, option string) bool {
	return slices.ContainsFunc(shell, func(w string) bool {
		return w == option || len(option) == 1 && len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.Contains(w[1:], option)
	})
}

// careless is the line of the first command whose failure nobody sees, because others come after it; 0 if there is none.
func careless(script string) int {
	if first, _, _ := strings.Cut(script, "\n"); strings.HasPrefix(first, "#!") {
		name, _ := interpreter(script)
		if !isShell(path.Base(name)) || flagged(strings.Fields(first), "e") {
			return 0
		}
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil {
		return 0 // BL811
	}
	for i, stmt := range file.Stmts {
		if sets(stmt) {
			return 0
		}
		if i == len(file.Stmts)-1 {
			break
		}
		if mayFail(stmt) {
			return int(stmt.Pos().Line())
		}
	}
	return 0
}

// sets says whether a statement is set -e, or set -o errexit.
func sets(stmt *syntax.Stmt) bool {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) < 2 || call.Args[0].Lit() != "set" {
		return false
	}
	for _, w := range call.Args[1:] {
		text := w.Lit()
		if text == "errexit" || len(text) > 1 && text[0] == '-' && text[1] != '-' && strings.Contains(text, "e") {
			return true
		}
	}
	return false
}

// mayFail leaves out statements that somebody looks at, or that do nothing which could fail.
func mayFail(stmt *syntax.Stmt) bool {
	switch c := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		if len(c.Args) == 0 {
			return false
		}
		switch c.Args[0].Lit() {
		case "echo", "printf", "true", ":", "export", "set", "shopt", "umask", "exit":
			return false
		}
	case *syntax.BinaryCmd:
		if c.Op == syntax.OrStmt {
			return false // || exit 1, || true
		}
	case *syntax.FuncDecl, *syntax.DeclClause:
		return false
	}
	return true
}
