package lint

// configRules are about labels, environment and the like.
var configRules = []Rule{
	{
		ID: "BL901", Slug: "bootc-label", Severity: Error, Stages: InSpec | InContainerfile | InConfig,
		Title: "no label containers.bootc=1",
		Rationale: `The label says that the image is a bootable one. The import of an image without it and without ostree.bootable fails, and
image-builder makes no disk of it.`,
		URL: "https://bootc.dev/bootc/bootc-images.html",
		Bad: `
-- config.json --
{"config": {"Labels": {"containers.bootc": "0"}}}
`,
		Good: `
-- config.json --
{"config": {"Labels": {"containers.bootc": "1"}}}
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Config == nil {
				return
			}
			value, known := f.Config.Label("containers.bootc")
			setting := f.Config.Labels["containers.bootc"]
			switch {
			case !known || setting.Unknown || value == "1":
			case setting.Set:
				found(setting.Finding("the label containers.bootc is %q, not 1: bootc and image-builder take the image for no bootable one", value).
					Fixed("LABEL containers.bootc=1"))
			default:
				found(f.Config.Finding("the label containers.bootc is missing: bootc and image-builder take the image for no bootable one").
					Fixed("LABEL containers.bootc=1"))
			}
		},
	},
}
