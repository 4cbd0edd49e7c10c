package registry

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.podman.io/image/v5/docker/reference"

	"github.com/bootloom/bootloom/bootc"
)

// checkAuth finds mistakes in the login fields before anything is sent.
func (c Client) checkAuth() error {
	for _, key := range slices.Sorted(maps.Keys(c.Credentials)) {
		path := fmt.Sprintf("Client.Credentials[%q]", key)
		if _, err := reference.Parse(key + "/x"); err != nil || strings.Contains(key, "://") || strings.HasSuffix(key, "/") {
			return bootc.Errorf(path, `want a key of the form "host[:port]" or "host[:port]/namespace"`)
		}
		if cr := c.Credentials[key]; cr.IdentityToken == "" && (cr.Username == "" || cr.Password == "") {
			return bootc.Errorf(path, "want Username and Password, or IdentityToken")
		}
	}
	if c.AuthFile != "" && !c.Anonymous {
		if _, err := os.Stat(c.AuthFile); err != nil {
			return &bootc.FieldError{Path: "Client.AuthFile", Err: err}
		}
	}
	return nil
}

// credential returns the login for host/path, or the zero Credential for none.
func (c Client) credential(ctx context.Context, host, path string) (Credential, error) {
	for key := range scopes(host, path) {
		if cr, ok := c.Credentials[key]; ok {
			return cr, nil
		}
	}
	files, err := c.authFiles()
	if err != nil {
		return Credential{}, err
	}
	for _, f := range files {
		if cr, err := f.credential(ctx, host, path); err != nil || cr != (Credential{}) {
			return cr, err
		}
	}
	return Credential{}, nil
}

// scopes yields what a login for host/path may be filed under, the most specific first.
func scopes(host, path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		key := host + "/" + path
		for yield(key) {
			i := strings.LastIndexByte(key, '/')
			if i < 0 {
				return
			}
			key = key[:i]
		}
	}
}

// logins returns all that the Client would use, as one auth file. A login that Credentials has hides those that are
// found for the same host or namespace and what is below it.
func (c Client) logins(ctx context.Context) (authFile, error) {
	all := authFile{Auths: map[string]authEntry{}, CredHelpers: map[string]string{}}
	files, err := c.authFiles()
	if err != nil {
		return all, err
	}
	for _, f := range files {
		for host, helper := range f.CredHelpers {
			_, helped := all.CredHelpers[host]
			if _, known := all.Auths[host]; !known && !helped {
				all.CredHelpers[host] = helper
			}
		}
		for key, e := range f.Auths {
			cr, err := f.login(ctx, key, e)
			if err != nil {
				return all, err
			}
			if host := hostOf(key); host != "" {
				key = host
			}
			if _, known := all.Auths[key]; !known && cr != (Credential{}) {
				all.Auths[key] = entryOf(cr)
			}
		}
	}
	for key := range c.Credentials {
		below := func(k string) bool { return k == key || strings.HasPrefix(k, key+"/") }
		maps.DeleteFunc(all.Auths, func(k string, _ authEntry) bool { return below(k) })
		maps.DeleteFunc(all.CredHelpers, func(k, _ string) bool { return below(k) })
	}
	for key, cr := range c.Credentials {
		all.Auths[key] = entryOf(cr)
	}
	return all, nil
}
