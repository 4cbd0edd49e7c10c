package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
)

// subscribed is a host with an entitlement, and a content server that talks to nobody without it.
type subscribed struct {
	root string // the host's files
	url  string
	pem  string // the certificate and the private key
}

// subscription makes both. The server has the packages of dir.
func subscription(t *testing.T, dir string) subscribed {
	t.Helper()
	ca, err := testkit.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	pair := func(cert, key []byte, err error) ([]byte, []byte) {
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	cert, key := pair(ca.Client("entitled"))
	own, err := tls.X509KeyPair(pair(ca.Server()))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(ca.PEM)
	server := httptest.NewUnstartedServer(http.FileServer(http.Dir(dir)))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // those who have none
	server.StartTLS()
	t.Cleanup(server.Close)
	s := subscribed{root: t.TempDir(), url: server.URL, pem: string(key) + string(cert)}
	// As subscription-manager writes it, with the paths of that host.
	repo := fmt.Sprintf("#\n# Certificate-Based Repositories\n#\n\n[test-rpms]\nname = Test\nbaseurl = %s\nenabled = 0\ngpgcheck = 0\nsslverify = 1\n"+
		"sslcacert = /etc/rhsm/ca/redhat-uep.pem\nsslclientkey = /etc/pki/entitlement/4711-key.pem\nsslclientcert = /etc/pki/entitlement/4711.pem\n", s.url)
	for name, data := range map[string][]byte{"etc/pki/entitlement/4711.pem": cert, "etc/pki/entitlement/4711-key.pem": key,
		"etc/rhsm/ca/redhat-uep.pem": ca.PEM, "etc/yum.repos.d/redhat.repo": []byte(repo)} {
		file := filepath.Join(s.root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestEntitlement installs from a server that wants the certificate, and looks for what is left.
func TestEntitlement(t *testing.T) {
	t.Parallel()
	r := repositoriesOf(t)
	host := subscription(t, r.rpms)
	entitlement, secrets, err := bootc.FindEntitlement(host.root)
	if err != nil {
		t.Fatal(err)
	}
	enabled := bootc.Repo{ID: "test-rpms", Existing: true}
	s := from(t).With(entitlement, enabled, bootc.Packages{Install: []string{"hello-data"}})
	b, err := try(t, engine(t), bootc.DNF4, s, bootc.BuildOptions{Secrets: secrets})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	same(t, "layers", b.names(), slices.Concat(rpmDB, []string{"usr/share/hello/data"}))
	for name := range b.files {
		if strings.HasPrefix(name, "run/") {
			t.Errorf("the layers have %s", name)
		}
	}
	canaries := map[string][]byte{"serial": []byte("entitlement/4711")}
	for i, line := range strings.Split(host.pem, "\n") {
		if len(line) == 64 {
			canaries[fmt.Sprint("line ", i)] = []byte(line)
		}
	}
	if found := sightings(t, b, canaries); len(canaries) < 4 || len(found) > 0 {
		t.Errorf("of %d canaries: %+v", len(canaries), found)
	}

	t.Run("without", func(t *testing.T) {
		plain := bootc.Repo{ID: "test-rpms", BaseURL: []string{host.url}, InsecureNoGPGCheck: true, InsecureSkipTLSVerify: true}
		refused(t, bootc.DNF4, from(t).With(plain, bootc.Packages{Install: []string{"hello-data"}}), "test-rpms")
	})
	t.Run("kept", func(t *testing.T) {
		dir := t.TempDir()
		base := testkit.Chroot{Root: testkit.Root(t, testkit.DNF)}
		if _, _, err := base.With("/repo", dir).Run(t.Context(), "sh", "-c", thief); err != nil {
			t.Fatal(err)
		}
		host := subscription(t, dir)
		entitlement, secrets, err := bootc.FindEntitlement(host.root)
		if err != nil {
			t.Fatal(err)
		}
		s := from(t).With(entitlement, enabled, bootc.Packages{Install: []string{"thief"}})
		b, err := try(t, engine(t), bootc.DNF4, s, bootc.BuildOptions{Secrets: secrets})
		if err == nil || !strings.Contains(err.Error(), "the entitlement would stay in the image, in /usr/share/thief/bundle") || !strings.Contains(err.Error(), "Features[0].Entitlement") {
			t.Errorf("it builds, or says %v\n%s", err, b.log())
		}
		if i := strings.Index(fmt.Sprint(err, b.log()), strings.Split(host.pem, "\n")[1]); i >= 0 {
			t.Error("and shows the key")
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		if _, _, err := bootc.FindEntitlement(t.TempDir()); err == nil || !strings.Contains(err.Error(), "subscription-manager register") {
			t.Errorf("got %v", err)
		}
	})
}

// thief makes a package whose script keeps the key, among other things.
const thief = `set -eu
cat >/tmp/thief.spec <<'END'
Name: thief
Version: 1
Release: 1
Summary: Keeps what it finds
License: Apache-2.0
BuildArch: noarch
%description
See the summary.
%post -p <lua>
local key = io.open("/run/secrets/etc-pki-entitlement/entitlement-key.pem"):read("a")
posix.mkdir("/usr/share/thief")
local out = io.open("/usr/share/thief/bundle", "w")
out:write("# found\n", key)
out:close()
%files
END
rpmbuild -bb --quiet --define '_topdir /tmp/rpm' --define '_rpmdir /repo' /tmp/thief.spec
createrepo_c -q /repo
`

// sightings are the places in an image where a secret is, and that events have it.
func sightings(t *testing.T, b built, canaries map[string][]byte) []testkit.Sighting {
	t.Helper()
	dir, _, _ := strings.Cut(strings.TrimPrefix(b.Location, "oci:"), ":")
	found, err := testkit.FindCanaries(dir, canaries)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range b.events {
		for name, value := range canaries {
			if strings.Contains(fmt.Sprintf("%+v", e), string(value)) {
				found = append(found, testkit.Sighting{Canary: name, Path: "an event"})
			}
		}
	}
	return found
}
