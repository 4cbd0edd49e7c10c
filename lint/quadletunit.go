package lint

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// quadletDirs have the quadlets of the system, of which podman's generator makes services; the first wins over the other where names are
// the same.
var quadletDirs = []string{"/etc/containers/systemd", "/usr/share/containers/systemd"}

// quadletSection is the section that each kind of quadlet has, by its extension.
var quadletSection = map[string]string{".container": "Container", ".volume": "Volume", ".network": "Network", ".image": "Image", ".pod": "Pod", ".kube": "Kube", ".build": "Build"}

// quadletUnit is a quadlet with its drop-ins.
type quadletUnit struct{ unit }

func (q quadletUnit) section() string { return quadletSection[path.Ext(q.name)] }

// service is the name of the unit that the generator makes.
func (q quadletUnit) service() string {
	if name := q.get(q.section(), "ServiceName"); name != "" {
		return name + ".service"
	}
	ext := path.Ext(q.name)
	stem, template := strings.CutSuffix(strings.TrimSuffix(q.name, ext), "@")
	if ext != ".container" && ext != ".kube" {
		stem += "-" + ext[1:]
	}
	if template {
		stem += "@"
	}
	return stem + ".service"
}

// quadlets are those of the system, by name. Those of single users, and of applications of the Flight Control agent, are not among them.
func (f *Facts) quadlets() []quadletUnit {
	files, dropIns := map[string]*File{}, map[string]map[string]*File{}
	for _, dir := range slices.Backward(quadletDirs) {
		for file := range f.Root.Below(dir) {
			if under(file.Path, dir+"/users") || file.IsDir() {
				continue
			}
			if real, _ := f.Root.Resolve(file.Path); real == nil || !real.IsRegular() {
				continue
			}
			owner, isDropIn := strings.CutSuffix(path.Base(file.Dir()), ".d")
			switch {
			case isDropIn && path.Ext(file.Name()) == ".conf":
				if dropIns[owner] == nil {
					dropIns[owner] = map[string]*File{}
				}
				dropIns[owner][file.Name()] = file
			case !isDropIn && quadletSection[path.Ext(file.Name())] != "":
				files[file.Name()] = file
			}
		}
	}
	var out []quadletUnit
	for _, name := range slices.Sorted(maps.Keys(files)) {
		q := quadletUnit{unit{name: name, file: files[name]}}
		real, _ := f.Root.Resolve(files[name].Path)
		q.add(real)
		conf := maps.Clone(dropIns[path.Ext(name)[1:]])
		if conf == nil {
			conf = map[string]*File{}
		}
		maps.Copy(conf, dropIns[name])
		for _, d := range slices.SortedFunc(maps.Values(conf), func(a, b *File) int { return cmp.Compare(a.Name(), b.Name()) }) {
			q.add(d)
		}
		out = append(out, q)
	}
	return out
}

// quadletWants are for rules that call quadlets.
func quadletWants() []Want {
	var out []Want
	for _, dir := range quadletDirs {
		out = append(out, Want{Glob: dir + "/**"})
	}
	return out
}

// imageUse is a place where a workload names its image.
type imageUse struct {
	file  *File
	line  int
	image string
	// moves says that the workload is told to follow the tag.
	moves bool
}

// imagesOf are the images that a quadlet names itself.
func (q quadletUnit) images() []imageUse {
	var out []imageUse
	section := q.section()
	moves := q.get(section, "AutoUpdate") != ""
	if list := q.all(section, "Image"); len(list) > 0 && section != "Build" {
		last := list[len(list)-1]
		out = append(out, imageUse{last.file, last.line, last.value, moves})
	}
	return out
}

// inRegistry says whether a name is that of an image in a registry, and not of a quadlet or an image of the machine.
func inRegistry(image string) bool {
	switch path.Ext(image) {
	case ".image", ".build":
		return strings.Contains(image, "/")
	}
	transport, _, ok := strings.Cut(image, ":")
	return image != "" && !strings.ContainsAny(image, "%$") && !strings.HasPrefix(image, "localhost/") &&
		!(ok && slices.Contains([]string{"containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive"}, transport))
}

// tagOf is the tag of an image; pinned says that it has a digest.
func tagOf(image string) (tag string, pinned bool) {
	image = strings.TrimPrefix(image, "docker://")
	if strings.Contains(image, "@") {
		return "", true
	}
	_, tag, _ = strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	return tag, false
}
