package lint

// importRules are about what ostree and bootc refuse when they import an image.
var importRules = []Rule{
	{
		ID: "BL119", Slug: "cross-layer-hardlink", Severity: Error, Stages: InLayers,
		Title: "a hard link to a file of another layer",
		Rationale: `Each layer is imported by itself. A hard link whose target is not in the same layer makes the import fail: "Processing deferred
hardlink … Failed to find object". It comes from programs that link files in their cache, such as dnf, when a step writes to
what an earlier step left there.`,
		URL: "https://github.com/bootc-dev/bootc/issues/1201",
		Bad: `
-- layer 0 --
file /var/cache/a
-- layer 1 --
hard /var/cache/b => /var/cache/a
`,
		Good: `
-- layer 0 --
hard /usr/b => /usr/a
file /usr/a
`,
		Check: func(f *Facts, found func(Finding)) {
			for _, l := range f.Layers {
				for i := range l.Files {
					if file := &l.Files[i]; file.LinksOut() {
						found(file.Finding("is a hard link to %s, which is not in the same layer: the image cannot be imported", printable(file.HardLink())).
							Fixed("delete caches in the step that fills them (rm -rf /var/cache/* /var/lib/dnf), or copy the file instead of linking it"))
					}
				}
			}
		},
	},
}
