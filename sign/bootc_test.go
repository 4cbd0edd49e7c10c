//go:build linux && (containers_image_openpgp || bootloom_system_gpgme)

package sign_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	jsonproxy "go.podman.io/common/pkg/json-proxy"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"

	"github.com/bootloom/bootloom/internal/testkit"
)

// The tamper table through the proxy that bootc has skopeo run to fetch an image, in its own protocol: JSON over a
// socket of type seqpacket. Unlike podman it takes an image of which only the index is signed.
func TestTamperBootc(t *testing.T) {
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{}), t}
	policy, cases := tamperedImages(t, f)
	root := t.TempDir()
	files := fstest.MapFS{}
	for _, e := range must(policy.Files(fstest.MapFS{})) {
		b := bytes.ReplaceAll(must(e.Content.ReadAll()), []byte(`"/etc/pki/`), []byte(`"`+root+`/etc/pki/`))
		files[e.Path[1:]] = &fstest.MapFile{Data: b, Mode: e.Mode}
	}
	if err := os.CopyFS(root, files); err != nil {
		t.Fatal(err)
	}
	sys, cleanup, err := f.registryClient().System()
	if err != nil {
		t.Fatal(err)
	}
	defer cleanup()
	sys.RegistriesDirPath = filepath.Join(root, "etc/containers/registries.d")
	manager, err := jsonproxy.NewManager(
		jsonproxy.WithSystemContext(func() (*types.SystemContext, error) { return sys, nil }),
		jsonproxy.WithPolicyContext(func() (*signature.PolicyContext, error) {
			p, err := signature.NewPolicyFromFile(filepath.Join(root, "etc/containers/policy.json"))
			if err != nil {
				return nil, err
			}
			return signature.NewPolicyContext(p)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	go manager.Serve(t.Context(), fds[1])
	end := os.NewFile(uintptr(fds[0]), "bootc")
	conn, err := net.FileConn(end)
	end.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	call := func(method string, args ...any) (failure string) {
		t.Helper()
		request := must(json.Marshal(map[string]any{"method": method, "args": append([]any{}, args...)}))
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 64<<10)
		n, err := conn.Read(answer)
		if err != nil {
			t.Fatal(err)
		}
		var reply struct {
			Success bool
			Error   string
		}
		if err := json.Unmarshal(answer[:n], &reply); err != nil || reply.Success != (reply.Error == "") {
			t.Fatalf("%s answers %s (%v)", method, answer[:n], err)
		}
		return reply.Error
	}
	if failure := call("Initialize"); failure != "" {
		t.Fatal(failure)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			failure := call("OpenImage", "docker://"+c.ref)
			if c.want == nil || c.name == "index signed, instance not" {
				if failure != "" {
					t.Error(failure)
				}
			} else if failure == "" || !strings.Contains(failure, c.says) {
				t.Errorf("error %q, want one that says %q", failure, c.says)
			}
		})
	}
}
