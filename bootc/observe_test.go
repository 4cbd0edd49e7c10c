package bootc_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

var sample = []bootc.Event{
	{Kind: bootc.EventStart, Op: "build", Ref: "quay.io/a/b:1", Platform: "linux/amd64"},
	{Kind: bootc.EventProgress, Op: "pull", Ref: "sha256:aa", Bytes: 5, Total: 1e9},
	{Kind: bootc.EventProgress, Op: "pull", Ref: "sha256:aa", Bytes: 5e8, Total: 1e9},
	{Kind: bootc.EventProgress, Op: "pull", Ref: "sha256:aa", Bytes: 51e7, Total: 1e9},
	{Kind: bootc.EventProgress, Op: "pull", Ref: "sha256:bb", Bytes: 1 << 20, Total: -1},
	{Kind: bootc.EventProgress, Op: "pull", Ref: "sha256:bb", Bytes: 100e6, Total: -1},
	{Kind: bootc.EventStep, Op: "build", Step: 1, Steps: 2, Text: "ADD files.tar /", Features: []string{"Features[0].File"}, Cached: true},
	{Kind: bootc.EventStep, Op: "build", Step: 2, Steps: 2, Text: "RUN <<EOF\nset -eu\nEOF", Features: []string{"Features[1].Script"}},
	{Kind: bootc.EventLog, Op: "build", Text: "\x1b[31mred\x1b[0m\ttab\r \x1b]0;title\x07 \u009b1m end"},
	{Kind: bootc.EventRetry, Op: "push", Ref: "quay.io/a/b", Text: "503"},
	{Kind: bootc.EventWarning, Text: "look"},
	{Kind: bootc.EventDone, Op: "build", Ref: "quay.io/a/b:1", Platform: "linux/amd64"},
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		show := bootc.Progress(&b)
		for i, e := range sample {
			if i == len(sample)-1 {
				time.Sleep(1500 * time.Millisecond)
			}
			show(e)
		}
		want := strings.TrimPrefix(`
build quay.io/a/b:1
pull sha256:aa: 50% of 1000.0 MB
pull sha256:bb: 100.0 MB
[1/2] ADD files.tar / (cached)  — Features[0].File
[2/2] RUN <<EOF …  — Features[1].Script
  | red tab  1m end
push quay.io/a/b: trying again: 503
warning: look
build quay.io/a/b:1: done in 1.5s
`, "\n")
		if b.String() != want {
			t.Errorf("got\n%s\nwant\n%s", b.String(), want)
		}
		b.Reset()
		show(bootc.Event{Kind: bootc.EventStart, Op: "build", Ref: "x", Platform: "linux/arm64"})
		if got := b.String(); got != "linux/arm64 build x\n" {
			t.Errorf("second platform: got %q", got)
		}
	})
}

func TestLogEvents(t *testing.T) {
	var b bytes.Buffer
	h := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := bootc.LogEvents(slog.New(h))
	for _, e := range sample {
		log(e)
	}
	want := strings.TrimPrefix(`
level=INFO msg=start op=build ref=quay.io/a/b:1 platform=linux/amd64
level=INFO msg=step op=build text="ADD files.tar /" step=1 steps=2 cached=true features=[Features[0].File]
level=INFO msg=step op=build text="RUN <<EOF\nset -eu\nEOF" step=2 steps=2 cached=false features=[Features[1].Script]
level=WARN msg=retry op=push ref=quay.io/a/b text=503
level=WARN msg=warning text=look
level=INFO msg=done op=build ref=quay.io/a/b:1 platform=linux/amd64
`, "\n")
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestEvents(t *testing.T) {
	failure := errors.New("failure")
	var got []string
	for e, err := range bootc.Events(t.Context(), func(_ context.Context, on func(bootc.Event)) error {
		on(bootc.Event{Text: "one"})
		on(bootc.Event{Text: "two"})
		return failure
	}) {
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		got = append(got, e.Text)
	}
	if strings.Join(got, " ") != "one two failure" {
		t.Errorf("got %q", got)
	}

	returned := false
	for range bootc.Events(t.Context(), func(ctx context.Context, on func(bootc.Event)) error {
		defer func() { returned = true }()
		for ctx.Err() == nil {
			on(bootc.Event{})
		}
		return context.Cause(ctx)
	}) {
		break
	}
	if !returned {
		t.Error("break did not wait for the operation to end")
	}
}
