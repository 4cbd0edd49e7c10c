package lint

import (
	"path"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// workloadRules are about the services that run containers.
var workloadRules = []Rule{
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

// appDirs are where the agent of Flight Control looks for applications of the image: of compose files and of quadlets.
var appDirs = [2]string{"/usr/local/etc/compose/manifests", "/usr/local/etc/containers/systemd"}

var imageLine = lazyregexp.New(`(?m)^[ \t]*(?:-[ \t]+)?image:[ \t]*["']?([^\s"'#]+)`)

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
