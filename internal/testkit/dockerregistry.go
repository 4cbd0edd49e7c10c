package testkit

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/bootloom/bootloom/internal/child"
)

// NewDockerRegistry starts Debian's docker-registry (distribution 2.8) as a process that lives as long as the test, behind
// a front that counts and breaks requests. TLS and htpasswd are the program's own. It has no referrers API, and deletes
// are on. Its content is in a temporary directory.
func NewDockerRegistry(t testing.TB, o RegistryOptions) *Registry {
	t.Helper()
	NeedTool(t, "docker-registry")
	r, err := StartDockerRegistry(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// StartDockerRegistry is NewDockerRegistry for programs, which must Close it.
func StartDockerRegistry(ctx context.Context, o RegistryOptions) (*Registry, error) {
	if o.TokenLifetime > 0 {
		return nil, errors.New("docker-registry has no token server: TokenLifetime is for olareg")
	}
	program, err := lookTool("docker-registry")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "testkit-registry-")
	if err != nil {
		return nil, err
	}
	r, l, ca, err := newFront(o)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r.stop = func() { _ = os.RemoveAll(dir) }
	// Another process may take the port between our look and the program's start.
	for range 3 {
		var backend *url.URL
		var p *child.Process
		if backend, p, err = launchRegistry(ctx, program, dir, ca, o); err != nil {
			continue
		}
		r.stop = func() {
			p.Kill()
			_ = os.RemoveAll(dir)
		}
		r.Backend = backend.Host
		r.serve(l, proxyTo(backend, ca))
		return r, nil
	}
	return nil, errors.Join(err, l.Close(), os.RemoveAll(dir))
}

func launchRegistry(ctx context.Context, program, dir string, ca *CA, o RegistryOptions) (*url.URL, *child.Process, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	addr := free.Addr().String()
	config, scheme, err := registryConfig(dir, addr, ca, o)
	if err := errors.Join(err, free.Close()); err != nil {
		return nil, nil, err
	}
	var output bytes.Buffer
	cmd := exec.Command(program, "serve", config)
	cmd.Stdout, cmd.Stderr = &output, &output
	p, err := child.Start(cmd)
	if err != nil {
		return nil, nil, err
	}
	for range 200 {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return &url.URL{Scheme: scheme, Host: addr}, p, c.Close()
		}
		select {
		case <-p.Done():
			return nil, nil, fmt.Errorf("docker-registry ended: %v\n%s", p.Err(), output.String())
		case <-ctx.Done():
			p.Kill()
			return nil, nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.Kill()
	return nil, nil, fmt.Errorf("docker-registry does not listen on %s after 10 s\n%s", addr, output.String())
}

// registryConfig writes the program's files to dir.
func registryConfig(dir, addr string, ca *CA, o RegistryOptions) (path, scheme string, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n")
	fmt.Fprintf(&b, "storage:\n  filesystem: {rootdirectory: %q}\n  delete: {enabled: true}\n", filepath.Join(dir, "data"))
	if o.ReadOnly {
		fmt.Fprintf(&b, "  maintenance: {readonly: {enabled: true}}\n")
	}
	if o.Username != "" {
		hash, err := bcrypt.GenerateFromPassword([]byte(o.Password), bcrypt.MinCost)
		if err != nil {
			return "", "", err
		}
		file := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(file, fmt.Appendf(nil, "%s:%s\n", o.Username, hash), 0o600); err != nil {
			return "", "", err
		}
		fmt.Fprintf(&b, "auth:\n  htpasswd: {realm: test registry, path: %q}\n", file)
	}
	fmt.Fprintf(&b, "http:\n  addr: %q\n  secret: test\n", addr)
	scheme = "http"
	if ca != nil {
		scheme = "https"
		cert, key, err := ca.Server()
		err = errors.Join(err,
			os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o600), os.WriteFile(filepath.Join(dir, "key.pem"), key, 0o600))
		if err != nil {
			return "", "", err
		}
		fmt.Fprintf(&b, "  tls: {certificate: %q, key: %q}\n", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	}
	path = filepath.Join(dir, "config.yml")
	return path, scheme, os.WriteFile(path, []byte(b.String()), 0o600)
}

// proxyTo passes requests on with their Host, so that the URLs in the answers lead to the front again.
func proxyTo(backend *url.URL, ca *CA) http.Handler {
	transport := &http.Transport{DisableCompression: true}
	if ca != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: ca.pool()}
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(backend)
			r.Out.Host = r.In.Host
		},
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
}
