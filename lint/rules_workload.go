package lint

import (
	"path"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bootloom/bootloom/bootc"
)

const (
	boundDir   = "/usr/lib/bootc/bound-images.d"
	boundStore = "/usr/lib/bootc/storage"
)

// workloadRules are about containers that come with the image.
var workloadRules = []Rule{
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
	{
		ID: "BL708", Slug: "image-mutable-tag", Severity: Note, Stages: InSpec | InContainerfile | InRoot,
		Title: "a workload whose image may be another one tomorrow",
		Rationale: `A tag is what its registry says it is on the day when a device pulls: two devices with the same OS image run different programs, and going back to the
OS image before does not bring back the workload that belonged to it. With a digest all run the same. A tag of a version is a note, "latest" or no tag
a warning; where AutoUpdate= says that the tag shall be followed, nothing is said.`,
		URL: "https://docs.podman.io/en/latest/markdown/podman-systemd.unit.5.html",
		Bad: `
-- layer 0 --
file /usr/share/containers/systemd/web.container [Container]\nImage=quay.io/acme/web:latest\n
`,
		Good: `
-- layer 0 --
file /usr/share/containers/systemd/web.container [Container]\nImage=quay.io/acme/web@sha256:0000000000000000000000000000000000000000000000000000000000000000\n
file /usr/share/containers/systemd/own.container [Container]\nImage=localhost/own:latest\n
file /usr/share/containers/systemd/moving.container [Container]\nImage=quay.io/acme/web:1\nAutoUpdate=registry\n
`,
		Wants: append(quadletWants(), Reading(appDirs[0]+"/**", appDirs[1]+"/**")...),
		Check: func(f *Facts, found func(Finding)) {
			for _, use := range imageUses(f) {
				tag, pinned := tagOf(use.image)
				if pinned || use.moves || !use.file.Derived() || !inRegistry(use.image) {
					continue
				}
				out := use.file.Finding("%s may be another image tomorrow, and on the next device", clip(use.image)).OnLine(use.line).
					Fixed("write %s@sha256:…, with the digest that skopeo inspect shows", clip(use.image))
				if tag == "" || tag == "latest" {
					out = out.As(Warning)
				}
				found(out)
			}
		},
	},
	{
		ID: "BL712", Slug: "quadlet-invalid", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a quadlet that podman makes no service of",
		Rationale: `podman's generator runs at each boot, before anybody could see what it says. A file with a key that it does not know, or that names a network, volume or
pod which is not there, is dropped: the service does not exist. What is checked is what Quadlet of package bootc refuses, as podman 5.4 does.`,
		URL: "https://docs.podman.io/en/latest/markdown/podman-systemd.unit.5.html",
		Bad: `
-- layer 0:/usr/share/containers/systemd/web.container --
[Container]
Image=quay.io/acme/web@sha256:0000000000000000000000000000000000000000000000000000000000000000
Ports=80:80
`,
		Good: `
-- layer 0:/usr/share/containers/systemd/web.container --
[Container]
Image=quay.io/acme/web@sha256:0000000000000000000000000000000000000000000000000000000000000000
PublishPort=80:80
Network=back.network
-- layer 0:/usr/share/containers/systemd/back.network --
[Network]
`,
		Wants: quadletWants(),
		Check: quadletsInvalid,
	},
}

// quadletsInvalid has package bootc judge all quadlets together, as they refer to each other.
func quadletsInvalid(f *Facts, found func(Finding)) {
	var features []bootc.Feature
	list := f.quadlets()
	for _, q := range list {
		feature := bootc.Quadlet{Name: q.name, DropIns: map[string]string{}}
		for i, part := range q.read {
			text, known := part.file.Content()
			if !known {
				return
			}
			if i == 0 {
				feature.Content = string(text)
			} else {
				feature.DropIns[part.file.Name()] = string(text)
			}
		}
		features = append(features, feature)
	}
	mistakes := featureMistakes(f, features)
	for i, q := range list {
		if !q.file.Derived() {
			continue
		}
		for _, m := range mistakes[i] {
			file := q.read[0].file
			text, line := placeOf(m.text, file.Text())
			found(file.Finding("podman makes no service of it: %s", text).OnLine(line).Fixed("/usr/libexec/podman/quadlet -dryrun shows what podman makes of it"))
		}
	}
}

var storageConfs = []string{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf", "/etc/containers/storage.conf.d/*.conf", "/usr/share/containers/storage.conf.d/*.conf"}

// appDirs are where the agent of Flight Control looks for applications of the image: of compose files and of quadlets.
var appDirs = [2]string{"/usr/local/etc/compose/manifests", "/usr/local/etc/containers/systemd"}

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

var imageLine = regexp.MustCompile(`(?m)^[ \t]*(?:-[ \t]+)?image:[ \t]*["']?([^\s"'#]+)`)

// imageUses are the images of all workloads: of quadlets, of the manifests that they name, and of applications for the agent.
func imageUses(f *Facts) []imageUse {
	var out []imageUse
	manifest := func(file *File) {
		text := file.Text()
		for _, m := range imageLine.FindAllStringSubmatchIndex(text, -1) {
			out = append(out, imageUse{file: file, line: lineAt(text, m[2]), image: text[m[2]:m[3]]})
		}
	}
	for _, q := range f.quadlets() {
		out = append(out, q.images()...)
		for _, y := range q.all("Kube", "Yaml") {
			name := y.value
			if !path.IsAbs(name) {
				name = path.Join(q.file.Dir(), name)
			}
			if file, _ := f.Root.Resolve(name); file != nil {
				manifest(file)
			}
		}
	}
	for file := range f.Root.Below(appDirs[0]) {
		if ext := path.Ext(file.Name()); ext == ".yaml" || ext == ".yml" {
			manifest(file)
		}
	}
	for file := range f.Root.Below(appDirs[1]) {
		if section := quadletSection[path.Ext(file.Name())]; section != "" {
			q := quadletUnit{unit{name: file.Name(), file: file}}
			q.add(file)
			out = append(out, q.images()...)
		}
	}
	return out
}
