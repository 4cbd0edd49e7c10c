package registry_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.podman.io/image/v5/docker"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
)

func TestTrustAndLogin(t *testing.T) {
	eachRegistry(t, func(t *testing.T, start func(testing.TB, testkit.RegistryOptions) *testkit.Registry) {
		r := start(t, testkit.RegistryOptions{TLS: true, Username: "robot", Password: "s3cret-word"})
		repo := r.Host + "/acme/os"
		img := makeImage(t, "linux/amd64", 1)
		if _, err := client(r).Push(t.Context(), img, repo); err != nil {
			t.Fatal(err)
		}
		authFile := filepath.Join(t.TempDir(), "auth.json")
		login := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Host, base64.StdEncoding.EncodeToString([]byte("robot:s3cret-word")))
		if err := os.WriteFile(authFile, []byte(login), 0o600); err != nil {
			t.Fatal(err)
		}
		good := registry.Credential{Username: "robot", Password: "s3cret-word"}
		wrong := registry.Credential{Username: "robot", Password: "wr0ng-word"}
		creds := func(kv ...any) map[string]registry.Credential {
			m := map[string]registry.Credential{}
			for i := 0; i < len(kv); i += 2 {
				m[r.Host+kv[i].(string)] = kv[i+1].(registry.Credential)
			}
			return m
		}
		for name, tt := range map[string]struct {
			c    registry.Client
			want error
		}{
			"right":                      {registry.Client{CA: r.CA, Credentials: creds("", good)}, nil},
			"auth file":                  {registry.Client{CA: r.CA, AuthFile: authFile}, nil},
			"longest match wins":         {registry.Client{CA: r.CA, Credentials: creds("", wrong, "/acme", good)}, nil},
			"longest match wins, wrong":  {registry.Client{CA: r.CA, Credentials: creds("", good, "/acme", wrong)}, registry.ErrUnauthorized},
			"another namespace":          {registry.Client{CA: r.CA, Credentials: creds("", good, "/ac", wrong)}, nil},
			"credentials win over file":  {registry.Client{CA: r.CA, AuthFile: authFile, Credentials: creds("", wrong)}, registry.ErrUnauthorized},
			"no login":                   {registry.Client{CA: r.CA, Anonymous: true}, registry.ErrUnauthorized},
			"anonymous despite the file": {registry.Client{CA: r.CA, AuthFile: authFile, Anonymous: true}, registry.ErrUnauthorized},
			"wrong password":             {registry.Client{CA: r.CA, Credentials: creds("", wrong)}, registry.ErrUnauthorized},
			"no CA":                      {registry.Client{Credentials: creds("", good)}, registry.ErrTLS},
			"no CA, insecure":            {registry.Client{InsecureSkipTLSVerify: true, Credentials: creds("", good)}, nil},
		} {
			t.Run(name, func(t *testing.T) {
				r.Reset()
				_, err := tt.c.Inspect(t.Context(), repo+"@"+img.Digest.String(), "linux/amd64")
				if !errors.Is(err, tt.want) {
					t.Fatalf("error %v, want %v", err, tt.want)
				}
				if err != nil {
					if op, ok := errors.AsType[*bootc.OpError](err); !ok || op.Op != "inspect" || strings.Contains(err.Error(), "word") {
						t.Errorf("error %v", err)
					}
				}
				if tt.want == registry.ErrUnauthorized {
					if n := len(r.Requests()); n > 2 {
						t.Errorf("tried a login that does not work %d times", n)
					}
					if tt.c.Anonymous && !strings.Contains(err.Error(), "no login for "+r.Host) {
						t.Errorf("does not say that there is no login: %v", err)
					}
				}

				// containers/image, with the context that System makes, comes to the same result.
				sys, cleanup, err := tt.c.System()
				if err != nil {
					t.Fatal(err)
				}
				defer cleanup()
				ref, err := docker.ParseReference("//" + repo + "@" + img.Digest.String())
				if err != nil {
					t.Fatal(err)
				}
				src, err := ref.NewImageSource(t.Context(), sys)
				if err == nil {
					_, _, err = src.GetManifest(t.Context(), nil)
					src.Close()
				}
				if (err == nil) != (tt.want == nil) {
					t.Errorf("containers/image: error %v, want %v", err, tt.want)
				}
			})
		}
	})
}

func TestClientCertificate(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{ClientCert: true})
	img := makeImage(t, "linux/amd64", 1)
	c := client(r)
	if _, err := c.Push(t.Context(), img, r.Host+"/os"); !errors.Is(err, registry.ErrTLS) {
		t.Errorf("without a certificate: error %v", err)
	}
	c.ClientCert, c.ClientKey = r.ClientCert, r.ClientKey
	if _, err := c.Push(t.Context(), img, r.Host+"/os"); err != nil {
		t.Error(err)
	}
	sys, cleanup, err := c.System()
	if err != nil {
		t.Fatal(err)
	}
	defer cleanup()
	if err := docker.CheckAuth(t.Context(), sys, "", "", r.Host); err != nil {
		t.Errorf("containers/image: %v", err)
	}
}

func TestPlainHTTP(t *testing.T) {
	r := testkit.NewOlareg(t, testkit.RegistryOptions{})
	_, err := registry.Client{Anonymous: true}.Tags(t.Context(), r.Host+"/os")
	if !errors.Is(err, registry.ErrTLS) {
		t.Errorf("error %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	start := time.Now()
	_, err := registry.Client{Anonymous: true}.Tags(t.Context(), "127.0.0.1:1/os")
	if err == nil || !strings.Contains(err.Error(), "connection refused") || time.Since(start) > time.Second {
		t.Errorf("error %v after %s: a host that never answered is not asked again", err, time.Since(start))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (registry.Client{Anonymous: true}).Tags(ctx, "127.0.0.1:1/os"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestClientFields(t *testing.T) {
	ca, err := testkit.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	one := registry.Credential{Username: "u", Password: "p"}
	for path, c := range map[string]registry.Client{
		"Client.CA":                             {CA: []byte("not PEM")},
		"Client.ClientCert":                     {ClientCert: ca.PEM},
		"Client.AuthFile":                       {AuthFile: "/no/such/auth.json"},
		`Client.Credentials["https://quay.io"]`: {Credentials: map[string]registry.Credential{"https://quay.io": one}},
		`Client.Credentials["quay.io/"]`:        {Credentials: map[string]registry.Credential{"quay.io/": one}},
		`Client.Credentials["quay.io"]`:         {Credentials: map[string]registry.Credential{"quay.io": {Username: "u"}}},
		`Client.Credentials["quay.io/a b"]`:     {Credentials: map[string]registry.Credential{"quay.io/a b": one}},
	} {
		_, err := c.Tags(t.Context(), "127.0.0.1:1/os")
		if f, ok := errors.AsType[*bootc.FieldError](err); !ok || f.Path != path {
			t.Errorf("%s: error %v", path, err)
		}
		_, _, err = c.System()
		if f, ok := errors.AsType[*bootc.FieldError](err); !ok || f.Path != path {
			t.Errorf("%s: System: error %v", path, err)
		}
	}
}

// TestSystemIsPrivate: nothing of the host, one directory, and nothing when it is over.
func TestSystemIsPrivate(t *testing.T) {
	dir := t.TempDir()
	authFile := filepath.Join(dir, "auth.json")
	if err := os.WriteFile(authFile, []byte(`{"auths":{"a.example":{"auth":"dTpw"},"b.example/x":{"auth":"dTpw"},"b.example":{"auth":"dTpw"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	c := registry.Client{TempDir: tmp, AuthFile: authFile, Credentials: map[string]registry.Credential{
		"b.example": {Username: "robot", Password: "x"}, "c.example/ns": {IdentityToken: "refresh"}}}
	sys, cleanup, err := c.System()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{sys.AuthFilePath, sys.DockerCertPath, sys.SystemRegistriesConfPath, sys.SystemRegistriesConfDirPath,
		sys.UserShortNameAliasConfPath, sys.RegistriesDirPath, sys.BlobInfoCacheDir, sys.BigFilesTemporaryDir} {
		if p != tmp && !strings.HasPrefix(p, tmp+"/") {
			t.Errorf("%q is not in the private directory", p)
		}
	}
	b, err := os.ReadFile(sys.AuthFilePath)
	info, _ := os.Stat(sys.AuthFilePath)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("auth file: %v, mode %v", err, info.Mode())
	}
	want := `{"auths":{"a.example":{"auth":"dTpw"},"b.example":{"auth":"cm9ib3Q6eA=="},"c.example/ns":{"auth":"dG9rZW46","identitytoken":"refresh"}}}`
	if string(b) != want {
		t.Errorf("auth file\n%s\nwant\n%s", b, want)
	}
	if err := cleanup(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCredentialIsNotShown(t *testing.T) {
	c := registry.Client{Credentials: map[string]registry.Credential{"quay.io": {Username: "robot", Password: "s3cret"}}}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "login", c.Credentials["quay.io"], "all", c.Credentials)
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Credentials["quay.io"]), string(j), log.String()} {
		if strings.Contains(s, "s3cret") || strings.Contains(s, "robot") || !strings.Contains(s, "redacted") {
			t.Errorf("shows a login: %s", s)
		}
	}
}
