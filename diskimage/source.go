package diskimage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/bootloom/bootloom/bootc"
)

// Source says where an OS image comes from. One of its fields is set.
type Source struct {
	// Ref is a reference to a published image: registry/repository[:tag][@digest].
	Ref string `json:",omitzero"`
	// Image is an image on this machine: see FromImage.
	Image bootc.Image `json:",omitzero"`
	// LiveHostStore is the name of an image in the tool's machine's own store: see FromHostStore.
	LiveHostStore string `json:",omitzero"`
}

func (s Source) isZero() bool { return s.Ref == "" && s.Image.Location == "" && s.LiveHostStore == "" }

// String is the reference, location or name.
func (s Source) String() string { return s.Ref + s.Image.Location + s.LiveHostStore }

// check finds out whether the fields name one image.
func (s Source) check(field string) error {
	set := 0
	for _, is := range []bool{s.Ref != "", s.Image.Location != "", s.LiveHostStore != ""} {
		if is {
			set++
		}
	}
	switch {
	case set == 0:
		return bootc.Errorf(field, "is empty: start with From(published), or FromRef with registry/repository@digest")
	case set > 1:
		return bootc.Errorf(field, "names several images: set one of Ref, Image and LiveHostStore")
	case s.Ref != "":
		if _, err := parseRef(s.Ref); err != nil {
			return &bootc.FieldError{Path: field + ".Ref", Err: err}
		}
	case s.LiveHostStore != "":
		if _, err := reference.ParseNormalizedNamed(s.LiveHostStore); err != nil {
			return bootc.Errorf(field+".LiveHostStore", "%q: %w", s.LiveHostStore, err)
		}
	}
	return nil
}

// name is what the image is called in the store that the tool reads, which is also what an installed machine follows.
func (s Source) name(follow string) string {
	switch {
	case s.LiveHostStore != "":
		return s.LiveHostStore
	case follow != "":
		return follow
	case s.Ref != "":
		r, err := parseRef(s.Ref)
		if err != nil {
			return s.Ref // check has told
		}
		if tagged, ok := r.(reference.Tagged); ok {
			return reference.TrimNamed(r).Name() + ":" + tagged.Tag()
		}
		if digested, ok := r.(reference.Digested); ok {
			return reference.TrimNamed(r).Name() + "@" + digested.Digest().String()
		}
		return reference.TrimNamed(r).Name() + ":latest"
	}
	return "localhost/bootloom/local:latest"
}

// parseRef reads a reference that names its registry.
func parseRef(s string) (reference.Named, error) {
	host, _, ok := strings.Cut(s, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" || strings.Contains(s, "://") {
		return nil, fmt.Errorf("%q does not name its registry: want registry/repository[:tag][@digest], such as quay.io/acme/edge-os:1.4.0", s)
	}
	r, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	return r, nil
}

// checkFollow is for what an installed machine asks for updates.
func (s Spec) checkFollow() error {
	switch {
	case s.Source.LiveHostStore != "" && s.Follow != "":
		return bootc.Errorf("Follow", "an image of the host's store is followed under the name that it has there: leave it empty")
	case s.Source.Image.Location != "" && s.Follow == "":
		return bootc.Errorf("Follow", "is empty: a local image has no reference that an installed machine could update from; name the one it will be published under")
	case s.Follow == "":
		return nil
	}
	r, err := parseRef(s.Follow)
	if err == nil && reference.IsNameOnly(r) {
		err = errors.New("names neither tag nor digest")
	}
	if err == nil {
		_, tagged := r.(reference.Tagged)
		_, digested := r.(reference.Digested)
		if tagged && digested {
			err = errors.New("has a tag and a digest: give one of them")
		}
	}
	if err != nil {
		return &bootc.FieldError{Path: "Follow", Err: err}
	}
	return nil
}
