package bootc

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// checkSections knows which sections and keys a file of this type may have; field is the one with the text.
func (f quadletFile) checkSections(d *Draft, field string) error {
	own := quadletSections[f.kind()]
	var errs []error
	seen := map[string]bool{}
	fail := func(what, format string, args ...any) {
		if !seen[what] {
			errs = append(errs, Errorf(field, format, args...))
		}
		seen[what] = true
	}
	for _, s := range f.settings {
		keys := own.keys
		switch {
		case s.section == "Unit", s.section == "Service", s.section == "Install", strings.HasPrefix(s.section, "X-"):
			continue
		case s.section == "Quadlet":
			keys = quadletCommon
		case s.section != own.name:
			fail(s.section, "a .%s file has no section [%s], but [%s], [Unit], [Service], [Install] and [Quadlet]", f.kind(), s.section, own.name)
			continue
		}
		if known, newer := keys.has(s.key); newer {
			d.Warnf(field, "%s= of %s is newer than podman 5.4, and an older podman refuses the whole file", s.key, f.name)
		} else if !known && s.key != "" {
			hint := ""
			if like := keys.like(s.key); like != "" {
				hint = ": is " + like + " meant?"
			}
			fail(s.section+"."+s.key, "podman knows no key %s in [%s], and would drop the whole file%s", s.key, s.section, hint)
		}
	}
	return join(errs)
}

var portRange = lazyregexp.New(`^\d+(-\d+)?(/udp|/tcp)?$`)

// check knows what the generator wants of each type beyond its keys.
func (f quadletFile) check(d *Draft) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, Errorf("Content", format, args...)) }
	has := func(key string) bool { v, ok := f.get(key); return ok && v != "" }
	if !slices.ContainsFunc(f.settings, func(s setting) bool { return s.section == f.section() }) {
		fail("lacks the section [%s]", f.section())
		return join(errs)
	}
	switch f.kind() {
	case "container":
		if has("Image") == has("Rootfs") {
			fail("[Container] needs Image= or Rootfs=, and not both")
		}
		if has("Group") && !has("User") {
			fail("Group= needs User= beside it")
		}
		if has("ReloadCmd") && has("ReloadSignal") {
			fail("ReloadCmd= and ReloadSignal= exclude each other")
		}
		for _, port := range f.all("Container", "ExposeHostPort") {
			if !portRange.MatchString(port) {
				fail("ExposeHostPort=%s is not a port or a range of ports", port)
			}
		}
		if pod, _ := f.get("Pod"); pod != "" && !strings.HasSuffix(pod, ".pod") {
			fail("Pod=%s is not a quadlet: podman takes NAME.pod only", pod)
		}
	case "image":
		if !has("Image") {
			fail("[Image] needs Image=")
		}
	case "kube":
		if !has("Yaml") {
			fail("[Kube] needs Yaml=")
		}
	case "build":
		if !has("ImageTag") {
			fail("[Build] needs ImageTag=")
		}
		dir, _ := f.last("Service", "WorkingDirectory")
		file, _ := f.get("File")
		if dir == "" && file == "" && !has("SetWorkingDirectory") {
			fail("[Build] needs File= or SetWorkingDirectory=")
		} else if file != "" && dir == "" && !has("SetWorkingDirectory") && !strings.HasPrefix(file, "/") && !strings.HasPrefix(file, "%") && !strings.Contains(file, "://") {
			fail("File=%s is relative, so SetWorkingDirectory= must say to what, such as unit", file)
		}
	case "volume":
		driver, _ := f.get("Driver")
		if driver == "image" && !has("Image") {
			fail("Driver=image needs Image=")
		}
		if driver != "image" && has("Type") && !has("Device") {
			fail("Type= needs Device= beside it")
		}
	case "network":
		subnets, gateways, ranges := len(f.all("Network", "Subnet")), len(f.all("Network", "Gateway")), len(f.all("Network", "IPRange"))
		if gateways > subnets || ranges > subnets {
			fail("each Gateway= and IPRange= needs its Subnet=: there are %d, %d and %d", gateways, ranges, subnets)
		}
	}
	errs = append(errs, f.checkService(d), f.checkImage(d))
	return join(errs)
}

// checkService knows what the generator wants of [Service].
func (f quadletFile) checkService(d *Draft) error {
	var errs []error
	if kind := f.kind(); kind == "container" || kind == "kube" {
		if v, ok := f.last("Service", "KillMode"); ok && v != "mixed" && v != "control-group" {
			errs = append(errs, Errorf("Content", "KillMode=%s: podman takes mixed and control-group", v))
		}
		if v, ok := f.last("Service", "Type"); ok && v != "notify" && v != "oneshot" {
			errs = append(errs, Errorf("Content", "Type=%s: podman takes notify and oneshot", v))
		}
	}
	for _, key := range []string{"User", "Group", "DynamicUser"} {
		if _, ok := f.last("Service", key); ok {
			d.Warnf("Content", "%s= in [Service] is about podman itself, which does not support it: say in [%s] who the container runs as", key, f.section())
		}
	}
	return join(errs)
}

// checkImage wants a full reference, and warns if it has no digest.
func (f quadletFile) checkImage(d *Draft) error {
	image, ok := f.get("Image")
	if !ok || image == "" || strings.Contains(image, "%") || strings.HasSuffix(image, ".image") || strings.HasSuffix(image, ".build") {
		return nil
	}
	if transport, _ := splitRef(image); transport != "docker" {
		return nil // an image of the machine
	}
	if err := checkRef(image); err != nil {
		return Errorf("Content", "Image=%w", err)
	}
	if update, _ := f.get("AutoUpdate"); update != "registry" && !pinned(image) {
		d.Warnf("Content", "Image=%s has no digest, so it may be another image tomorrow, and on the next machine: write %s@sha256:…", image, repository(image))
	}
	return nil
}

// pinned says that a reference means the same image for ever.
func pinned(ref string) bool {
	return strings.Contains(ref, "@sha256:") || strings.Contains(ref, "@sha512:")
}
