package sign_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"
	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/sign"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

func publicKey(name string) string {
	return string(must(os.ReadFile(filepath.Join("testdata", "keys", name+".pub"))))
}

// parsePolicy is containers/image's own strict parser, in a program that has it.
var parsePolicy = func(t *testing.T, b []byte) { t.Log("without the policy engine the policy is not parsed by it") }

// Each file of testdata/policy has the DevicePolicy as JSON, files of the base below base/, and what is expected:
// "error", or the files that go on top below image/. KEY1 and KEY2 stand for the keys in testdata/keys.
func TestDevicePolicyFiles(t *testing.T) {
	names := must(filepath.Glob("testdata/policy/*.txtar"))
	if len(names) == 0 {
		t.Fatal("no test cases")
	}
	expand := strings.NewReplacer("KEY1", jsonBody(publicKey("one")), "KEY2", jsonBody(publicKey("two")))
	shorten := strings.NewReplacer(publicKey("one"), "KEY1\n", publicKey("two"), "KEY2\n")
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive := must(txtar.ParseFile(name))
			var p sign.DevicePolicy
			base, want := fstest.MapFS{}, map[string]string{}
			var inputs []txtar.File
			for _, f := range archive.Files {
				switch {
				case f.Name == "devicepolicy.json":
					d := json.NewDecoder(strings.NewReader(expand.Replace(string(f.Data))))
					d.DisallowUnknownFields()
					if err := d.Decode(&p); err != nil {
						t.Fatal(err)
					}
				case strings.HasPrefix(f.Name, "base/"):
					base[strings.TrimPrefix(f.Name, "base/")] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
				default:
					want[f.Name] = string(f.Data)
					continue
				}
				inputs = append(inputs, f)
			}
			entries, err := p.Files(base)
			var got []txtar.File
			if err != nil {
				got = append(got, txtar.File{Name: "error", Data: []byte(err.Error() + "\n")})
			}
			for _, e := range entries {
				if e.Mode != 0o644 || e.UID != 0 || e.GID != 0 {
					t.Errorf("%s is %v %d:%d", e.Path, e.Mode, e.UID, e.GID)
				}
				b := must(e.Content.ReadAll())
				got = append(got, txtar.File{Name: "image" + e.Path, Data: []byte(shorten.Replace(string(b)))})
				base[e.Path[1:]] = &fstest.MapFile{Data: b, Mode: 0o644}
			}
			if err == nil {
				parsePolicy(t, base["etc/containers/policy.json"].Data)
				loads(t, base)
			}
			if *update {
				archive.Files = append(inputs, got...)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, f := range got {
				if want[f.Name] != string(f.Data) {
					t.Errorf("%s is\n%s\nwant\n%s", f.Name, f.Data, want[f.Name])
				}
				delete(want, f.Name)
			}
			for name := range want {
				t.Errorf("%s is expected, and missing", name)
			}
		})
	}
}

// loads has containers/image read the registries.d of the image.
func loads(t *testing.T, image fstest.MapFS) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	if err := os.CopyFS(dir, image); err != nil {
		t.Fatal(err)
	}
	sys := &types.SystemContext{RootForImplicitAbsolutePaths: dir}
	if _, err := docker.SignatureStorageBaseURL(sys, must(docker.ParseReference("//quay.io/acme/os:1")), false); err != nil {
		t.Errorf("containers/image does not take the registries.d: %v", err)
	}
}

func jsonBody(s string) string {
	b := must(json.Marshal(s))
	return string(b[1 : len(b)-1])
}

func acme() sign.DevicePolicy {
	return sign.DevicePolicy{Rules: []sign.Rule{{Name: "acme-os", Scopes: []string{"quay.io/acme"}, Keys: []string{publicKey("one")}}}}
}

func TestDevicePolicyJSON(t *testing.T) {
	p := acme()
	p.RejectByDefault = true
	p.Rules[0].Identity.Exact = true
	codec := bootc.Codec{Kinds: sign.Kinds()}
	b := must(codec.Marshal(bootc.From("quay.io/x/y:1").With(p)))
	back := must(codec.Unmarshal(b))
	if !reflect.DeepEqual(back.Features, []bootc.Feature{p}) {
		t.Errorf("%+v became %+v by way of %s", p, back.Features, b)
	}
	if strings.Contains(string(b), "Mirrors") {
		t.Errorf("zero fields stand in %s", b)
	}
}

func TestDevicePolicyInSpec(t *testing.T) {
	for _, test := range []struct {
		name string
		base fs.FS
		spec bootc.Spec
		is   error
		says []string
	}{
		{name: "whole", base: fstest.MapFS{}, spec: bootc.From("quay.io/x/y:1").With(acme())},
		{name: "no files of the base", spec: bootc.From("quay.io/x/y:1").With(acme()), is: bootc.ErrUnknownFact,
			says: []string{"Features[0].DevicePolicy: unknown fact about the base: its files"}},
		{name: "field", base: fstest.MapFS{}, spec: bootc.From("quay.io/x/y:1").With(sign.DevicePolicy{Rules: []sign.Rule{{Scopes: []string{"acme/os"}}}}),
			says: []string{"Features[0].DevicePolicy.Rules[0].Scopes[0]: ", "Features[0].DevicePolicy.Rules[0].Keys: "}},
		{name: "two policies", base: fstest.MapFS{}, spec: bootc.From("quay.io/x/y:1").With(acme(),
			sign.DevicePolicy{Rules: []sign.Rule{{Scopes: []string{"quay.io/apps"}, Keys: []string{publicKey("two")}}}}),
			says: []string{"/etc/containers/policy.json", "Features[0].DevicePolicy", "Features[1].DevicePolicy"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.spec.Compile(bootc.Base{Ref: test.spec.Base, Platform: "linux/amd64", Files: test.base})
			if len(test.says) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || test.is != nil && !errors.Is(err, test.is) {
				t.Fatalf("error %v, want a %v", err, test.is)
			}
			for _, s := range test.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
		})
	}
}

func TestPrivateKeyNeverReachesAnImage(t *testing.T) {
	private := block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)))))
	p := acme()
	p.Rules[0].Keys = append(p.Rules[0].Keys, string(private))
	entries, err := p.Files(fstest.MapFS{})
	if !errors.Is(err, sign.ErrKey) || len(entries) > 0 {
		t.Fatalf("%d files, error %v", len(entries), err)
	}
	if inside := bytes.Split(private, []byte("\n"))[1]; strings.Contains(err.Error(), string(inside)) {
		t.Error("the error shows the key")
	}
}

func ExampleDevicePolicy_Files() {
	policy := sign.DevicePolicy{
		Rules: []sign.Rule{
			{Name: "acme-os", Scopes: []string{"quay.io/acme/os"}, Keys: []string{publicKey("one"), publicKey("two")}},
			{Scopes: []string{"registry.example:5000/apps"}, InsecureAcceptAnything: true},
		},
		RejectByDefault: true,
	}
	files, err := policy.Files(fstest.MapFS{}) // a base without a policy of its own
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		fmt.Println(f.Path)
	}
	// Output:
	// /etc/containers/policy.json
	// /etc/containers/registries.d/acme-os.yaml
	// /etc/pki/containers/acme-os-2.pub
	// /etc/pki/containers/acme-os.pub
}
