package lint

import "strings"

// hygieneRules are about Containerfiles that give another image each day.
var hygieneRules = []Rule{
	{
		ID: "BL801", Slug: "base-unpinned", Aliases: []string{"DL3006", "DL3007"}, Severity: Warning, Stages: InSpec | InContainerfile,
		Title: "a base image without a digest",
		Rationale: `A tag points to another image tomorrow. Devices then get changes that nobody chose, and no build can be repeated. A digest beside
the tag says which base was meant: registry/repository:tag@sha256:….`,
		URL: "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
		Bad: `
-- Containerfile --
FROM quay.io/centos-bootc/centos-bootc
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1@sha256:0000000000000000000000000000000000000000000000000000000000000000
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Build == nil {
				return
			}
			for _, s := range f.Build.Steps {
				if s.Step != nil || !s.InImage {
					continue
				}
				ref, known := s.Expand(s.Stage().From)
				_, isStage := f.Build.File.Lookup(ref, s.Index.Stage)
				if isStage || ref == "scratch" || strings.Contains(ref, "@") || !known {
					continue
				}
				name := ref[strings.LastIndexByte(ref, '/')+1:]
				_, tag, tagged := strings.Cut(name, ":")
				out := s.Finding("%s is another image tomorrow: it has no digest", ref).Fixed("write FROM %s@sha256:…, with the digest that skopeo inspect shows", ref)
				if tagged && tag != "latest" {
					out = out.As(Note)
				}
				found(out)
			}
		},
	},
	{
		ID: idSyntax, Slug: "parse-error", Severity: Error, Stages: InSpec | InContainerfile, Check: engine,
		Title:     "a Spec, Containerfile or script with a mistake in it",
		Rationale: `The builder does not accept it, or a shell would not. Everything else in the file was looked at all the same.`,
		URL:       "https://github.com/openshift/imagebuilder/tree/master/dockerfile/parser",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN if true; then echo
COPPY a /b
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN if true; then echo; fi
`,
	},
}
