package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"oras.land/oras-go/v2/registry/remote/credentials"
)

// authFile is podman's auth.json (containers-auth.json(5)), which is Docker's config.json with namespaces as keys.
type authFile struct {
	Auths       map[string]authEntry `json:"auths"`
	CredHelpers map[string]string    `json:"credHelpers,omitempty"`
	CredsStore  string               `json:"credsStore,omitempty"`
	path        string
}

type authEntry struct {
	Auth          string `json:"auth,omitempty"` // base64 of user:password
	IdentityToken string `json:"identitytoken,omitempty"`
}

// authFiles reads the auth files that count, those that win first.
func (c Client) authFiles() ([]authFile, error) {
	var files []authFile
	for _, path := range c.authPaths() {
		b, err := os.ReadFile(path)
		if c.AuthFile == "" && (errors.Is(err, fs.ErrNotExist) || foreign(path, err)) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading logins: %w", err)
		}
		f := authFile{path: path}
		if len(bytes.TrimSpace(b)) > 0 && json.Unmarshal(b, &f) != nil { // whose error might quote the content
			return nil, fmt.Errorf("reading logins: %s is not the JSON of an auth file", path)
		}
		files = append(files, f)
	}
	return files, nil
}

// foreign says that a file could not be read because its directory is closed to this user, who then never logged in there:
// root's podman makes /run/containers so.
func foreign(path string, err error) bool {
	if !errors.Is(err, fs.ErrPermission) {
		return false
	}
	_, err = os.Stat(filepath.Dir(path))
	return errors.Is(err, fs.ErrPermission)
}

// authPaths are AuthFile, or where podman login and docker login write, in podman's order.
func (c Client) authPaths() []string {
	if c.Anonymous {
		return nil
	}
	if c.AuthFile != "" {
		return []string{c.AuthFile}
	}
	home, _ := os.UserHomeDir()
	in := func(variable, otherwise string, name ...string) string {
		dir := os.Getenv(variable)
		if dir == "" {
			dir = otherwise
		}
		return filepath.Join(append([]string{dir}, name...)...)
	}
	paths := []string{
		in("XDG_CONFIG_HOME", filepath.Join(home, ".config"), "containers", "auth.json"),
		in("DOCKER_CONFIG", filepath.Join(home, ".docker"), "config.json"),
	}
	if runtime.GOOS == "linux" {
		run := in("XDG_RUNTIME_DIR", "/run", "containers", "auth.json")
		if os.Getenv("XDG_RUNTIME_DIR") == "" {
			run = filepath.Join("/run/containers", strconv.Itoa(os.Getuid()), "auth.json")
		}
		paths = append([]string{run}, paths...)
	}
	return paths
}

// credential returns the login that the file has for host/path.
func (f authFile) credential(ctx context.Context, host, path string) (Credential, error) {
	if helper := f.CredHelpers[host]; helper != "" {
		return ask(ctx, helper, host)
	}
	for key := range scopes(host, path) {
		if e, ok := f.Auths[key]; ok {
			return f.login(ctx, key, e)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.Auths)) {
		if hostOf(key) == host {
			return f.login(ctx, key, f.Auths[key])
		}
	}
	return Credential{}, nil
}

// login reads an entry. An empty one means that the file's credential store has it.
func (f authFile) login(ctx context.Context, key string, e authEntry) (Credential, error) {
	if e == (authEntry{}) && f.CredsStore != "" {
		return ask(ctx, f.CredsStore, key)
	}
	pair, err := base64.StdEncoding.DecodeString(e.Auth)
	user, password, ok := strings.Cut(string(pair), ":")
	if err != nil || !ok && len(pair) > 0 {
		return Credential{}, fmt.Errorf("reading logins: %s: the entry for %s is not base64 of user:password", f.path, key)
	}
	return Credential{Username: user, Password: strings.Trim(password, "\x00"), IdentityToken: e.IdentityToken}, nil
}

func entryOf(cr Credential) authEntry {
	e := authEntry{IdentityToken: cr.IdentityToken}
	user := cr.Username
	if user == "" {
		user = "token" // readers want a pair also beside a token
	}
	e.Auth = base64.StdEncoding.EncodeToString([]byte(user + ":" + cr.Password))
	return e
}

// ask runs docker-credential-HELPER.
func ask(ctx context.Context, helper, server string) (Credential, error) {
	cr, err := credentials.NewNativeStore(helper).Get(ctx, server)
	if err != nil {
		return Credential{}, fmt.Errorf("asking docker-credential-%s for the login to %s: %w", helper, server, err)
	}
	return Credential{Username: cr.Username, Password: cr.Password, IdentityToken: cr.RefreshToken}, nil
}

// hostOf returns the host of a key in one of the old forms that are URLs, or an alias of Docker Hub.
func hostOf(key string) string {
	rest, secure := strings.CutPrefix(key, "https://")
	rest, plain := strings.CutPrefix(rest, "http://")
	host, path, namespace := strings.Cut(rest, "/")
	if namespace && !secure && !plain && path != "v1/" && path != "v1" {
		return ""
	}
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		return "docker.io"
	}
	return host
}
