package testkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// registries are the two servers in all the ways that they can be asked for.
func registries(t *testing.T, run func(t *testing.T, start func(testing.TB, RegistryOptions) *Registry)) {
	t.Run("olareg", func(t *testing.T) { run(t, NewOlareg) })
	t.Run("docker-registry", func(t *testing.T) { run(t, NewDockerRegistry) })
}

func TestRegistries(t *testing.T) {
	registries(t, func(t *testing.T, start func(testing.TB, RegistryOptions) *Registry) {
		for name, o := range map[string]RegistryOptions{
			"open":        {},
			"login":       {Username: "u", Password: "p:w"},
			"tls login":   {TLS: true, Username: "u", Password: "p"},
			"client cert": {ClientCert: true},
		} {
			t.Run(name, func(t *testing.T) {
				r := start(t, o)
				blob := bytes.Repeat([]byte("0123456789"), 10_000)
				d := put(t, r, blob)
				if got, code := do(t, r, "GET", "/v2/acme/os/blobs/"+d.String(), nil); code != 200 || !bytes.Equal(got, blob) {
					t.Fatalf("got %d bytes, status %d", len(got), code)
				}
				if r.Uploaded() != int64(len(blob)) || r.Downloaded() != int64(len(blob)) {
					t.Errorf("counted %d up, %d down, want %d: %+v", r.Uploaded(), r.Downloaded(), len(blob), r.Requests())
				}
				if _, code := do(t, r, "DELETE", "/v2/acme/os/blobs/"+d.String(), nil); code != 202 {
					t.Errorf("delete: status %d", code)
				}
				if o.Username != "" {
					r.Username = "nobody"
					if _, code := do(t, r, "GET", "/v2/", nil); code != 401 {
						t.Errorf("wrong user: status %d", code)
					}
				}
				if r.CA != nil {
					if _, err := http.Get(r.URL() + "/v2/"); err == nil {
						t.Error("a client without the CA got through")
					}
				}
			})
		}
	})
}

func TestFaults(t *testing.T) {
	registries(t, func(t *testing.T, start func(testing.TB, RegistryOptions) *Registry) {
		r := start(t, RegistryOptions{})
		blob := bytes.Repeat([]byte("x"), 1<<20)

		r.Inject(Fault{Match: PathContains("POST", "/blobs/uploads/"), Skip: 1, Times: 1, Do: Status(429, 7)})
		put(t, r, blob[:10]) // skipped
		resp, err := r.Client().Post(r.URL()+"/v2/acme/os/blobs/uploads/", "", nil)
		if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "7" {
			t.Fatalf("%+v, %v", resp, err)
		}
		resp.Body.Close()
		d := put(t, r, blob)

		r.Reset()
		r.Inject(Fault{Match: Method("GET"), Times: 1, Do: Drop(1000)})
		resp, err = r.Client().Get(r.URL() + "/v2/acme/os/blobs/" + d.String())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(b) != 1000 {
			t.Errorf("got %d bytes, %v, want 1000 and an unexpected end", len(b), err)
		}

		r.Reset()
		r.Inject(Fault{Match: Method("PUT"), Times: 1, Do: Drop(500_000)})
		other := append(blob[:len(blob):len(blob)], "other"...)
		if err := tryPut(r, other); err == nil {
			t.Error("an upload got through the cut")
		}
		if q := r.Requests(); len(q) != 2 || q[1].In != 500_000 || q[1].Status != 0 {
			t.Errorf("requests %+v", q)
		}
		put(t, r, other)

		r.Inject(Fault{Do: Unauthorized()})
		if _, code := do(t, r, "GET", "/v2/", nil); code != 401 {
			t.Errorf("status %d", code)
		}
	})
}

func TestTokens(t *testing.T) {
	r := NewOlareg(t, RegistryOptions{TLS: true, Username: "u", Password: "p", TokenLifetime: time.Minute})
	resp, err := r.Client().Get(r.URL() + "/v2/acme/os/tags/list")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	want := fmt.Sprintf(`Bearer realm="%s/token",service="test",scope="repository:acme/os:pull"`, r.URL())
	if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || got != want {
		t.Fatalf("status %d, challenge %q", resp.StatusCode, got)
	}
	body, code := do(t, r, "GET", "/token?service=test", nil)
	var answer struct{ Token string }
	if err := json.Unmarshal(body, &answer); err != nil || code != 200 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	get := func() int {
		q, _ := http.NewRequestWithContext(t.Context(), "GET", r.URL()+"/v2/", nil)
		q.Header.Set("Authorization", "Bearer "+answer.Token)
		resp, err := r.Client().Do(q)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if code := get(); code != 200 {
		t.Errorf("with a token: %d", code)
	}
	r.ExpireTokens()
	if code := get(); code != 401 {
		t.Errorf("with an old token: %d", code)
	}
}

func TestDockerRegistryLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	NeedTool(t, "docker-registry")
	r, err := StartDockerRegistry(t.Context(), RegistryOptions{TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	put(t, r, []byte("blob"))
	r.Close()
	if left, _ := filepath.Glob(os.Getenv("TMPDIR") + "/*"); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		if b, _ := os.ReadFile(p); strings.Contains(string(b), os.Getenv("TMPDIR")) {
			t.Errorf("%s runs: %q", p, b)
		}
	}
}

func put(t *testing.T, r *Registry, blob []byte) digest.Digest {
	t.Helper()
	if err := tryPut(r, blob); err != nil {
		t.Fatal(err)
	}
	return digest.FromBytes(blob)
}

// tryPut uploads a blob in one PUT.
func tryPut(r *Registry, blob []byte) error {
	base, _ := url.Parse(r.URL())
	send := func(method, where string, body []byte) (*http.Response, error) {
		u, err := base.Parse(where)
		if err != nil {
			return nil, err
		}
		q, err := http.NewRequest(method, u.String(), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if r.Username != "" {
			q.SetBasicAuth(r.Username, r.Password)
		}
		resp, err := r.Client().Do(q)
		if err != nil {
			return nil, err
		}
		return resp, resp.Body.Close()
	}
	resp, err := send("POST", "/v2/acme/os/blobs/uploads/", nil)
	if err != nil {
		return err
	}
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != 202 {
		return fmt.Errorf("POST: %s, %v", resp.Status, err)
	}
	query := to.Query()
	query.Set("digest", digest.FromBytes(blob).String())
	to.RawQuery = query.Encode()
	if resp, err = send("PUT", to.String(), blob); err == nil && resp.StatusCode != 201 {
		err = fmt.Errorf("PUT: %s", resp.Status)
	}
	return err
}

func do(t *testing.T, r *Registry, method, path string, body io.Reader) ([]byte, int) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, r.URL()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Username != "" {
		q.SetBasicAuth(r.Username, r.Password)
	}
	resp, err := r.Client().Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b, resp.StatusCode
}
