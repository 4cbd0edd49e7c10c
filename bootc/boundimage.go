package bootc

import (
	"fmt"
	"slices"
	"strings"
)

// BoundImage binds a container image to the OS image: bootc fetches it before an update counts, into a store of its own
// (a "logically bound image", https://bootc.dev/bootc/logically-bound-images.html). So the workload is there at the first
// boot without a network, and goes back with the OS. bootc fetches with the pull secret and the signature policy of the
// OS image itself (PullSecret.OS, sign.DevicePolicy), and only what it does not have by that reference: bind images
// by digest. Installers have to bring them along; Anaconda does not.
//
// Say either Quadlet, or Name and Image.
type BoundImage struct {
	// Quadlet is the name of a Quadlet of the Spec, a .container or .image, whose Image= is bound. A .container gets
	// a drop-in by which podman finds the image in bootc's store.
	Quadlet string `json:",omitzero"`
	// Image is a full reference that no quadlet has, and Name that of the file which says so, without its type. What
	// runs the image has to name the store itself, by podman --storage-opt=additionalimagestore=/usr/lib/bootc/storage.
	// (A store in storage.conf would serve all other images too, and break them when bootc cleans it up.)
	Name  string `json:",omitzero"`
	Image string `json:",omitzero"`
}

const (
	boundDir  = "/usr/lib/bootc/bound-images.d/"
	boundArgs = "--storage-opt=additionalimagestore=/usr/lib/bootc/storage"
)

// Contribute checks the reference; what quadlets there are is known when all features have contributed.
func (b BoundImage) Contribute(d *Draft) error {
	switch {
	case (b.Quadlet == "") == (b.Image == ""):
		return Errorf("", "set Quadlet, or Name and Image")
	case b.Quadlet != "":
		if b.Name != "" {
			return Errorf("Name", "is that of the quadlet: leave it out")
		}
		d.bound = append(d.bound, intend(d, b.Quadlet))
		return nil
	}
	if !bundleName.MatchString(b.Name) || strings.HasSuffix(b.Name, ".image") {
		return Errorf("Name", "%q is not the name of a file without .image: letters, digits and . _ -", b.Name)
	}
	if err := checkBound(b.Image); err != nil {
		return &FieldError{"Image", err}
	}
	d.warnBound("Image", b.Image)
	// Not among the quadlets, where it would become a service that nobody needs.
	file := "/usr/share/bootloom/bound-images/" + b.Name + ".image"
	d.Put(PhaseUnits, regular(file, "[Image]\nImage="+b.Image+"\n"), link(boundDir+b.Name+".image", file))
	return nil
}

// checkBound knows what bootc refuses (https://github.com/bootc-dev/bootc/blob/main/crates/lib/src/boundimage.rs).
func checkBound(image string) error {
	if strings.Contains(strings.ReplaceAll(image, "%%", ""), "%") {
		return fmt.Errorf("%q has a specifier, which bootc does not expand", image)
	}
	if transport, _ := splitRef(image); transport != "docker" || strings.HasPrefix(image, "docker:") {
		return fmt.Errorf("%q is not in a registry", image)
	}
	return checkRef(image)
}

func (d *Draft) warnBound(path, image string) {
	if !pinned(image) {
		d.Warnf(path, "%s has no digest: bootc fetches a bound image once by its name, so a tag that moves never reaches a machine that has it: write %s@sha256:…", image, repository(image))
	}
}

// settleBound links the quadlets that are bound.
func (d *Draft) settleBound() []error {
	var errs []error
	for _, b := range d.bound {
		d.origin = b.features[0]
		q := d.quadlet(b.value)
		if q == nil {
			errs = append(errs, Errorf(d.origin+".Quadlet", "there is no Quadlet %s in the Spec", b.value))
			continue
		}
		if err := d.bind(q.value); err != nil {
			errs = append(errs, within(d.origin+".Quadlet", err)...)
			continue
		}
		features := union(slices.Clone(b.features), q.features)
		d.putFor(features, PhaseUnits, link(boundDir+b.value, quadletDir+b.value))
		if args := strings.Join(q.value.all(q.value.section(), "GlobalArgs"), " "); !strings.Contains(args, "/usr/lib/bootc/storage") {
			d.putFor(features, PhaseUnits, regular(quadletDir+b.value+".d/10-bootloom-bound.conf",
				"["+q.value.section()+"]\nGlobalArgs="+boundArgs+"\n"))
		}
	}
	d.origin = ""
	return errs
}

// bind checks a quadlet that is to be bound.
func (d *Draft) bind(q quadletFile) error {
	image, _ := q.get("Image")
	var errs []error
	switch kind := q.kind(); {
	case kind != "container" && kind != "image":
		return Errorf("", "%s is neither a .container nor an .image", q.name)
	case kind == "container" && (strings.HasSuffix(image, ".image") || strings.HasSuffix(image, ".build")):
		return Errorf("", "%s takes its image from %s, and bootc reads no other file: write the image's own reference into %s", q.name, image, q.name)
	case image == "":
		return Errorf("", "%s has no Image=", q.name)
	}
	if err := checkBound(image); err != nil {
		errs = append(errs, Errorf("", "Image=%w", err))
	}
	if _, ok := q.get("AuthFile"); ok {
		errs = append(errs, Errorf("", "%s has AuthFile=, which bootc refuses: it takes the OS image's own pull secret", q.name))
	}
	if pull, _ := q.get("Pull"); pull == "always" || pull == "newer" {
		errs = append(errs, Errorf("", "%s has Pull=%s, which fetches the image at each start: the bound one would not be used", q.name, pull))
	}
	if update, _ := q.get("AutoUpdate"); update != "" {
		errs = append(errs, Errorf("", "%s has AutoUpdate=%s, and a bound image moves with the OS alone", q.name, update))
	} else {
		d.warnBound("Quadlet", image)
	}
	if q.kind() == "image" {
		for _, other := range d.quadlets {
			if image, _ := other.value.get("Image"); image == q.name {
				d.Warnf("Quadlet", "%s runs %s, whose service asks the registry at each boot, bound or not: name the image in %s itself and bind that", other.value.name, q.name, other.value.name)
			}
		}
	}
	return join(errs)
}
