package sign_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// What a publish costs on a line that is slow is round trips. So they are counted, each with its purpose; who adds one
// should know why. Several at once stand in one line.
func TestPublishRequests(t *testing.T) {
	layout := testkit.Base(t, testkit.Tiny)
	f := fixture{testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "u", Password: "secret", TokenLifetime: time.Hour}), t}
	var index imgspec.Index
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(layout, "index.json"))), &index); err != nil {
		t.Fatal(err)
	}
	var manifest imgspec.Manifest
	d := index.Manifests[0]
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(layout, "blobs", "sha256", d.Digest.Encoded()))), &manifest); err != nil {
		t.Fatal(err)
	}
	n := len(manifest.Layers) + 1 // blobs
	image := bootc.Image{Digest: d.Digest, MediaType: d.MediaType, Location: "oci:" + layout}
	o := registry.PublishOptions{Tags: []string{"1"}, Signer: must(sign.Generate())}
	for _, again := range []bool{false, true} {
		f.Reset()
		if _, err := f.registryClient().Publish(t.Context(), image, f.Host+"/acme/os", o); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{
			"HEAD blob":      n,
			"HEAD manifest":  1,
			"GET manifest":   2, // what is signed: is it there, is it an index; and as a device does
			"GET signatures": 2, // those that are there, to add to them; and as a device does
			"GET blob":       1, // what was signed, as a device does
			"PUT manifest":   1, // the tag
		}
		if !again {
			want["POST upload"] = n + 2 // what is signed, and the config of the signatures
			want["PUT upload"] = n + 2
			want["PUT manifest"]++   // by digest
			want["PUT signatures"]++ //
			want["GET signatures"]++ // nobody else wrote there
		}
		got := map[string]int{}
		tokens, refused := 0, 0
		for _, q := range f.Requests() {
			switch {
			case strings.HasPrefix(q.Path, "/token"):
				tokens++
			case q.Status == 401:
				refused++
			default:
				got[q.Method+" "+purpose(q.Path)]++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("again %v: requests %v, want %v", again, got, want)
		}
		// Several at the start may each find that they need a token.
		if most := n + 1; tokens != 1 || refused > most {
			t.Errorf("again %v: %d tokens, %d requests without, want 1 and at most %d", again, tokens, refused, most)
		}
	}
}

func purpose(path string) string {
	for _, p := range [][2]string{{".sig", "signatures"}, {"/manifests/", "manifest"}, {"/uploads/", "upload"}, {"/blobs/", "blob"}} {
		if strings.Contains(path, p[0]) {
			return p[1]
		}
	}
	return path
}
