//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// TestSecret looks for the value of a secret everywhere that a build leaves something.
func TestSecret(t *testing.T) {
	t.Parallel()
	const value = "hunter2-correct-horse"
	root := t.TempDir()
	e := openAt(t, root, nil)
	base := inspect(t, e, tinyRef(t))
	run := containerfile.Raw("RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /usr/lib/size; cat /run/secrets/token; echo line $(cat /run/secrets/token)\n" +
		"RUN --mount=type=secret,id=token,target=/etc/acme/token,mode=0400 test -s /etc/acme/token\n")
	p := plan(base, nil, run)
	p.Secrets = []string{"token"}
	r := &recorder{t: t}
	o := bootc.BuildOptions{OnEvent: r.on, Secrets: map[string]bootc.SecretValue{"token": bootc.SecretBytes([]byte(value + "\n"))},
		Output: "oci:" + filepath.Join(root, "out")}
	img, err := e.Build(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	failing := plan(base, nil, containerfile.Raw("RUN --mount=type=secret,id=token cat /run/secrets/token; echo $(cat /run/secrets/token) >&2; exit 3\n"))
	failing.Secrets = p.Secrets
	_, failed := e.Build(t.Context(), failing, o)
	if failed == nil {
		t.Fatal("a step that fails did not fail the build")
	}
	seen := fmt.Sprintf("%+v\n%+v\n%v\n%#v\n", r.events, img, failed, failed)
	for _, v := range []any{r.events, img, p} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		seen += string(data)
	}
	if strings.Contains(seen, value) {
		t.Errorf("an event, the image or an error has the secret:\n%s", seen)
	}
	if !strings.Contains(seen, "line [redacted]") {
		t.Errorf("the output of the step is not there:\n%s", seen)
	}
	files := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(value)) {
			t.Errorf("%s has the secret", path)
		}
		files++
		return err
	})
	if err != nil || files < 20 {
		t.Errorf("looked at %d files: %v", files, err)
	}
	// Neither the mount nor its mount point is in a layer.
	layers := entriesOf(t, filepath.Join(root, "out"))
	wantLayer(t, layers[2], "5 755 0:0 usr", "5 755 0:0 usr/lib", "0 644 0:0 usr/lib/size")
	if len(layers[3]) != 0 {
		for _, entry := range layers[3] {
			t.Errorf("the second step's layer has %+v", entry)
		}
	}
	left(t, e)

	delete(o.Secrets, "token")
	if _, err := e.Build(t.Context(), p, o); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("without a value: %v", err)
	}
}
