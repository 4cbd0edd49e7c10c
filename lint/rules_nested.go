package lint

import (
	"path"
	"strings"
)

// nestedRules are about containers in the image.
var nestedRules = []Rule{
	{
		ID: "BL210", Slug: "nested-containers", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "container images unpacked in the image",
		Rationale: `The store of podman has layers of its own, with whiteouts that mean something to it. In a layer of the image they would be whiteouts of that, and are
lost or refused; the import stops with "Not a regular file or symlink". Logically bound images are pulled by bootc together with
the image that names them.`,
		URL: "https://bootc.dev/bootc/logically-bound-images.html",
		Bad: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN podman pull quay.io/acme/app:1
`,
		Good: `
-- Containerfile --
FROM quay.io/acme/base:1
RUN skopeo copy docker://quay.io/acme/app:1 oci-archive:/usr/share/acme/app.tar
`,
		Check: func(f *Facts, found func(Finding)) {
			const fix = "name the image in /usr/lib/bootc/bound-images.d, and bootc pulls it with each update"
			for c := range f.Commands() {
				if where := pullsImages(c); where != "" && !c.mounted(where) {
					found(c.Finding("unpacks a container image in %s: its whiteouts do not survive in a layer", where).Showing(c.Text).Fixed(fix))
				}
			}
			for file := range f.Root.All() {
				if !strings.HasSuffix(file.Path, "-images/images.json") || !file.Derived() || file.Size <= 4 { // [] and a newline
					continue
				}
				found(file.Finding("is the list of a store with container images: their whiteouts do not survive in a layer").Fixed(fix))
			}
		},
	},
}

// pullsImages is the store that a command unpacks container images in, "" if it does not.
func pullsImages(c *Command) string {
	const store = "/var/lib/containers/storage"
	where := func(flags ...string) string {
		if w, ok := c.Value(flags...); ok && w.Known && path.IsAbs(w.Text) {
			return path.Clean(w.Text)
		}
		return store
	}
	switch c.Name {
	case "podman", "docker", "buildah":
		ops := c.Operands("--root", "--runroot", "--storage-driver", "--storage-opt", "--log-level", "--authfile", "--creds", "--platform", "--arch", "--os")
		if len(ops) > 0 && ops[0].Text == "image" {
			ops = ops[1:]
		}
		if len(ops) == 0 || c.Has("--help", "--version") {
			return ""
		}
		switch ops[0].Text {
		case "pull", "load", "import", "build", "create", "run", "from", "bud":
			return where("--root")
		}
	case "skopeo":
		ops := c.Operands("--authfile", "--src-creds", "--dest-creds", "--policy", "-f", "--format")
		if len(ops) == 3 && ops[0].Text == "copy" && strings.HasPrefix(ops[2].Text, "containers-storage:") {
			if _, rest, ok := strings.Cut(ops[2].Text, "["); ok {
				root, _, _ := strings.Cut(strings.TrimRight(rest[strings.IndexByte(rest, '@')+1:], "]"), "+")
				if root, _, _ = strings.Cut(root, "]"); path.IsAbs(root) {
					return path.Clean(root)
				}
			}
			return store
		}
	}
	return ""
}
