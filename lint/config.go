package lint

import (
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/containerfile"
)

// Config is what the image's config and manifest say; before the build, what the Containerfile sets in them.
type Config struct {
	// Whole says that the base's part is known as well. Where it is not, a label that is missing may be the base's.
	Whole bool
	// Labels and Env by name.
	Labels, Env map[string]Setting
	// User, StopSignal and Workdir; the zero Setting if there is none.
	User, StopSignal, Workdir Setting
	// Entrypoint and Cmd, where they are set; Values has the arguments.
	Entrypoint, Cmd Setting
	// Ports, Volumes, Healthcheck that a container would have.
	Ports, Volumes map[string]Setting
	Healthcheck    Setting
	// Platform that the image says it is for; empty before the build.
	Platform v1.Platform
	// Annotations of the manifest.
	Annotations map[string]string
	// History of the image, the oldest first; nil before the build.
	History []v1.History
	// Manifest as it is in the registry; zero before the build.
	Manifest v1.Manifest

	stage Stage
}

// Finding returns a finding about something that the config does not have.
func (c *Config) Finding(format string, args ...any) Finding {
	return Finding{Stage: c.stage, Message: sprintf(format, args)}
}

// Setting is a value of the config, with where it comes from.
type Setting struct {
	// Set says that there is one.
	Set bool
	// Value of it, and Values if it is a list.
	Value  string
	Values []string
	// Unknown says that Value has a variable whose value is not known.
	Unknown bool
	// Base says that it comes with the base image.
	Base bool
	// Step that sets it; nil for an image.
	Step *Step
}

// Finding returns a finding about the setting.
func (s Setting) Finding(format string, args ...any) Finding {
	if s.Step != nil {
		return s.Step.Finding(format, args...)
	}
	return Finding{Stage: InConfig, Message: sprintf(format, args)}
}

// Label returns the value of a label, and whether the absence or presence of it is certain.
func (c *Config) Label(name string) (value string, known bool) {
	s, ok := c.Labels[name]
	return s.Value, ok || c.Whole
}

func set(value string, step *Step) Setting {
	return Setting{Set: true, Value: value, Step: step}
}

// configOf reads the config of an image. base has the settings of its base, nil if that is not known.
func configOf(img v1.Image, m v1.Manifest, base *v1.Image) *Config {
	c := &Config{
		Whole: true, stage: InConfig, Labels: map[string]Setting{}, Env: map[string]Setting{}, Ports: map[string]Setting{}, Volumes: map[string]Setting{},
		Platform: img.Platform, Annotations: m.Annotations, History: img.History, Manifest: m,
	}
	if base == nil {
		base = &v1.Image{}
	}
	fromBase := func(s Setting, same bool) Setting { s.Base = same; return s }
	for k, v := range img.Config.Labels {
		b, ok := base.Config.Labels[k]
		c.Labels[k] = fromBase(set(v, nil), ok && b == v)
	}
	for _, e := range img.Config.Env {
		k, v := cutEnv(e)
		c.Env[k] = fromBase(set(v, nil), slices.Contains(base.Config.Env, e))
	}
	for k := range img.Config.ExposedPorts {
		_, ok := base.Config.ExposedPorts[k]
		c.Ports[k] = fromBase(set(k, nil), ok)
	}
	for k := range img.Config.Volumes {
		_, ok := base.Config.Volumes[k]
		c.Volumes[k] = fromBase(set(k, nil), ok)
	}
	one := func(v, b string) Setting {
		if v == "" {
			return Setting{}
		}
		return fromBase(set(v, nil), v == b)
	}
	c.User = one(img.Config.User, base.Config.User)
	c.StopSignal = one(img.Config.StopSignal, base.Config.StopSignal)
	c.Workdir = one(img.Config.WorkingDir, base.Config.WorkingDir)
	list := func(v, b []string) Setting {
		if len(v) == 0 {
			return Setting{}
		}
		s := fromBase(set("", nil), slices.Equal(v, b))
		s.Values = v
		return s
	}
	c.Entrypoint = list(img.Config.Entrypoint, base.Config.Entrypoint)
	c.Cmd = list(img.Config.Cmd, base.Config.Cmd)
	return c
}

// configOfBuild is what the Containerfile sets in the config of the image.
func configOfBuild(b *Build) *Config {
	c := &Config{stage: InContainerfile, Labels: map[string]Setting{}, Env: map[string]Setting{}, Ports: map[string]Setting{}, Volumes: map[string]Setting{}}
	for _, s := range b.Steps {
		if !s.InImage {
			continue
		}
		pairs := func(to map[string]Setting, list []containerfile.Pair) {
			for _, p := range list {
				k, ok := s.Expand(p.Key)
				v, known := s.Expand(p.Value)
				if ok {
					to[k] = Setting{Set: true, Value: v, Unknown: !known, Step: s}
				}
			}
		}
		each := func(to map[string]Setting, list []string) {
			for _, v := range list {
				to[v] = set(v, s)
			}
		}
		one := func(word string) Setting {
			v, known := s.Expand(word)
			return Setting{Set: true, Value: v, Unknown: !known, Step: s}
		}
		command := func(cmd containerfile.Command) Setting {
			values := cmd.Exec
			if values == nil {
				values = []string{"/bin/sh", "-c", cmd.Line()}
			}
			return Setting{Set: true, Value: cmd.Line(), Values: values, Step: s}
		}
		switch step := s.Step.(type) {
		case containerfile.Label:
			pairs(c.Labels, step)
		case containerfile.Env:
			pairs(c.Env, step)
		case containerfile.Expose:
			each(c.Ports, step)
		case containerfile.Volume:
			each(c.Volumes, step)
		case containerfile.User:
			c.User = one(string(step))
		case containerfile.StopSignal:
			c.StopSignal = one(string(step))
		case containerfile.Workdir:
			c.Workdir = one(string(step))
		case containerfile.Cmd:
			c.Cmd = command(step.Command)
		case containerfile.Entrypoint:
			c.Entrypoint = command(step.Command)
		case containerfile.Healthcheck:
			c.Healthcheck = command(step.Command)
		}
	}
	return c
}

// inherit adds the labels of the base, which are then known for certain.
func (c *Config) inherit(labels map[string]string) {
	c.Whole = true
	for k, v := range labels {
		if _, ok := c.Labels[k]; !ok {
			c.Labels[k] = Setting{Set: true, Value: v, Base: true}
		}
	}
}

func cutEnv(e string) (name, value string) {
	name, value, _ = strings.Cut(e, "=")
	return name, value
}
