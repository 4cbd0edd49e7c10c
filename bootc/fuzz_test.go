package bootc_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// FuzzSpec decodes a Spec from JSON. What decodes keeps its identity through another round trip, and compiles to a
// Containerfile that the builder's parser reads back, or to errors that all have a path.
func FuzzSpec(f *testing.F) {
	for _, seed := range []string{
		`{"Base": "quay.io/a/b:1"}`,
		`{"Base": "oci:/x", "Features": [{"kind": "File", "Path": "/etc/a", "Content": {"base64": "AP8="}, "Mode": 493}]}`,
		`{"Base": "quay.io/a/b:1", "Features": [{"kind": "Script", "Name": "x", "Body": "EOF\ncat <<EOF\n$x\nEOF\n", "Secrets": [{"ID": "a"}]}], "Labels": {"a": "$x\\ \"'"}}`,
		`{"Base": "quay.io/a/b:1", "Features": [{"kind": "Stage", "Name": "s", "Copies": [{"Source": "/a b", "Dest": "/usr/$x"}]}, {"kind": "Symlink", "Path": "/etc/b", "Target": "a"}]}`,
		`{"Base": "quay.io/a/b:1", "Features": [{"kind": "Release", "Title": "x"}, {"kind": "Tree", "Path": "/", "Files": [{"Path": "a", "Mode": 420, "Content": "x"}]}]}`,
		`{"Base": "quay.io/a/b:1", "Features": [{"kind": "Platform", "Name": "kubevirt"}, {"kind": "Quadlet", "Name": "a.container", "Content": "[Container]\nImage=a.image\n"}, {"kind": "BoundImage", "Quadlet": "a.container"}]}`,
		`{"Base": "quay.io/a/b:1", "Features": [{"kind": "Entitlement", "RepoFile": "r"}, {"kind": "Packages", "Install": ["a"]}, {"kind": "PullSecret", "Secret": "s", "Users": ["a"]}, {"kind": "RegistryMirror", "Prefix": "*.a.b", "Mirrors": [{"Location": "c.d"}]}]}`,
		`{"Base": "quay.io/a/b:1", "Features": [{"kind": "FirewallZone", "Name": "a", "Ports": ["1-2/tcp"], "Default": true}, {"kind": "Locale", "Lang": "de_DE.UTF-8"}, {"kind": "NTP", "Servers": ["a"]}, {"kind": "Sudo", "Name": "a", "Who": ["%b"], "Commands": ["/c d,e"]}]}`,
		`{"Base": "quay.io/a/b:1", "Features": [{"kind": "User", "Name": "a"}, {"kind": "Unit", "Name": "a.service"}, {"kind": "Kargs", "Args": ["a=b"]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var spec bootc.Spec
		if err := json.Unmarshal(text, &spec); err != nil {
			return
		}
		again, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var second bootc.Spec
		if err := json.Unmarshal(again, &second); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		one, err1 := spec.ID()
		two, err2 := second.ID()
		if err1 != nil || err2 != nil || one != two {
			t.Fatalf("%s: the ID is %s (%v), then %s (%v)", again, one, err1, two, err2)
		}
		plan, err := spec.Compile(bootc.Base{Tool: bootc.DNF5, Family: bootc.Fedora})
		if err != nil {
			for _, e := range bootc.FieldErrors(err) {
				if e.Path == "" {
					t.Errorf("no path: %v", e)
				}
			}
			return
		}
		parsed, err := containerfile.Parse("Containerfile", strings.NewReader(plan.Containerfile.String()))
		if err != nil {
			t.Fatalf("%v in\n%s", err, plan.Containerfile)
		}
		if parsed.File.String() != plan.Containerfile.String() {
			t.Fatalf("reads back as\n%s\nnot\n%s", parsed.File, plan.Containerfile)
		}
	})
}

func FuzzParseOSRelease(f *testing.F) {
	f.Add("ID=fedora\nNAME=\"a \\\"b\\\"\"\n", "x")
	f.Add("A='b\\'\n", "a$b`c\"d\\")
	f.Fuzz(func(t *testing.T, text, value string) {
		for k := range bootc.ParseOSRelease([]byte(text)) {
			if k == "" || strings.ContainsAny(k, "= \n\"'") {
				t.Errorf("%q has the key %q", text, k)
			}
		}
		if strings.ContainsAny(value, "\n\r") {
			return
		}
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(value)
		if got := bootc.ParseOSRelease(fmt.Appendf(nil, "X=\"%s\"\n", quoted)); got["X"] != value {
			t.Errorf("got %q, want %q", got["X"], value)
		}
	})
}
