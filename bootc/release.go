package bootc

import (
	"errors"
	"net/url"
	"strings"
)

// Release says what the image is, in labels and annotations as
// https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md names them. "bootc status" shows Version.
// Without one, the image shows the version of its base, whose labels it inherits. Empty fields set nothing. The time
// of creation and the base need no Release: they fill themselves in.
type Release struct {
	Title         string `json:",omitzero"`
	Description   string `json:",omitzero"` // one line
	Version       string `json:",omitzero"` // of the image, such as 1.4.0
	Revision      string `json:",omitzero"` // of the source, such as a commit
	Source        string `json:",omitzero"` // where the source is; GitRelease reads all three from a checkout
	URL           string `json:",omitzero"` // where more about the image is
	Documentation string `json:",omitzero"` // address
	Vendor        string `json:",omitzero"`
	Authors       string `json:",omitzero"`
	Licenses      string `json:",omitzero"` // SPDX expression
}

// Contribute sets the labels and annotations.
func (r Release) Contribute(d *Draft) error {
	var errs []error
	for _, f := range []struct {
		field, key, value string
		address           bool
	}{
		{"Title", "title", r.Title, false},
		{"Description", "description", r.Description, false},
		{"Version", "version", r.Version, false},
		{"Revision", "revision", r.Revision, false},
		{"Source", "source", r.Source, true},
		{"URL", "url", r.URL, true},
		{"Documentation", "documentation", r.Documentation, true},
		{"Vendor", "vendor", r.Vendor, false},
		{"Authors", "authors", r.Authors, false},
		{"Licenses", "licenses", r.Licenses, false},
	} {
		if f.value == "" {
			continue
		}
		key := "org.opencontainers.image." + f.key
		if err := checkLabel(key, f.value); err != nil {
			errs = append(errs, &FieldError{Path: f.field, Err: err})
			continue
		}
		if f.address && f.value != withoutLogin(f.value) {
			errs = append(errs, Errorf(f.field, "has a user or password, which everyone who has the image could read"))
		}
		d.Label(key, f.value)
		d.Annotate(key, f.value)
	}
	if r == (Release{}) {
		return errors.New("is empty")
	}
	return errors.Join(errs...)
}

// withoutLogin takes user and password out of an address. The user of ssh, nearly always git, tells nobody anything
// and stays; without it the address would not work.
func withoutLogin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.User == nil {
		return address
	}
	if _, password := u.User.Password(); strings.HasSuffix(u.Scheme, "ssh") {
		if password {
			u.User = url.User(u.User.Username())
			return u.String()
		}
		return address
	}
	u.User = nil
	return u.String()
}
