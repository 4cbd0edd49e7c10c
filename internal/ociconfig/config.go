// Package ociconfig edits the config of an image (image-spec, config.md) without losing what no type of ours knows.
package ociconfig

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Config is an image config that is being changed.
type Config struct {
	image   map[string]json.RawMessage
	run     map[string]json.RawMessage // image.config
	labels  map[string]string
	history []json.RawMessage
	diffIDs []digest.Digest
}

// Parse reads a config.
func Parse(data []byte) (*Config, error) {
	c := &Config{}
	if err := json.Unmarshal(data, &c.image); err != nil {
		return nil, err
	}
	var rootfs struct {
		DiffIDs []digest.Digest `json:"diff_ids"`
	}
	for _, member := range []struct {
		of   map[string]json.RawMessage
		key  string
		into any
	}{{c.image, "config", &c.run}, {c.image, "history", &c.history}, {c.image, "rootfs", &rootfs}} {
		if raw, ok := member.of[member.key]; ok {
			if err := json.Unmarshal(raw, member.into); err != nil {
				return nil, err
			}
		}
	}
	if raw, ok := c.run["Labels"]; ok {
		if err := json.Unmarshal(raw, &c.labels); err != nil {
			return nil, err
		}
	}
	c.diffIDs = rootfs.DiffIDs
	if c.image == nil {
		c.image = map[string]json.RawMessage{}
	}
	if c.run == nil {
		c.run = map[string]json.RawMessage{}
	}
	return c, nil
}

// DiffIDs of the layers, the lowest first.
func (c *Config) DiffIDs() []digest.Digest { return slices.Clone(c.diffIDs) }

// Label sets a label.
func (c *Config) Label(key, value string) {
	if c.labels == nil {
		c.labels = map[string]string{}
	}
	c.labels[key] = value
}

// Step notes a step that made a layer, or none if diffID is empty.
func (c *Config) Step(at time.Time, instruction string, diffID digest.Digest) error {
	raw, err := json.Marshal(v1.History{Created: &at, CreatedBy: instruction, EmptyLayer: diffID == ""})
	if err != nil {
		return err
	}
	c.history = append(c.history, raw)
	if diffID != "" {
		c.diffIDs = append(slices.Clip(c.diffIDs), diffID)
	}
	return nil
}

// Created sets when the image says that it was made.
func (c *Config) Created(at time.Time) error { return put(c.image, "created", at) }

// Marshal returns the config: the same changes of the same config give the same bytes.
func (c *Config) Marshal() ([]byte, error) {
	if c.labels != nil {
		if err := put(c.run, "Labels", c.labels); err != nil {
			return nil, err
		}
	}
	for key, value := range map[string]any{
		"config": c.run, "history": c.history, "rootfs": v1.RootFS{Type: "layers", DiffIDs: c.diffIDs},
	} {
		if err := put(c.image, key, value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(c.image)
}

func put(m map[string]json.RawMessage, key string, value any) error {
	raw, err := json.Marshal(value)
	if err == nil {
		m[key] = raw
	}
	return err
}
