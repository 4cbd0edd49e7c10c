package lint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// RunBootc runs the image's own "bootc container lint" and returns what it says as a report, with our rules where they have
// bootc's names as aliases. command is the program and its arguments up to "bootc"; the rest is added:
//
//	lint.RunBootc(ctx, "podman", "run", "--rm", "quay.io/acme/edge-os:1.4.0")
//	lint.RunBootc(ctx, "chroot", "/mnt/image")
//
// It is for those who want a second opinion: every check of bootc's is among the rules of this package, and they need not
// run anything. The error is for a command that does not run, and for output that is not bootc's.
func RunBootc(ctx context.Context, command ...string) (Report, error) {
	argv := append(slices.Clone(command), "bootc", "container", "lint", "--no-truncate")
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r, parseErr := ParseBootc(stdout.String() + stderr.String())
	r.Target = strings.Join(command, " ")
	switch {
	case ctx.Err() != nil:
		return Report{}, context.Cause(ctx)
	case parseErr != nil && err != nil:
		return Report{}, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, clip(stderr.String()))
	case parseErr != nil:
		return Report{}, fmt.Errorf("%s: %w", strings.Join(argv, " "), parseErr)
	}
	return r, nil // its exit status says no more than the findings
}

// What "bootc container lint" writes (https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/lints.rs): a line for each
// lint that fails, perhaps with a list of items below it, and counts at the end. A lint that could not run ends everything.
const (
	bootcFailed  = "Failed lint: "
	bootcWarning = "Lint warning: "
	bootcPassed  = "Checks passed: "
	bootcBroken  = "Unexpected runtime error running lint "
)

// ParseBootc reads the output of "bootc container lint" as a report, in which a lint of bootc's has the ID of the rule of
// this package that names it as an alias, or else bootc/NAME. What bootc's lint lists is a finding each. The error is for a
// text that is no such output.
func ParseBootc(text string) (Report, error) {
	var r Report
	r.Stages = InRoot
	r.rules = Rules()
	seen := false
	var head Finding // of the items that follow
	items := 0
	flush := func() {
		if head.Rule != "" && items == 0 {
			r.Findings = append(r.Findings, head)
		}
		head, items = Finding{}, 0
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, bootcFailed):
			flush()
			head = r.bootcFinding(line[len(bootcFailed):], Error)
		case strings.HasPrefix(line, bootcWarning):
			flush()
			head = r.bootcFinding(line[len(bootcWarning):], Warning)
		case strings.HasPrefix(line, bootcPassed):
			flush()
			seen = true
		case strings.Contains(line, bootcBroken):
			flush()
			_, rest, _ := strings.Cut(line, bootcBroken)
			head, seen = r.bootcFinding(rest, Error), true
			head.Message = "bootc's lint stopped here, and did not run the others: " + head.Message
		case strings.HasPrefix(line, "  ") && head.Rule != "":
			f := head
			f.Message = strings.TrimSuffix(head.Message, ":")
			item := strings.Trim(strings.TrimSpace(line), `"'`)
			if strings.HasPrefix(item, "/") {
				f.Path = printable(item)
			} else {
				f = f.Showing(item)
			}
			r.Findings = append(r.Findings, f)
			items++
		case strings.HasSuffix(line, ":") && head.Rule != "" && strings.HasPrefix(line, "Found "):
			rule := head
			flush() // a second list of the same lint
			head = rule
			head.Message = printable(line)
		}
	}
	flush()
	if !seen && len(r.Findings) == 0 {
		return Report{}, errors.New("it is not the output of bootc container lint")
	}
	for i := range r.Findings {
		r.Findings[i].Fingerprint = r.Findings[i].fingerprint()
	}
	slices.SortFunc(r.Findings, order)
	return r, nil
}

// bootcFinding reads "NAME: MESSAGE".
func (r *Report) bootcFinding(text string, s Severity) Finding {
	name, message, _ := strings.Cut(text, ": ")
	f := Finding{Rule: "bootc/" + printable(name), Slug: printable(name), Severity: s, Stage: InRoot, Message: printable(message)}
	for _, rule := range r.rules {
		if rule.is(name) {
			f.Rule, f.Slug, f.URL = rule.ID, rule.Slug, rule.URL
		}
	}
	for _, word := range strings.Fields(message) {
		if word = strings.Trim(word, `:;,"'`); strings.HasPrefix(word, "/") && len(word) > 1 && f.Path == "" && !strings.HasSuffix(message, ":") {
			f.Path = printable(word)
		}
	}
	return f
}
