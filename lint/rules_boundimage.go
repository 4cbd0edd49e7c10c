package lint

import (
	"path"
	"strings"

	"github.com/BurntSushi/toml"
)

// boundImageRules are about images of workloads that bootc fetches together with the system.
var boundImageRules = []Rule{
	{
		ID: "BL705", Slug: "lbi-invalid", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a bound image that bootc refuses",
		Rationale: `bootc fetches the images that /usr/lib/bootc/bound-images.d names before it installs or updates, and fails if it cannot understand one of the entries: each
must be a link to a .image or .container file that has Image= with the whole name. It expands no %-specifiers, reads no drop-ins, and takes the pull
secret of the system, so that AuthFile= is an error.`,
		URL: "https://bootc.dev/bootc/logically-bound-images.html",
		Bad: `
-- layer 0 --
link /usr/lib/bootc/bound-images.d/web.container -> /usr/share/containers/systemd/wbe.container
file /usr/share/containers/systemd/web.container [Container]\nImage=quay.io/acme/web:1\n
`,
		Good: `
-- layer 0 --
link /usr/lib/bootc/bound-images.d/web.container -> /usr/share/containers/systemd/web.container
file /usr/share/containers/systemd/web.container [Container]\nImage=quay.io/acme/web:1\n
`,
		Wants: append(quadletWants(), Want{Glob: "/usr/**/*.container", Quiet: true}, Want{Glob: "/usr/**/*.image", Quiet: true}),
		Check: func(f *Facts, found func(Finding)) {
			for entry := range f.Root.In(boundDir) {
				if why, line, file := unbound(f, entry); why != "" {
					out := entry.Finding("%s: installation and updates fail", why)
					if line > 0 {
						out = file.Finding("%s: it is bound, so that installation and updates fail", why).OnLine(line)
					}
					found(out.Fixed("ln -s /usr/share/containers/systemd/NAME.container %s/, with Image=registry/name@sha256:… in the file", boundDir))
				}
			}
		},
	},
	{
		ID: "BL706", Slug: "lbi-no-store", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a bound image that podman will not find",
		Rationale: `bootc keeps bound images in a store of its own, /usr/lib/bootc/storage. podman looks into it only if it is told to, by GlobalArgs= of the quadlet; without,
it pulls the image once more at the first start, and fails where there is no network.`,
		URL: "https://bootc.dev/bootc/logically-bound-images.html",
		Bad: `
-- layer 0 --
link /usr/lib/bootc/bound-images.d/web.container -> /usr/share/containers/systemd/web.container
file /usr/share/containers/systemd/web.container [Container]\nImage=quay.io/acme/web:1\n
`,
		Good: `
-- layer 0 --
link /usr/lib/bootc/bound-images.d/web.container -> /usr/share/containers/systemd/web.container
file /usr/share/containers/systemd/web.container [Container]\nImage=quay.io/acme/web:1\n
file /usr/share/containers/systemd/web.container.d/10-bound.conf [Container]\nGlobalArgs=--storage-opt=additionalimagestore=/usr/lib/bootc/storage\n
`,
		Wants: quadletWants(),
		Check: func(f *Facts, found func(Finding)) {
			byPath := map[string]quadletUnit{}
			for _, q := range f.quadlets() {
				byPath[q.read[0].file.Path] = q
			}
			for entry := range f.Root.In(boundDir) {
				file, _ := f.Root.Resolve(entry.Path)
				if file == nil {
					continue
				}
				q, ok := byPath[file.Path]
				if !ok || path.Ext(q.name) != ".container" {
					continue
				}
				args := ""
				for _, s := range q.all("Container", "GlobalArgs") {
					args += s.value + " "
				}
				if !strings.Contains(args, boundStore) {
					found(file.Finding("the image is bound, but podman does not look into %s for it: it pulls it again, or fails without a network", boundStore).
						FixedBy(file.Path+".d/10-bound.conf", "[Container]\nGlobalArgs=--storage-opt=additionalimagestore="+boundStore+"\n", "add the drop-in"))
				}
			}
		},
	},
	{
		ID: "BL707", Slug: "lbi-global-store", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "bootc's store as a store for all containers",
		Rationale: `With /usr/lib/bootc/storage in storage.conf, any image that is pulled shares layers with those that are bound. bootc deletes what is bound no longer, and
containers of other images then lack layers. Only the quadlets of bound images may use it, by GlobalArgs=.`,
		URL: "https://bootc.dev/bootc/logically-bound-images.html",
		Bad: `
-- layer 0:/etc/containers/storage.conf --
[storage.options]
additionalimagestores = ["/usr/lib/bootc/storage"]
`,
		Good: `
-- layer 0:/etc/containers/storage.conf --
[storage.options]
additionalimagestores = ["/usr/share/acme/storage"]
`,
		Wants: Reading(storageConfs...),
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Files(storageConfs...) {
				var conf struct {
					Storage struct {
						Options struct {
							Stores []string `toml:"additionalimagestores"`
						} `toml:"options"`
					} `toml:"storage"`
				}
				if _, err := toml.Decode(file.Text(), &conf); err != nil {
					continue
				}
				for _, s := range conf.Storage.Options.Stores {
					if strings.HasPrefix(path.Clean(s), boundStore) {
						found(file.Finding("all containers use bootc's store, which loses layers when bootc cleans it up").OnLine(lineOf(file.Text(), s)).
							Fixed("take it out; GlobalArgs=--storage-opt=additionalimagestore=%s in the quadlets of bound images", boundStore))
					}
				}
			}
		},
	},
}

const (
	boundDir   = "/usr/lib/bootc/bound-images.d"
	boundStore = "/usr/lib/bootc/storage"
)

var storageConfs = []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf", "/etc/containers/storage.conf.d/*.conf", "/usr/share/containers/storage.conf.d/*.conf"}

// unbound says why bootc refuses an entry, and where in which file the reason stands, if it does.
func unbound(f *Facts, entry *File) (why string, line int, file *File) {
	if !entry.IsLink() {
		return "is no link", 0, nil
	}
	section := map[string]string{".image": "Image", ".container": "Container"}[path.Ext(entry.Name())]
	if section == "" {
		return "its name ends neither in .image nor in .container", 0, nil
	}
	file, end := f.Root.Resolve(entry.Path)
	if file == nil {
		if f.Root.Missing(end) {
			return "there is nothing at " + printable(end), 0, nil
		}
		return "", 0, nil
	}
	text, known := file.Content()
	if !known {
		return "", 0, nil
	}
	keys, _, _ := parseKeyFile(string(text))
	image, at := keys.get(section, "Image"), keys.line(section, "Image")
	switch {
	case image == "":
		return "has no Image= in [" + section + "]", 1, file
	case strings.Contains(strings.ReplaceAll(image, "%%", ""), "%"):
		return "Image=" + clip(image) + " has a specifier, which bootc does not expand", at, file
	case section == "Container" && !strings.Contains(image, "/") && (path.Ext(image) == ".image" || path.Ext(image) == ".build"):
		return "Image=" + clip(image) + " names another file, which bootc does not read", at, file
	case keys.get(section, "AuthFile") != "":
		return "AuthFile= is not supported for bound images, which are pulled with /etc/ostree/auth.json", keys.line(section, "AuthFile"), file
	}
	return "", 0, nil
}
