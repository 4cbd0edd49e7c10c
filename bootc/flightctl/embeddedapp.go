package flightctl

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// EmbeddedApp is an application that comes with the image: the agent starts it as root, and reports it next to those
// of the device's specification. Its images are pulled when it starts.
//
// Upstream has this in its code and tests, but took it out of its user guide in December 2025 without a word why: it may
// go. A Quadlet or a fleet's application is the documented way.
//
// An application that the agent finds wrong stops all embedded ones from being read, and with them any update. So this
// feature refuses whatever agents from 1.0 on refuse (their internal/agent/device/applications/provider). An image that
// has neither a digest nor the tag of a version is a warning: which one runs depends on the day a device pulls it.
//
// The files lie below /usr/local/etc, where the agent looks. Where the base has /usr/local as a link into /var, it
// becomes a directory of the image: in /var, updates would not reach it, and what the base has behind the link no
// longer shows.
type EmbeddedApp struct {
	// Name of the application: lower case letters, digits and "-", at most 63.
	Name string
	// Compose is the text of the compose file, of which the agent wants services with an image each, no container_name
	// and volumes in the short form. The image needs podman-compose: see ComposeApps.
	Compose string `json:",omitzero"`
	// ComposeOverride is the text of an override file. As the agent checks each service that it names by what stands
	// here alone, it repeats their images.
	ComposeOverride string `json:",omitzero"`
	// Quadlets are the unit files by name, instead of Compose: at least one .container or .kube, with the .volume,
	// .network, .image and .pod files that they refer to. A .kube needs an agent of 1.3 or later.
	Quadlets map[string]string `json:",omitzero"`
	// Files are what else the application needs, by path relative to its directory: "web.container.d/10-limits.conf",
	// "pod.yaml", ".env". Everyone who has the image can read them.
	Files map[string]string `json:",omitzero"`
}

// Where the agent looks for applications of the image, a directory each.
const (
	composeDir = "/usr/local/etc/compose/manifests/"
	quadletDir = "/usr/local/etc/containers/systemd/"
)

var appName = lazyregexp.New(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Contribute checks the application as the agent will, and adds its files.
func (a EmbeddedApp) Contribute(d *bootc.Draft) error {
	var errs []error
	if !appName.MatchString(a.Name) {
		errs = append(errs, bootc.Errorf("Name", "%q is not lower case letters, digits and '-', at most 63, with a letter or digit at both ends", a.Name))
	}
	var dir string
	files := map[string]string{} // field of each path
	for name := range a.Files {
		files[name] = fmt.Sprintf("Files[%s]", name)
	}
	text := maps.Clone(a.Files)
	if text == nil {
		text = map[string]string{}
	}
	switch {
	case (a.Compose != "") == (len(a.Quadlets) > 0):
		errs = append(errs, bootc.Errorf("", "set Compose or Quadlets, one of them"))
	case a.Compose != "":
		dir = composeDir
		errs = append(errs, a.checkCompose(d))
		text["podman-compose.yaml"], files["podman-compose.yaml"] = a.Compose, "Compose"
		if a.ComposeOverride != "" {
			text["podman-compose.override.yaml"], files["podman-compose.override.yaml"] = a.ComposeOverride, "ComposeOverride"
		}
	default:
		dir = quadletDir
		errs = append(errs, a.checkQuadlets(d))
		for name, unit := range a.Quadlets {
			text[name], files[name] = unit, fmt.Sprintf("Quadlets[%s]", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		if !fs.ValidPath(name) || name == "." {
			errs = append(errs, bootc.Errorf("Files["+name+"]", "is not a clean path relative to the application's directory"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	bootc.Gather(d, part{embedded: &a}, checkParts)
	errs = append(errs, d.Use("", bootc.Dir{Path: "/usr/local"}))
	for _, name := range slices.Sorted(maps.Keys(text)) {
		errs = append(errs, d.Use(files[name], bootc.File{Path: path.Join(dir, a.Name, name), Content: bootc.Text(text[name])}))
	}
	return errors.Join(errs...)
}

// checkAgent looks for what an agent of this version does not start.
func (a EmbeddedApp) checkAgent(agent Version) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(a.Quadlets)) {
		if path.Ext(name) == ".kube" && !agent.AtLeast(1, 3) {
			errs = append(errs, bootc.Errorf("Quadlets["+name+"]", "agents before 1.3 leave .kube files aside, and this one is %s", agent))
		}
	}
	return errors.Join(errs...)
}
