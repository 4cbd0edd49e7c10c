package registry

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// dTpw is u:p, eDp5 is x:y.
const authJSON = `{
	"auths": {
		"a.example":                       {"auth": "dTpw"},
		"a.example/team":                  {"auth": "eDp5"},
		"https://old.example/v1/":         {"auth": "dTpw"},
		"http://plain.example":            {"auth": "dTpw"},
		"https://index.docker.io/v1/":     {"auth": "dTpw"},
		"token.example":                   {"auth": "dG9rZW46", "identitytoken": "refresh"},
		"other.example/team":              {"auth": "dTpw"},
		"store.example":                   {},
		"bad.example":                     {"auth": "c2VjcmV0"}
	},
	"credHelpers": {"helped.example": "fake"},
	"credsStore": "fake"
}`

const helper = `#!/bin/sh
read -r server
case $server in
helped.example|store.example) echo '{"ServerURL":"'$server'","Username":"from","Secret":"helper"}';;
*) echo 'credentials not found in native keychain'; exit 1;;
esac
`

func TestAuthFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the credential helper is a shell script")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "auth.json")
	if err := os.WriteFile(file, []byte(authJSON), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-fake"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	c := Client{AuthFile: file}
	for _, tt := range []struct {
		host, path string
		want       Credential
		err        string
	}{
		{"a.example", "os", Credential{Username: "u", Password: "p"}, ""},
		{"a.example", "team/os", Credential{Username: "x", Password: "y"}, ""},
		{"a.example", "teams/os", Credential{Username: "u", Password: "p"}, ""},
		{"old.example", "os", Credential{Username: "u", Password: "p"}, ""},
		{"plain.example", "os", Credential{Username: "u", Password: "p"}, ""},
		{"docker.io", "library/x", Credential{Username: "u", Password: "p"}, ""},
		{"token.example", "os", Credential{Username: "token", IdentityToken: "refresh"}, ""},
		{"other.example", "os", Credential{}, ""},
		{"helped.example", "os", Credential{Username: "from", Password: "helper"}, ""},
		{"store.example", "os", Credential{Username: "from", Password: "helper"}, ""},
		{"unknown.example", "os", Credential{}, ""},
		{"bad.example", "os", Credential{}, "the entry for bad.example is not base64 of user:password"},
	} {
		got, err := c.credential(t.Context(), tt.host, tt.path)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "c2Vj")) {
			t.Errorf("%s/%s: %q %q %q, error %v", tt.host, tt.path, got.Username, got.Password, got.IdentityToken, err)
		}
	}
	if err := os.WriteFile(file, []byte(`{"auths": s3cret}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.credential(t.Context(), "a.example", "os"); err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
}

// TestLogins: those of podman come before those of docker, and none are wanted when the caller says so.
func TestLogins(t *testing.T) {
	dir := t.TempDir()
	for name, auth := range map[string]string{"podman/containers": `"a.example":{"auth":"eDp5"}`, "docker": `"a.example":{"auth":"dTpw"},"b.example":{"auth":"dTpw"}`} {
		file := "auth.json"
		if name == "docker" {
			file = "config.json"
		}
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, file), []byte(`{"auths":{`+auth+`}}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "none"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "podman"))
	t.Setenv("DOCKER_CONFIG", filepath.Join(dir, "docker"))
	for host, want := range map[string]string{"a.example": "x", "b.example": "u", "c.example": ""} {
		if got, err := (Client{}).credential(t.Context(), host, "os"); err != nil || got.Username != want {
			t.Errorf("%s: user %q, error %v", host, got.Username, err)
		}
		if got, err := (Client{Anonymous: true}).credential(t.Context(), host, "os"); err != nil || got != (Credential{}) {
			t.Errorf("%s: user %q although anonymous, error %v", host, got.Username, err)
		}
	}
	all, err := Client{Credentials: map[string]Credential{"b.example": {Username: "m", Password: "n"}}}.logins(t.Context())
	if err != nil || len(all.Auths) != 2 || all.Auths["a.example"].Auth != "eDp5" || all.Auths["b.example"].Auth != "bTpu" {
		t.Errorf("%+v, %v", all.Auths, err)
	}
}

// TestForeignLogins: a directory of root's is none of an ordinary user's, but a file of one's own has to be readable.
func TestForeignLogins(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "containers")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	denied := &fs.PathError{Op: "open", Path: dir, Err: fs.ErrPermission}
	if foreign(filepath.Join(dir, "auth.json"), denied) {
		t.Error("a file in a directory that can be entered is taken for somebody else's")
	}
	if foreign(filepath.Join(dir, "auth.json"), fs.ErrNotExist) {
		t.Error("a file that is not there is taken for somebody else's")
	}
	if os.Geteuid() == 0 {
		return // to whom no directory is closed; the rootless builds see one
	}
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	if !foreign(filepath.Join(dir, "1000", "auth.json"), denied) {
		t.Error("a directory that is closed to this user counts")
	}
}
