package flightctl

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// composeFile is what the agent reads of a compose file.
type composeFile struct {
	Services map[string]*composeService
	Volumes  map[string]*struct{ External bool }
}

type composeService struct {
	Image         string
	ContainerName string `yaml:"container_name"`
	Volumes       []string
}

// composeName are the files that the agent and podman-compose look for; the feature writes its own.
var composeName = lazyregexp.New(`^((docker|podman)-)?compose(\.override)?\.ya?ml$`)

func (a EmbeddedApp) checkCompose(d *bootc.Draft) error {
	base, err := a.composeFile(d, "Compose", a.Compose)
	errs := []error{err}
	over, err := a.composeFile(d, "ComposeOverride", a.ComposeOverride)
	errs = append(errs, err)
	if len(base.Services)+len(over.Services) == 0 && errors.Join(errs...) == nil {
		errs = append(errs, bootc.Errorf("Compose", "has no services"))
	}
	for name := range a.Files {
		if composeName.MatchString(name) {
			errs = append(errs, bootc.Errorf("Files["+name+"]", "would be taken for a compose file: put it into Compose or ComposeOverride"))
		}
	}
	return errors.Join(errs...)
}

// composeFile reads one file, and checks each service that is in it.
func (a EmbeddedApp) composeFile(d *bootc.Draft, field, text string) (composeFile, error) {
	var f composeFile
	if err := yaml.Unmarshal([]byte(text), &f); err != nil {
		// the YAML library lists mistakes on lines of their own
		text := strings.Join(strings.Fields(strings.NewReplacer("yaml: ", "", "unmarshal errors:", "").Replace(err.Error())), " ")
		if strings.Contains(text, "cannot unmarshal !!map into string") {
			text += " (the agent takes volumes in the short form only, SOURCE:TARGET)"
		}
		return f, bootc.Errorf(field, "is not a compose file as the agent reads it: %s", text)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		fail := func(format string, args ...any) {
			errs = append(errs, bootc.Errorf(field, "service %s: %w", name, fmt.Errorf(format, args...)))
		}
		s := f.Services[name]
		if s == nil || s.Image == "" {
			fail("has no image, which the agent wants for each service of each file, and it builds none")
			continue
		}
		if s.ContainerName != "" {
			fail("has container_name %s, which the agent refuses: it gives names that no other application has", s.ContainerName)
		}
		if err := checkImage(d, field, s.Image); err != nil {
			fail("%w", err)
		}
	}
	return f, errors.Join(errs...)
}
