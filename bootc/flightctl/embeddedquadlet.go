package flightctl

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// quadletKinds are the kinds of unit files that the agent takes, by extension, with the section that each must have.
var quadletKinds = map[string]string{".container": "Container", ".volume": "Volume", ".network": "Network",
	".image": "Image", ".pod": "Pod", ".kube": "Kube"}

// otherQuadlets are kinds that podman has and the agent refuses.
var otherQuadlets = map[string]string{".build": "Build", ".artifact": "Artifact"}

var quadletName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.@:-]*$`)

func (a EmbeddedApp) checkQuadlets(d *bootc.Draft) error {
	var errs []error
	workload := false
	for _, name := range slices.Sorted(maps.Keys(a.Quadlets)) {
		ext := path.Ext(name)
		workload = workload || ext == ".container" || ext == ".kube"
		errs = append(errs, at("Quadlets["+name+"]", a.checkQuadlet(d, name)))
	}
	if !workload {
		errs = append(errs, bootc.Errorf("Quadlets", "has nothing that runs: a .container or a .kube"))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		ext := path.Ext(name)
		if quadletKinds[ext] != "" || otherQuadlets[ext] != "" {
			errs = append(errs, bootc.Errorf("Files["+name+"]", "is a unit file: put it into Quadlets, beside the others"))
		}
	}
	errs = append(errs, a.checkNames())
	return errors.Join(errs...)
}

func (a EmbeddedApp) checkQuadlet(d *bootc.Draft, name string) error {
	ext := path.Ext(name)
	section := quadletKinds[ext]
	switch {
	case !quadletName.MatchString(name) || section == "" && otherQuadlets[ext] == "":
		return fmt.Errorf("is not the name of a unit file: NAME.container, .kube, .volume, .network, .image or .pod")
	case section == "":
		return fmt.Errorf("the agent refuses %s files", ext)
	}
	q, err := a.quadlet(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, other := range slices.Sorted(maps.Values(quadletKinds)) {
		if other != section && q.has(other) {
			errs = append(errs, fmt.Errorf("has a section [%s], which does not belong into a %s file", other, ext))
		}
	}
	for _, other := range otherQuadlets {
		if q.has(other) {
			errs = append(errs, fmt.Errorf("has a section [%s], which the agent refuses", other))
		}
	}
	if !q.has(section) {
		errs = append(errs, fmt.Errorf("has no section [%s]", section))
		return errors.Join(errs...)
	}
	errs = append(errs, a.checkReferences(d, q, section))
	if ext == ".kube" {
		errs = append(errs, a.checkKube(q))
	}
	return errors.Join(errs...)
}

// checkReferences looks at the images, and at the units of this application that q names: no other application's
// units are within reach, as the agent renames them all.
func (a EmbeddedApp) checkReferences(d *bootc.Draft, q quadlet, section string) error {
	var errs []error
	own := func(key, value string) {
		if _, ok := a.Quadlets[value]; !ok {
			errs = append(errs, fmt.Errorf("its %s= names %s, which is not among Quadlets", key, value))
		}
	}
	image := func(key, value string) {
		switch path.Ext(value) {
		case ".image":
			own(key, value)
		case ".build":
			errs = append(errs, fmt.Errorf("its %s= names %s, but the agent refuses .build files", key, value))
		default:
			if err := checkImage(d, "Quadlets["+q.name+"]", value); err != nil {
				errs = append(errs, fmt.Errorf("its %s=: %w", key, err))
			}
		}
	}
	images := q.all(section, "Image")
	switch {
	case len(images) > 0 && section != "Pod" && section != "Network" && section != "Kube":
		image("Image", images[len(images)-1])
	case section == "Container", section == "Image":
		errs = append(errs, fmt.Errorf("has no Image="))
	}
	for _, ref := range []struct{ key, ext string }{{"Volume", ".volume"}, {"Network", ".network"}, {"Pod", ".pod"}} {
		for _, value := range q.all(section, ref.key) {
			if value, _, _ = strings.Cut(value, ":"); strings.HasSuffix(value, ref.ext) {
				own(ref.key, value)
			}
		}
	}
	for _, mount := range q.all(section, "Mount") {
		kind, source, err := mountSource(mount)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("its Mount=%s %w", mount, err))
		case kind == "image" && source != "":
			image("Mount", source)
		case kind == "volume" && strings.HasSuffix(source, ".volume"):
			own("Mount", source)
		}
	}
	return errors.Join(errs...)
}

// checkKube looks for the manifest, whose name the agent changes before podman reads it.
func (a EmbeddedApp) checkKube(q quadlet) error {
	files := q.all("Kube", "Yaml")
	if len(files) == 0 {
		return fmt.Errorf("has no Yaml= with the name of the manifest")
	}
	name := files[len(files)-1]
	text, ok := a.Files[path.Clean(name)]
	if !ok {
		return fmt.Errorf("its Yaml= names %s, which is not among Files", name)
	}
	var pod map[string]any
	if err := yaml.Unmarshal([]byte(text), &pod); err != nil {
		return fmt.Errorf("%s is not one YAML object: %w", name, err)
	}
	return nil
}

// checkNames wants ContainerName= and its like to differ.
func (a EmbeddedApp) checkNames() error {
	var errs []error
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.Quadlets)) {
		q, err := a.quadlet(name)
		if err != nil {
			continue // told before
		}
		section := quadletKinds[path.Ext(name)]
		key := section + "Name"
		for _, value := range q.all(section, key) {
			if other := seen[key+"="+value]; other != "" && other != name {
				errs = append(errs, bootc.Errorf("Quadlets["+name+"]", "%s=%s is that of %s as well", key, value, other))
			}
			seen[key+"="+value] = name
		}
	}
	return errors.Join(errs...)
}
