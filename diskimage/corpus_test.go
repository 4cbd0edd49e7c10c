//go:build linux

package diskimage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/internal/txtest"
)

// The corpus: each NAME.json is a Spec (without Source it is on an image of quay.io). "tool" is what the real tool says to
// the blueprint that we would write without our checks, "ours" what we say: the blueprint, or every mistake. TestSpec needs
// nothing; TestTool asks the real tool anew.
const corpus = "testdata/spec/*.txtar"

func isCase(name string) bool { return strings.HasSuffix(name, ".json") }

func TestSpec(t *testing.T) {
	txtest.Run(t, corpus, func(name string) bool { return isCase(name) || name == "tool" }, func(t *testing.T, in []txtar.File) []txtar.File {
		var ours answers
		for _, c := range in {
			if isCase(c.Name) {
				text, _ := judge(t, c)
				ours.add(c.Name, text)
			}
		}
		return []txtar.File{ours.file("ours")}
	})
}

// TestTool asks the real tool about each case, and compares its verdict with ours. They may differ where the name of a
// case says so: "stricter-" is what the tool takes though the disk would be broken, "newer-" what only a later tool has.
func TestTool(t *testing.T) {
	tools := testkit.ImageBuilder(t)
	testkit.Need(t, "a directory /var/lib/containers/storage/overlay, or root to make it", haveStore())
	path := shims(t, stockImage())
	txtest.Run(t, corpus, isCase, func(t *testing.T, in []txtar.File) []txtar.File {
		var theirs, ours answers
		for _, c := range in {
			text, refused := judge(t, c)
			answer := ask(t, tools, path, parse(t, c))
			theirs.add(c.Name, answer)
			ours.add(c.Name, text)
			accepted := answer == "accepted"
			switch {
			case strings.HasPrefix(c.Name, "stricter-"):
				if !accepted || !refused {
					t.Errorf("%s is no case in which we are stricter: the tool says %q", c.Name, answer)
				}
			case strings.HasPrefix(c.Name, "newer-"):
				if accepted || refused {
					t.Errorf("%s is no case for later tools: the tool says %q", c.Name, answer)
				}
			case accepted == refused:
				t.Errorf("%s: the tool says %q, and we: %s", c.Name, answer, text)
			}
		}
		return []txtar.File{theirs.file("tool"), ours.file("ours")}
	})
}

// answers are those to all cases of a file.
type answers struct{ strings.Builder }

func (a *answers) add(name, text string) {
	fmt.Fprintf(a, "%s: %s\n", strings.TrimSuffix(name, ".json"), strings.ReplaceAll(text, "\n", "\n    "))
}

func (a *answers) file(name string) txtar.File {
	return txtar.File{Name: name, Data: []byte(a.String())}
}

func parse(t *testing.T, c txtar.File) Spec {
	t.Helper()
	s := FromRef("quay.io/acme/edge-os:1.4.0@sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b")
	var members map[string]json.RawMessage
	err := json.Unmarshal(c.Data, &members)
	if err == nil && members["Source"] == nil {
		members["Source"], err = json.Marshal(s.Source)
	}
	if err == nil {
		var b []byte
		if b, err = json.Marshal(members); err == nil {
			err = json.Unmarshal(b, &s)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return s
}

// judge returns our answer, and whether it is a refusal.
func judge(t *testing.T, c txtar.File) (string, bool) {
	t.Helper()
	s := parse(t, c)
	again, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var s2 Spec
	if err := json.Unmarshal(again, &s2); err != nil {
		t.Fatalf("%v of %s", err, again)
	}
	if b, _ := json.Marshal(s2); !bytes.Equal(b, again) {
		t.Errorf("%s as JSON is %s, and read back %s", c.Name, again, b)
	}
	b, err := s.Blueprint()
	if err == nil {
		return strings.TrimSpace("good " + string(b)), false
	}
	text := ""
	for _, e := range bootc.FieldErrors(err) {
		if e.Path == "" {
			t.Errorf("%s: %v has no path", c.Name, e)
		}
		text += "\n" + e.Error()
	}
	return strings.TrimPrefix(text, "\n"), true
}

func haveStore() bool {
	const dir = "/var/lib/containers/storage/overlay"
	if _, err := os.Stat(dir); err == nil {
		return true
	}
	return os.MkdirAll(dir, 0o700) == nil
}

// ask runs the real tool in manifest mode on a Spec that has not been checked, and returns "accepted" or its complaint.
func ask(t *testing.T, tools, path string, s Spec) string {
	t.Helper()
	blueprint, err := s.blueprint(func(_, name string) (string, error) { return "$6$salt$" + strings.Repeat("a", 86), nil })
	if err != nil {
		t.Fatal(err)
	}
	at := Paths{Config: filepath.Join(t.TempDir(), "config.json"), Output: "/output", Store: "/store"}
	if blueprint != nil {
		if err := os.WriteFile(at.Config, blueprint, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := invocation{spec: s, image: "quay.io/acme/edge-os:1", config: blueprint != nil, manifest: true}
	if s.Format == InstallerISO && !s.Installer.Image.isZero() {
		run.payload = run.image
	}
	cmd := exec.Command(filepath.Join(tools, string(Tool{}.name())), Tool{}.args(run, at)...)
	cmd.Env = append(os.Environ(), "PATH="+path+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	text := strings.ReplaceAll(stderr.String(), at.Config, "config.json")
	if err == nil && !json.Valid(stdout.Bytes()) {
		t.Errorf("the manifest is no JSON:\n%s", stdout.String())
	}
	if formats[s.Format].class == disk { // applied all the same
		text = strings.Replace(text, "customizations.filesystem: not supported", "", 1)
	}
	if err == nil && !strings.Contains(text, "not supported") {
		return "accepted"
	}
	if s.Format == AnacondaISO && strings.Contains(text, "need either repos (for RPM install)") {
		return "accepted" // all that is missing is the solver of packages
	}
	return complaint(text)
}

// complaint is what the tool says, without date and without what is no complaint.
func complaint(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if i := strings.Index(line, "error: "); i >= 0 {
			line = line[i:]
		}
		if strings.HasPrefix(line, "goroutine 1 [running]") {
			break
		}
		if line != "" && line != "Manifest generation step" && !strings.HasPrefix(line, "WARNING: target-arch") {
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	return strings.Join(lines, "\n")
}
