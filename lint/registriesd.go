package lint

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// registriesDirs say where signatures of a namespace are; a file of the first hides those of the same name in the other.
var registriesDirs = []string{"/etc/containers/registries.d", "/usr/share/containers/registries.d"}

// signaturePlaces are what all files of registries.d come to.
//
// Source: https://github.com/containers/image/blob/main/docs/containers-registries.d.5.md
type signaturePlaces struct {
	of       map[string]signaturePlace // by namespace; "" for default-docker
	mistakes []placeMistake
	// known is false where a file's content is not.
	known bool
}

type signaturePlace struct {
	Lookaside   string `yaml:"lookaside"`
	Sigstore    string `yaml:"sigstore"` // the former name of lookaside
	Attachments *bool  `yaml:"use-sigstore-attachments"`

	file *File
}

type placeMistake struct {
	file *File
	err  error
}

// registriesFile is one of them.
type registriesFile struct {
	Default *signaturePlace           `yaml:"default-docker"`
	Docker  map[string]signaturePlace `yaml:"docker"`
}

func parseRegistries(text []byte) (f registriesFile, err error) {
	err = yaml.Unmarshal(text, &f)
	return f, err
}

// signaturePlaces reads registries.d. Two files that name the same namespace are a mistake, at which every pull fails.
func (f *Facts) signaturePlaces() signaturePlaces {
	out := signaturePlaces{of: map[string]signaturePlace{}, known: true}
	seen := map[string]bool{}
	for _, dir := range registriesDirs {
		for file := range f.Root.In(dir) {
			if path.Ext(file.Name()) != ".yaml" || seen[file.Name()] {
				continue
			}
			seen[file.Name()] = true
			if real, _ := f.Root.Resolve(file.Path); real != nil {
				file = real
			}
			text, known := file.Content()
			if !known {
				out.known = false
				continue
			}
			parsed, err := parseRegistries(text)
			if err != nil {
				out.mistakes = append(out.mistakes, placeMistake{file, err})
				continue
			}
			if parsed.Default != nil {
				out.add("", *parsed.Default, file)
			}
			for _, name := range slices.Sorted(maps.Keys(parsed.Docker)) {
				out.add(name, parsed.Docker[name], file)
			}
		}
	}
	return out
}

func (p *signaturePlaces) add(namespace string, place signaturePlace, file *File) {
	if old, ok := p.of[namespace]; ok {
		what := "the namespace " + clip(namespace)
		if namespace == "" {
			what = "default-docker"
		}
		p.mistakes = append(p.mistakes, placeMistake{file, fmt.Errorf("%s is in %s as well, at which every pull fails", what, printable(old.file.Path))})
		return
	}
	place.file = file
	p.of[namespace] = place
}

// attachments says whether signatures of a scope are looked for in the registry itself.
func (p *signaturePlaces) attachments(scope string) bool {
	for _, s := range append(scopesOf(scope), "") {
		if place, ok := p.of[s]; ok && place.Attachments != nil {
			return *place.Attachments
		}
	}
	for s, place := range p.of { // for a part of the scope
		if strings.HasPrefix(s, scope+"/") && place.Attachments != nil && *place.Attachments {
			return true
		}
	}
	return false
}
