package sign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// registriesD is the registries.d configuration, as containers/image's docs/containers-registries.d.5.md has it: the
// files that say where signatures of a namespace are. Two files that name the same namespace are an error there, for
// every pull, so a namespace that the base has is edited where it is.
type registriesD struct {
	files map[string]*registriesFile // by path
	where map[string]string          // namespace to path
}

type registriesFile struct {
	doc     yaml.Node
	changed bool
}

// namespace is what a file says about a namespace, as far as it matters here.
type namespace struct {
	Attachments *bool `yaml:"use-sigstore-attachments"`
}

const registriesDir = "etc/containers/registries.d"

// registriesDirs are read by clients; a file of the first hides those of the same name in the others.
var registriesDirs = []string{registriesDir, "usr/share/containers/registries.d"}

const attachmentsKey = "use-sigstore-attachments"

func readRegistriesD(base fs.FS) (registriesD, error) {
	d := registriesD{files: map[string]*registriesFile{}, where: map[string]string{}}
	seen := map[string]bool{}
	for _, dir := range registriesDirs {
		entries, err := fs.ReadDir(base, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return d, fmt.Errorf("read the base's registries.d: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() || seen[e.Name()] || !strings.HasSuffix(e.Name(), ".yaml") {
				continue
			}
			seen[e.Name()] = true
			if err := d.read(base, path.Join(dir, e.Name())); err != nil {
				return d, fmt.Errorf("the base's /%s: %w", path.Join(dir, e.Name()), err)
			}
		}
	}
	return d, nil
}

func (d registriesD) read(base fs.FS, name string) error {
	b, err := fs.ReadFile(base, name)
	if err != nil {
		return err
	}
	f := &registriesFile{}
	var typed struct { // as containers/image reads it, which finds double keys and wrong types
		Default *namespace           `yaml:"default-docker"`
		Docker  map[string]namespace `yaml:"docker"`
	}
	if err := yaml.Unmarshal(b, &typed); err != nil {
		return err
	}
	if err := yaml.Unmarshal(b, &f.doc); err != nil {
		return err
	}
	if n := alias(&f.doc); n != nil {
		return fmt.Errorf("line %d: aliases are not followed here; write it out", n.Line)
	}
	spaces, err := f.namespaces()
	if err != nil {
		return err
	}
	d.files[name] = f
	for space := range pairs(spaces) {
		if other, ok := d.where[space.Value]; ok {
			return fmt.Errorf("docker: %s is also in /%s, and no client accepts that", space.Value, other)
		}
		d.where[space.Value] = name
	}
	return nil
}

// namespaces returns the mapping under "docker", nil if there is none.
func (f *registriesFile) namespaces() (*yaml.Node, error) {
	if len(f.doc.Content) == 0 { // empty, or nothing but comments
		return nil, nil
	}
	root := f.doc.Content[0]
	if isNull(root) {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: not a mapping", root.Line)
	}
	for key, value := range pairs(root) {
		if key.Value != "docker" || isNull(value) {
			continue
		}
		if value.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: docker is not a mapping", value.Line)
		}
		return value, nil
	}
	return nil, nil
}

// attachments makes clients look for signatures in the registry for a namespace, in the file that has the namespace or
// else in the named one. It fails where the base says that they must not, unless replace.
func (d registriesD) attachments(space, name string, replace bool) error {
	for _, dir := range registriesDirs { // a new file must not hide one of the same name
		if other := path.Join(dir, path.Base(name)); d.files[other] != nil {
			name = other
			break
		}
	}
	if at, ok := d.where[space]; ok {
		name = at
	}
	f := d.files[name]
	if f == nil {
		f = &registriesFile{}
		d.files[name] = f
	}
	spaces, err := f.namespaces()
	if err != nil {
		return fmt.Errorf("the base's /%s: %w", name, err)
	}
	if spaces == nil {
		spaces = f.addNamespaces()
	}
	var settings *yaml.Node
	for key, value := range pairs(spaces) {
		if key.Value == space {
			settings = value
		}
	}
	if settings == nil || settings.Kind != yaml.MappingNode {
		if settings != nil && !isNull(settings) {
			return fmt.Errorf("the base's /%s, line %d: docker: %s is not a mapping", name, settings.Line, space)
		}
		fresh := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if settings != nil {
			*settings = *fresh
			fresh = settings
		} else {
			spaces.Content = append(spaces.Content, scalar(space), fresh)
		}
		settings = fresh
	}
	d.where[space] = name
	for key, value := range pairs(settings) {
		var on bool
		if key.Value != attachmentsKey || isNull(value) {
			continue
		}
		if err := value.Decode(&on); err != nil {
			return fmt.Errorf("the base's /%s, line %d: %w", name, value.Line, err)
		}
		if on {
			return nil
		}
		if !replace {
			return fmt.Errorf("the base's /%s turns %s off for %s, so that no device would see a signature; set ReplaceBase to turn it on", name, attachmentsKey, space)
		}
		*value = *boolean()
		f.changed = true
		return nil
	}
	settings.Content = append(settings.Content, scalar(attachmentsKey), boolean())
	f.changed = true
	return nil
}

// off returns the namespaces below scope for which the base turns attachments off.
func (d registriesD) off(scope string) (spaces []string) {
	for _, space := range slices.Sorted(maps.Keys(d.where)) {
		if space == scope || !covers(scope, space) {
			continue
		}
		all, err := d.files[d.where[space]].namespaces()
		if err != nil {
			continue // read has seen it
		}
		for key, value := range pairs(all) {
			var s namespace
			if key.Value == space && value.Decode(&s) == nil && s.Attachments != nil && !*s.Attachments {
				spaces = append(spaces, space)
			}
		}
	}
	return spaces
}

func (f *registriesFile) addNamespaces() *yaml.Node {
	spaces := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if len(f.doc.Content) == 0 || isNull(f.doc.Content[0]) {
		f.doc.Kind = yaml.DocumentNode
		f.doc.Content = []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}
	}
	root := f.doc.Content[0]
	for key, value := range pairs(root) {
		if key.Value == "docker" { // there, and null
			*value = *spaces
			return value
		}
	}
	root.Content = append(root.Content, scalar("docker"), spaces)
	return spaces
}

func (f *registriesFile) marshal() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := errors.Join(e.Encode(&f.doc), e.Close())
	return b.Bytes(), err
}

func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func boolean() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"} }

// alias returns the first alias below n.
func alias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n
	}
	for _, c := range n.Content {
		if found := alias(c); found != nil {
			return found
		}
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// pairs yields the keys and values of a mapping.
func pairs(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}
