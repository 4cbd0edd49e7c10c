package bootc

import (
	"path"
	"slices"
	"strings"
)

// unitDependencies are keys of [Unit] that make one unit start another.
var unitDependencies = []string{"BindsTo", "Requires", "Requisite", "Upholds", "Wants"}

// references are the other quadlets that the file names, and the files beside it.
func (f quadletFile) references() (quadlets, files []string) {
	add := func(name string, kinds ...string) {
		if slices.Contains(kinds, strings.TrimPrefix(path.Ext(name), ".")) && !strings.Contains(name, "%") {
			quadlets = append(quadlets, name)
		}
	}
	section := f.section()
	if image, ok := f.get("Image"); ok && !strings.Contains(image, "/") {
		add(image, "image", "build")
	}
	for _, v := range f.all(section, "Network") {
		name, _, _ := strings.Cut(v, ":")
		add(name, "network", "container")
	}
	for _, v := range f.all(section, "Volume") {
		if name, _, ok := strings.Cut(v, ":"); ok && !strings.Contains(name, "/") {
			add(name, "volume")
		}
	}
	for _, v := range f.all(section, "Mount") {
		for option := range strings.SplitSeq(v, ",") {
			if key, name, _ := strings.Cut(option, "="); (key == "source" || key == "src") && !strings.Contains(name, "/") {
				add(name, "volume", "image")
			}
		}
	}
	if pod, ok := f.get("Pod"); ok {
		add(pod, "pod")
	}
	for _, key := range []string{"Yaml", "ConfigMap"} {
		for _, v := range f.all(section, key) {
			for name := range strings.FieldsSeq(v) {
				if strings.Contains(name, "%") {
					continue
				}
				if !path.IsAbs(name) {
					name = path.Join(quadletDir, name)
				}
				files = append(files, name)
			}
		}
	}
	return quadlets, files
}

// settleQuadlets looks at what only all quadlets and units together show.
func (d *Draft) settleQuadlets() []error {
	var errs []error
	for _, q := range d.quadlets {
		d.origin = q.features[0]
		quadlets, files := q.value.references()
		for _, name := range quadlets {
			if d.quadlet(name) == nil {
				errs = append(errs, d.missing("the quadlet "+name, quadletDir+name, "/etc/containers/systemd/"+name))
			}
		}
		for _, name := range files {
			errs = append(errs, d.missing(name, name))
		}
		if kind := q.value.kind(); (kind == "container" || kind == "kube" || kind == "pod") && !d.starts(q.value) {
			d.Warnf("Content", "nothing starts %s: add [Install] with WantedBy=multi-user.target", q.value.service())
		}
	}
	d.origin = ""
	for _, u := range d.units {
		for _, q := range d.quadlets {
			if u.value.Name != q.value.service() {
				continue
			}
			if u.value.Enable || u.value.Disable {
				errs = append(errs, Errorf(u.features[0]+".Name", "%s is made at boot from %s of %s, so systemctl does not know it: [Install] in the quadlet starts it, and Mask stops it", u.value.Name, q.value.name, q.features[0]))
			} else if u.value.Content != "" {
				errs = append(errs, Errorf(u.features[0]+".Name", "%s is what %s of %s becomes: give one of them another name", u.value.Name, q.value.name, q.features[0]))
			}
		}
	}
	if len(d.quadlets) == 0 || d.installs("podman") {
		return errs
	}
	if has, err := d.base.has("/usr/bin/podman"); err == nil && !has {
		d.origin = d.quadlets[0].features[0]
		d.Warnf("", "the base has no podman, which makes services of quadlets: install it, if no package does")
		d.origin = ""
	}
	return errs
}

// quadlet finds a quadlet of the Spec.
func (d *Draft) quadlet(name string) *drafted[quadletFile] {
	for i := range d.quadlets {
		if d.quadlets[i].value.name == name {
			return &d.quadlets[i]
		}
	}
	return nil
}

// missing is an error if a file that a quadlet needs will not be there, and a warning if nobody knows.
func (d *Draft) missing(what string, places ...string) error {
	for _, at := range places {
		if slices.ContainsFunc(slices.Concat(d.entries[:]...), func(e Entry) bool { return e.Path == at }) {
			return nil
		}
		if has, _ := d.base.has(at); has {
			return nil
		}
	}
	if d.base.Files == nil || len(d.packages) > 0 {
		d.Warnf("Content", "no feature brings %s, without which there will be no service", what)
		return nil
	}
	return Errorf(joinPath(d.origin, "Content"), "neither the Spec nor the base has %s", what)
}

// starts says whether anything in the Spec starts the service of a quadlet.
func (d *Draft) starts(f quadletFile) bool {
	for _, key := range []string{"WantedBy", "RequiredBy", "UpheldBy"} {
		if len(f.all("Install", key)) > 0 {
			return true
		}
	}
	pod, _ := f.get("Pod")
	for _, other := range d.quadlets {
		o := other.value
		if pod, _ := o.get("Pod"); pod == f.name && len(o.all("Install", "WantedBy")) > 0 {
			return true // the container's service brings its pod along
		}
		if o.name == pod && d.starts(o) {
			return true
		}
		if o.wants(f) {
			return true
		}
	}
	return slices.ContainsFunc(d.units, func(u drafted[Unit]) bool {
		settings, _ := parseINI(u.value.Content)
		return quadletFile{u.value.Name, settings}.wants(f)
	})
}

// wants says whether a unit starts the service of a quadlet.
func (f quadletFile) wants(other quadletFile) bool {
	names := []string{other.service(), other.name}
	for _, key := range unitDependencies {
		for _, v := range f.all("Unit", key) {
			if slices.ContainsFunc(strings.Fields(v), func(name string) bool { return slices.Contains(names, name) }) {
				return true
			}
		}
	}
	for _, section := range []string{"Timer", "Path", "Socket"} {
		for _, key := range []string{"Unit", "Service"} {
			if v, _ := f.last(section, key); v == names[0] {
				return true
			}
		}
	}
	return strings.TrimSuffix(f.name, path.Ext(f.name))+".service" == names[0] && slices.Contains([]string{".timer", ".path", ".socket"}, path.Ext(f.name))
}

// installs says whether a Packages feature asks for the package.
func (d *Draft) installs(name string) bool {
	return slices.ContainsFunc(d.packages, func(p drafted[Packages]) bool { return slices.Contains(p.value.Install, name) })
}
