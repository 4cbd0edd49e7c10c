package ociconfig_test

import (
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/bootloom/bootloom/internal/ociconfig"
)

const base = `{"architecture":"amd64","moby.buildkit":{"x":1},"config":{"Cmd":["/sbin/init"],"Labels":{"a":"1","b":"2"},"ArgsEscaped":true},` +
	`"history":[{"created_by":"FROM","vendor":7}],"rootfs":{"type":"layers","diff_ids":["sha256:aa"]}}`

func TestEdit(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"kept": {base, `{"architecture":"amd64","config":{"ArgsEscaped":true,"Cmd":["/sbin/init"],"Labels":{"a":"1","b":"3"}},"created":"2024-01-02T03:04:05Z",` +
			`"history":[{"created_by":"FROM","vendor":7},{"created":"2024-01-02T03:04:05Z","created_by":"ADD files.tar /"},` +
			`{"created":"2024-01-02T03:04:05Z","created_by":"LABEL b=3","empty_layer":true}],"moby.buildkit":{"x":1},` +
			`"rootfs":{"type":"layers","diff_ids":["sha256:aa","sha256:bb"]}}`},
		"nulls": {`{"config":{"Labels":null},"history":null}`, `{"config":{"Labels":{"b":"3"}},"created":"2024-01-02T03:04:05Z",` +
			`"history":[{"created":"2024-01-02T03:04:05Z","created_by":"ADD files.tar /"},{"created":"2024-01-02T03:04:05Z","created_by":"LABEL b=3","empty_layer":true}],` +
			`"rootfs":{"type":"layers","diff_ids":["sha256:bb"]}}`},
	} {
		config, err := ociconfig.Parse([]byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
		config.Label("b", "3")
		for _, err := range []error{
			config.Step(at, "ADD files.tar /", digest.Digest("sha256:bb")),
			config.Step(at, "LABEL b=3", ""),
			config.Created(at),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		got, err := config.Marshal()
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, c.want)
		}
	}
	if _, err := ociconfig.Parse([]byte(`{"config":[]}`)); err == nil {
		t.Error("a config that is no object was read")
	}
}
