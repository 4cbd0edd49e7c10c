package diskimage

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// replay sends a recorded transcript through a watch and returns it with what it told.
func replay(t testing.TB, names ...string) (*watch, []bootc.Event) {
	t.Helper()
	var events []bootc.Event
	w := &watch{ref: "quay.io/acme/edge-os:1", on: func(e bootc.Event) { events = append(events, e) }}
	for _, name := range names {
		f, err := os.Open(filepath.Join("testdata/transcript", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			w.line(s.Text())
		}
	}
	return w, events
}

func steps(events []bootc.Event) []string {
	var out []string
	for _, e := range events {
		if e.Kind == bootc.EventStep {
			out = append(out, fmt.Sprintf("%d/%d %s", e.Step, e.Steps, e.Text))
		}
	}
	return out
}

// The transcripts are of real builds: image-builder with osbuild, for raw and qcow2 (debug) and for five formats (verbose).
func TestTranscriptDebug(t *testing.T) {
	w, events := replay(t, "debug.log")
	want := []string{
		"1/4 pipeline source org.osbuild.containers-storage",
		"2/4 pipeline build", "1/2 build: org.osbuild.container-deploy", "2/2 build: org.osbuild.selinux",
		"3/4 pipeline image", "1/10 image: org.osbuild.truncate", "2/10 image: org.osbuild.sfdisk",
	}
	got := steps(events)
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("steps begin\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if end := []string{"4/4 pipeline qcow2", "1/1 qcow2: org.osbuild.qemu"}; !slices.Equal(got[len(got)-2:], end) {
		t.Errorf("steps end %q, want %q", got[len(got)-2:], end)
	}
	if len(got) != 4+2+10+1 {
		t.Errorf("%d steps, want one for each of 4 pipelines and 13 stages: %q", len(got), got)
	}
	for _, text := range []string{"Generating manifest manifest-raw-qcow2.json", "Disk image building step", "Build complete!"} {
		if !slices.ContainsFunc(events, func(e bootc.Event) bool { return e.Kind == bootc.EventLog && e.Text == text }) {
			t.Errorf("no log %q", text)
		}
	}
	if w.pipeline != "" || w.stage != "" {
		t.Errorf("after the end it is at %q, %q", w.pipeline, w.stage)
	}
}

func TestTranscriptMonitor(t *testing.T) {
	_, events := replay(t, "osbuild-monitor.jsonseq")
	want := []string{"1/2 pipeline source org.osbuild.containers-storage", "2/2 pipeline build", "1/2 build: org.osbuild.container-deploy", "2/2 build: org.osbuild.selinux"}
	if got := steps(events); !slices.Equal(got, want) {
		t.Errorf("steps are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !slices.ContainsFunc(events, func(e bootc.Event) bool {
		return e.Kind == bootc.EventLog && strings.HasPrefix(e.Text, "/usr/lib/tmpfiles.d/journal-nocow.conf:26: Failed to resolve specifier")
	}) {
		t.Error("the output of a stage is not logged")
	}
}

func TestTranscriptVerbose(t *testing.T) {
	w, events := replay(t, "verbose.stderr", "verbose.stdout")
	if got := steps(events); len(got) != 0 {
		t.Errorf("steps without counters: %q", got)
	}
	if w.pipeline == "" || !strings.HasPrefix(w.stage, "org.osbuild.") {
		t.Errorf("the last stage is not known: %q, %q", w.pipeline, w.stage)
	}
	if len(events) < 100 {
		t.Errorf("%d lines are logged", len(events))
	}
}

func TestWatchIgnored(t *testing.T) {
	var events []bootc.Event
	w := &watch{on: func(e bootc.Event) { events = append(events, e) }, ignores: func(key string) bool { return key != "customizations.filesystem" }}
	// The tool ends neither complaint with a newline.
	w.line(`blueprint validation failed for image type "qcow2": customizations.filesystem: not supportedmsg: Done generating manifest`)
	if err := w.leftOut(); err != nil {
		t.Errorf("filesystem is applied: %v", err)
	}
	if len(events) != 2 || events[0].Kind != bootc.EventWarning || events[1].Text != "Done generating manifest" {
		t.Errorf("events: %+v", events)
	}
	w.line(`blueprint validation failed for image type "qcow2": customizations.bootloader: not supported`)
	if err := w.leftOut(); err == nil || !strings.Contains(err.Error(), "Bootloader (customizations.bootloader)") {
		t.Errorf("got %v", err)
	}
}

func TestWatchFailure(t *testing.T) {
	w := &watch{secrets: []string{"$6$salt$hash"}}
	for _, line := range []string{
		"build_revision: 4bef593", "[1 / 4] Pipeline image", "msg: Starting pipeline image", "  [3 / 10] Stage org.osbuild.users", "msg: Starting module org.osbuild.users",
		"2026/11/22 10:00:00 error: cannot run osbuild: error running osbuild: exit status 1", "BuildLog:", "Starting pipeline image",
		"useradd: group 'wheel' does not exist", "password $6$salt$hash", "Output:",
	} {
		w.line(line)
	}
	e := w.failure(&ExitError{"bootc-image-builder", 1})
	if e.Pipeline != "image" || e.Stage != "org.osbuild.users" || e.Version != "build_revision: 4bef593" || e.ExitCode != 1 ||
		e.Message != "cannot run osbuild: error running osbuild: exit status 1" || !strings.Contains(e.Hint, "group of a user is not in the image") {
		t.Errorf("%+v", e)
	}
	if text := e.Error(); strings.Contains(text, "$6$") || !strings.Contains(text, "password [redacted]") {
		t.Error(text)
	}
}

func TestMonitorFailure(t *testing.T) {
	w := &watch{}
	w.line("\x1e" + `{"message": "Starting module org.osbuild.selinux", "context": {"origin": "osbuild.monitor", "id": "1", "pipeline": {"name": "build", "stage": {"name": "org.osbuild.selinux"}}}}`)
	w.line("\x1e" + `{"message": "Failed module org.osbuild.selinux", "result": {"name": "org.osbuild.selinux", "success": false, "output": "no file_contexts\nlast"}, "context": {"id": "1"}}`)
	w.line("\x1e" + `not JSON`)
	e := w.failure(&ExitError{"osbuild", 1})
	if e.Stage != "org.osbuild.selinux" || !slices.Contains(e.Tail, "no file_contexts") || !strings.Contains(e.Hint, "SELinux policy") {
		t.Errorf("%+v", e)
	}
}

func FuzzWatch(f *testing.F) {
	for _, name := range []string{"debug.log", "osbuild-monitor.jsonseq", "verbose.stdout"} {
		b, err := os.ReadFile(filepath.Join("testdata/transcript", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b[:min(len(b), 4000)]))
	}
	f.Add("error: x\npanic: y\n  [9999999999999999999 / 1] Stage x\nmsg: Starting module x\n")
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "$6$salt$hash"
		w := &watch{secrets: []string{secret}, on: func(e bootc.Event) {
			if strings.Contains(e.Text, secret) {
				t.Errorf("an event has a secret: %q", e.Text)
			}
			if e.Steps < 0 || e.Step > e.Steps {
				t.Errorf("step %d of %d", e.Step, e.Steps)
			}
		}}
		for line := range strings.Lines(text) {
			w.line(strings.TrimSuffix(line, "\n"))
		}
		if e := w.failure(&ExitError{"x", 1}); len(e.Tail) > tailLines || strings.Contains(e.Error(), secret) {
			t.Error(e)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb"), 1)
	f.Add([]byte(strings.Repeat("x", 3*maxLine)+"\ny"), 1000)
	f.Fuzz(func(t *testing.T, data []byte, chunk int) {
		var got []string
		l := newLines(func(s string) { got = append(got, s) })
		for rest := data; len(rest) > 0; {
			n := max(1, min(len(rest), chunk))
			if w, err := l.Write(rest[:n]); w != n || err != nil {
				t.Fatal(w, err)
			}
			rest = rest[n:]
		}
		l.flush()
		var want []string
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSuffix(line, "\n")
			want = append(want, line[:min(len(line), maxLine)])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d lines, want %d", len(got), len(want))
		}
	})
}

// TestHintsTable: no hint stands in the way of another.
func TestHintsTable(t *testing.T) {
	for _, h := range hints {
		e := &ToolError{Program: "bootc-image-builder", ExitCode: 1, Message: "error: " + strings.ReplaceAll(h.says, "…", " some text ")}
		if got := hint(e); got != h.hint {
			t.Errorf("%q has the hint %q, want %q", h.says, got, h.hint)
		}
	}
	if got := hint(&ToolError{Program: "bootc-image-builder", ExitCode: 1, Message: "something else"}); got != "" {
		t.Errorf("a hint for nothing: %q", got)
	}
}
