// Package lint checks bootable images before, during and after the build, and returns what it finds as values.
//
// # Contract
//
//   - A [Linter] is a value: which rules, what to put up with. Its methods lint a target each: [Linter.Spec], [Linter.Plan]
//     and [Linter.Containerfile] before the build, [Linter.Root] a root file system, [Linter.Image] the layers, config and
//     history of an image.
//   - A [Report] is a value, and the same target gives the same report, byte for byte. [Report.Err] is an error if it has
//     findings of the severity [Linter.FailOn] or worse.
//   - One rule serves before and after the build. A Spec and a Containerfile are brought into the form of an image, a layer of
//     files for each step, so that a rule about /etc/sudoers.d/x need not know whether a tar, a COPY or a here-document
//     puts it there. Shell is parsed, not searched. What a variable hides is not guessed.
//   - What cannot be read is a finding (BL004, BL005, BL811), and never hides another.
//   - Findings say where: file and line in the image, layer, line and column of the Containerfile, field of the Spec.
//   - Nothing is unpacked to disk, no program is run, nothing is read outside the target. [Limits] bound what a hostile image
//     can make it cost.
//
// # A whole program
//
//	package main
//
//	import (
//		"log"
//		"os"
//
//		"github.com/bootloom/bootloom/lint"
//	)
//
//	func main() {
//		text, err := os.ReadFile("Containerfile")
//		if err != nil {
//			log.Fatal(err)
//		}
//		report := lint.Linter{FailOn: lint.Warning}.Containerfile(lint.Containerfile{
//			Name:    "Containerfile",
//			Text:    text,
//			Context: os.DirFS("."),
//		})
//		report.WriteText(os.Stdout, lint.TextOptions{})
//		if err := report.Err(); err != nil {
//			os.Exit(1)
//		}
//	}
//
// # Rules
//
// Each rule has a page in the directory rules, made from its Go value. Identifiers are stable; the names that bootc's own
// lint and hadolint have for a rule are its aliases, and work wherever a rule is named. The ranges: 0xx the lint itself, 1xx
// boot and import, 2xx file system, 3xx configuration, 4xx changes at run time, 5xx secrets and identity, 6xx users and
// permissions, 7xx services and workloads, 8xx Containerfiles, 9xx metadata and trust.
//
// # Writing a rule
//
// A [Rule] is a struct value; those of this package stand in the rules_*.go files, one family a file, listed in rules.go. Its
// Check gets [Facts] and hands on findings:
//
//	{
//		ID: "BL214", Slug: "world-writable", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
//		Title:     "a file that anyone may change",
//		Rationale: `…what happens on a device, and why…`,
//		URL:       "https://…the source of the rule…",
//		Bad:       `…a case that fires…`,
//		Good:      `…the nearest one that must not…`,
//		Check: func(f *Facts, found func(Finding)) {
//			for file := range f.Root.All() {
//				if file.Mode.Perm()&0o002 != 0 && !file.IsLink() {
//					found(file.Finding("mode %04o: anyone may change it", file.Mode.Perm()).Fixed("chmod o-w %s", file.Path))
//				}
//			}
//		},
//	}
//
// What to go by:
//
//   - Start from what the rule is about: files of the merged root ([Facts.Files], [Facts.Root]), entries of single layers
//     ([Facts.Layers], for what only one layer shows, or what it hides of those below: [Layer.Hides]), commands
//     ([Facts.Commands], with [Command.Has], [Command.Operands], [Command.Writes]), steps ([Facts.Build], [In]), the config
//     ([Facts.Config]). rules_perm.go, rules_import.go, rules_runtime.go, rules_script.go and rules_config.go are a model
//     of each.
//   - Stages names every place where the rule can tell something; it runs if the target has one of them. If it reads only
//     f.Root, all of InSpec | InContainerfile | InRoot is right. What is missing can only be told of a whole root:
//     [Tree.Missing], or f.Root.Whole.
//   - Content has to be asked for: Wants. [File.Content] and [File.Text] then have it; ok is false for a file that a RUN
//     changes in a way that nobody can foresee, and then the rule says nothing. [File.Part] has what a command adds, for rules
//     that look for words.
//   - Make the finding from what it is about: file.Finding, command.Finding, step.Finding, layer.Finding, setting.Finding,
//     f.Finding. That fills in path, layer and position. The message does not repeat them; it says what is wrong and what
//     comes of it. Then Fixed (what to do, ready to copy), Showing (the evidence; secrets through [Redact]), OnLine, As (another
//     severity), Unsure.
//   - [File.Derived] tells what comes from above the base. A rule about things that bases do too, and that their users cannot
//     mend, skips what is not derived.
//   - What several rules of this package need is read in one place: units with their drop-ins (unit.go), which of them start
//     (unitstate.go), the commands that a device runs by itself (task.go), tmpfiles.d and sysusers.d, what comes from packages
//     and not from who writes the image (installed.go).
//   - Parsers return errors with lines, take any bytes, and have a fuzz target. They live beside the rules that use them, in a
//     file of their own when two families do.
//   - No I/O, no state, no clock but Facts.Now.
//
// # Cases
//
// Bad and Good, and the files of testdata, are cases in the txtar format. testdata/*.txtar end in the section want with every
// finding (go test -run TestCorpus -update writes it: read the diff). Bad and Good have none: Bad must fire the rule, Good must
// not. The sections:
//
//	-- Containerfile --           the target is a Containerfile, with the files under context/ as its context
//	-- context/PATH --
//	-- spec.json --               the target is a Spec, compiled with base.json and the files under base/
//	-- layer 0 --                 the target is an image: entries of its layers, one a line (below)
//	-- layer 1:/PATH [MODE] [UID:GID] --   one file with its content
//	-- built-from --              the Containerfile that the image was built from, for positions
//	-- config.json --             its config (an OCI image config); without, it has the label containers.bootc=1 and a version
//	-- manifest.json --           its manifest, for annotations
//	-- old layer 0 --             an image that it replaces, for upgrade rules; old config.json is its config
//	-- linter.json --             fields of the Linter
//	-- rules --                   IDs of the rules whose findings are looked at; all without
//
// The lines of a layer:
//
//	use bootable                  what every bootable image has, without a finding
//	dir PATH [MODE] [UID:GID]
//	file PATH [MODE] [UID:GID] [TEXT…]
//	link PATH -> TARGET
//	hard PATH => TARGET
//	fifo PATH
//	char PATH MAJOR:MINOR         and block
//	xattr PATH NAME=VALUE         of a file above; 0s before a value in base64
//	whiteout PATH
//	opaque DIR
//
// Directories on the way are made where no layer has them. \n, \x20 and \xff in a word are as in Go. Images are linted from each
// backend that can hold them, and must give the same findings.
package lint
