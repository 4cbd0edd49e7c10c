package bootc

import (
	"path"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Quadlet is a container workload that podman's generator turns into a systemd service at boot, described in
// podman-systemd.unit(5): a container, or what containers need. It is in /usr/share/containers/systemd, so the image
// alone defines it; a file of the same name in /etc/containers/systemd takes its place.
//
// What makes the generator drop a file, so that the service is missing without a word, is an error here. An image
// without a digest is a warning, unless AutoUpdate= says that the tag shall move: it may be another image on each
// machine, and after each restart.
type Quadlet struct {
	// Name with its type: "web.container", "data.volume", "back.network", "app.pod", "web.image", "app.kube" or
	// "web.build"; "web@.container" for a template. The service is web.service for a container or kube file, and
	// web-volume.service and so on for the others.
	Name string
	// Content is the text of the file. Files that it names by a relative path, such as Yaml=app.yaml, are beside it.
	Content string
	// DropIns are the files of NAME.d: "10-limits.conf" and its text.
	DropIns map[string]string `json:",omitzero"`
}

// Quadlet adds a quadlet; see Quadlet.
func (s Spec) Quadlet(name, text string) Spec { return s.With(Quadlet{Name: name, Content: text}) }

const quadletDir = "/usr/share/containers/systemd/"

var quadletName = lazyregexp.New(`^[A-Za-z0-9:_.\\-]+@?\.(container|volume|network|pod|image|kube|build)$`)

// Contribute checks the text and adds the file.
func (q Quadlet) Contribute(d *Draft) error {
	if !quadletName.MatchString(q.Name) || len(q.Name) > 240 {
		return Errorf("Name", "%q is not the name of a quadlet with its type, such as web.container; known types are build, container, image, kube, network, pod and volume", q.Name)
	}
	settings, err := parseINI(q.Content)
	if err != nil {
		return &FieldError{"Content", err}
	}
	f := quadletFile{q.Name, settings}
	errs := []error{f.checkSections(d, "Content")}
	for _, name := range sortedKeys(q.DropIns) {
		at := "DropIns[" + name + "]"
		errs = append(errs, within(at, DropIn{Path: quadletDir + q.Name + ".d/" + name, Content: q.DropIns[name]}.put(d, PhaseUnits))...)
		settings, _ := parseINI(q.DropIns[name]) // DropIn has told the mistakes
		errs = append(errs, quadletFile{q.Name, settings}.checkSections(d, at))
		f.settings = append(f.settings, settings...)
	}
	errs = append(errs, f.check(d))
	d.Put(PhaseUnits, regular(quadletDir+q.Name, q.Content))
	d.quadlets = append(d.quadlets, intend(d, f)) // also if it has mistakes: those of others that name it would be none
	return join(errs)
}

// quadletFile is a quadlet with its drop-ins, as the generator reads them.
type quadletFile struct {
	name     string
	settings []setting
}

// kind is the type by the name's extension.
func (f quadletFile) kind() string { return strings.TrimPrefix(path.Ext(f.name), ".") }

func (f quadletFile) section() string { return quadletSections[f.kind()].name }

// service is the name of the service that the generator makes.
func (f quadletFile) service() string {
	if name, ok := f.get("ServiceName"); ok && name != "" {
		return name + ".service"
	}
	base, template := strings.CutSuffix(strings.TrimSuffix(f.name, path.Ext(f.name)), "@")
	if kind := f.kind(); kind != "container" && kind != "kube" {
		base += "-" + kind
	}
	if template {
		base += "@"
	}
	return base + ".service"
}

// get is the value of a key of the file's own section; the last one counts.
func (f quadletFile) get(key string) (string, bool) { return f.last(f.section(), key) }

func (f quadletFile) last(section, key string) (value string, ok bool) {
	for _, s := range f.settings {
		if s.section == section && s.key == key {
			value, ok = s.value, true
		}
	}
	return value, ok
}

// all are the values of a key that may be there several times; an empty one starts anew.
func (f quadletFile) all(section, key string) []string {
	var out []string
	for _, s := range f.settings {
		if s.section == section && s.key == key {
			if out = append(out, s.value); s.value == "" {
				out = nil
			}
		}
	}
	return out
}
