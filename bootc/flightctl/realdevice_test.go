package flightctl_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/internal/testkit"
)

// TestDevice gives a real agent the files of our features, and looks at what the real service and the device have of it.
func TestDevice(t *testing.T) {
	f := testkit.NewFlightControl(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	text, err := f.EnrollmentConfig(ctx, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config, err := flightctl.CheckConfig(text, flightctl.Check{Agent: testkit.FlightctlV12, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	config.StatusUpdateInterval = 2 * time.Second
	config.DefaultLabels = map[string]string{"line": "010", "on": "off"}
	config.SystemInfo = []string{"hostname", "kernel"}
	if text, err = config.YAML(); err != nil {
		t.Fatal(err)
	}
	spec := bootc.From("quay.io/acme/base:1").With(
		flightctl.ConfigDropIn{Name: "60-edge", Settings: flightctl.Settings{
			LogLevel: "debug", DefaultLabels: map[string]string{"fleet": "edge"},
			LabelFromSystemInfo: map[string]string{"site": "customInfo.siteId", "arch": "architecture"},
		}},
		flightctl.CustomInfo{Key: "siteId", Script: "#!/bin/sh\necho '  Hall 7 '\n"},
		flightctl.CustomInfo{Key: "rack", Script: "#!/bin/sh\necho r1\n"},
		flightctl.CertDropIn{Name: "mqtt", CertPath: "/var/lib/mqtt/tls.crt", KeyPath: "/var/lib/mqtt/tls.key", Expiration: 48 * time.Hour, RenewBefore: time.Hour},
		flightctl.Hook{Stage: flightctl.AfterUpdating, Name: "20-app", Actions: []flightctl.HookAction{
			{
				Run: `record plain "two words" 'and "three" words' \"x y\" "" "${ Path }" ${ CreatedFiles } ${Files}`,
				If:  []flightctl.HookCondition{{Path: "/etc/app/", Op: []flightctl.FileOp{flightctl.Created, flightctl.Updated}}},
			},
			{Run: "record", EnvVars: map[string]string{"MODE": "010"}, WorkDir: "/usr/share"},
			{Run: `sh -c 'test "$0" = a || exit 1; exit 0' a`},
			{Run: "record rebooted", If: []flightctl.HookCondition{{Rebooted: new(true)}}},
			{Run: "record not rebooted", If: []flightctl.HookCondition{{Rebooted: new(false)}}, Timeout: 90 * time.Second},
		}},
		flightctl.Hook{Stage: flightctl.BeforeUpdating, Name: "20-app", Actions: []flightctl.HookAction{{Run: "record before"}}},
		bootc.File{Path: "/usr/bin/record", Mode: 0o755, Content: bootc.Text("#!/bin/sh\n{ test $# -gt 0 || echo \"MODE=$MODE PWD=$PWD HOME=${HOME-none}\"; for a; do echo \"[$a]\"; done; } >>\"$0.log\"\n")},
	)
	root := files(t, spec)
	root["etc/flightctl/config.yaml"] = &fstest.MapFile{Data: text, Mode: 0o600}
	root["usr/lib/flightctl/hooks.d/afterupdating/30-silent.yaml"] = &fstest.MapFile{Data: []byte(silent), Mode: 0o644}
	root["usr/lib/flightctl/hooks.d/afterupdating/40-silent.yml"] = &fstest.MapFile{Data: []byte("- run: record silent\n"), Mode: 0o644}
	agent := testkit.NewAgent(t, testkit.FlightctlV12, root)

	name, err := f.WaitRequest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Approve(ctx, name, nil); err != nil {
		t.Fatal(err)
	}
	d, err := f.WaitOnline(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]string{"line": "010", "on": "off", "fleet": "edge", "site": "Hall-7", "arch": "amd64"} {
		if got := d.Metadata.Labels[k]; got != want {
			t.Errorf("label %s is %q, not %q", k, got, want)
		}
	}
	custom, _ := d.Status.SystemInfo["customInfo"].(map[string]any)
	if custom["siteId"] != "Hall 7" || custom["rack"] != "r1" || d.Status.SystemInfo["kernel"] == nil || d.Status.SystemInfo["distroName"] != nil {
		t.Errorf("system info is %v", d.Status.SystemInfo)
	}

	t.Run("hooks", func(t *testing.T) {
		patch(t, ctx, f, name, "one")
		log := filepath.Join(agent.Root, "usr/bin/record.log")
		_, lines, _ := strings.Cut(waitFile(t, ctx, log, `\[plain\]\n(.*\n)*\[rebooted\]\n`), "[plain]\n")
		want := strings.Join([]string{"[two words]", `[and "three" words]`, `["x]`, `[y"]`, "[]", "[/etc/app/]", "[/etc/app/app.conf]", "[/etc/app/app.conf]",
			"MODE=010 PWD=/usr/share HOME=none", "[not]", "[rebooted]", ""}, "\n")
		if lines != want {
			t.Errorf("got\n%s\nwant\n%s", lines, want)
		}
		if _, err := flightctl.CheckHooks([]byte(silent), flightctl.AfterUpdating); len(bootc.FieldErrors(err)) != 2 {
			t.Errorf("our error is %v", err)
		}
	})
	t.Run("certificate", func(t *testing.T) {
		cert, err := tls.X509KeyPair([]byte(waitFile(t, ctx, filepath.Join(agent.Root, "var/lib/mqtt/tls.crt"), "-----END")),
			[]byte(waitFile(t, ctx, filepath.Join(agent.Root, "var/lib/mqtt/tls.key"), "-----END")))
		if err != nil {
			t.Fatal(err)
		}
		if c := cert.Leaf; c.Subject.CommonName != "mqtt-"+name || time.Until(c.NotAfter) > 48*time.Hour {
			t.Errorf("the certificate is for %s until %s", c.Subject, c.NotAfter)
		}
	})
	t.Run("hooks that are refused", func(t *testing.T) { badHooks(t, ctx, f, agent, name) })
}

// silent are actions of which the agent runs none, and says nothing.
const silent = `
- run: record-is-not-there silent
- run: record silent
  if: ["rebooted = false"]
- run: record silent
  if: [{path: /etc/app/, op: [changed]}]
- run: record silent
  if: [{path: /etc/app, op: [created]}]
`

// badHooks puts files beside the agent's hooks and has it update. What CheckHooks refuses fails the update, and the
// way back too.
func badHooks(t *testing.T, ctx context.Context, f *testkit.FlightControl, agent *testkit.Agent, device string) {
	dir := filepath.Join(agent.Root, "usr/lib/flightctl/hooks.d/afterupdating")
	for i, c := range []struct{ path, file, says string }{
		{"", "run: x\n", "cannot unmarshal object into Go value of type []v1beta1.HookAction"},
		{"[0].ran", "- ran: x\n", "unable to determine hook action type"},
		{"[0].run", "- run: ''\n", "hook action[0].run: Required value"},
		{"[0].workDir", "- run: sh\n  workDir: a\n", "hook action[0].workDir: Invalid value"},
		{"[0].if[0].path", "- run: sh\n  if: [{path: a, op: [created]}]\n", "hook action[0].if[0].path: Invalid value"},
		{"[0].if[0].path", "- run: sh\n  if: [{op: [created]}]\n", "unable to determine hook condition type"},
		{"[0].envVars[a]", "- run: sh\n  envVars: {a: b}\n", "key must be uppercase"},
		{"[0].timeout", "- run: sh\n  timeout: soon\n", `invalid duration \"soon\"`},
		{"[0].run", "- run: sh\n  run: sh\n", "unmarshal errors"},
		{"[0].run", "- run: A=b record\n", `exec: \"A=b\": executable file not found`},
	} {
		_, err := flightctl.CheckHooks([]byte(c.file), flightctl.AfterUpdating)
		if !slices.ContainsFunc(bootc.FieldErrors(err), func(e *bootc.FieldError) bool { return e.Path == c.path }) {
			t.Errorf("our error about %q is\n%v\nand has none at %s", c.file, err, c.path)
		}
		if err := os.WriteFile(filepath.Join(dir, "50-bad.yaml"), []byte(c.file), 0o644); err != nil {
			t.Fatal(err)
		}
		patch(t, ctx, f, device, fmt.Sprint("bad ", i))
		for !strings.Contains(strings.ReplaceAll(agent.Log(), `"`, `\"`), c.says) {
			if ctx.Err() != nil {
				t.Fatalf("the agent does not say %q of %q", c.says, c.file)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// files are those of a Spec.
func files(t *testing.T, s bootc.Spec) fstest.MapFS {
	t.Helper()
	plan, err := s.Compile(bootc.Base{})
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for _, a := range plan.Archives {
		for _, e := range a.Entries {
			data, err := e.Content.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			out[strings.TrimPrefix(e.Path, "/")] = &fstest.MapFile{Data: data, Mode: e.Mode}
		}
	}
	return out
}

// patch gives the device's specification a file.
func patch(t *testing.T, ctx context.Context, f *testkit.FlightControl, name, content string) {
	t.Helper()
	owner, err := user.Current()
	if os.Geteuid() == 0 {
		owner, err = user.Lookup("nobody") // as whom the agent runs
	}
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal([]any{map[string]any{"op": "add", "path": "/spec/config", "value": []any{map[string]any{
		"name": "app", "inline": []any{map[string]any{"path": "/etc/app/app.conf", "content": content, "mode": 0o644, "user": owner.Uid, "group": owner.Gid}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(f.CA)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	q, err := http.NewRequestWithContext(ctx, http.MethodPatch, f.URL+"/api/v1/devices/"+name, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+f.Token)
	q.Header.Set("Content-Type", "application/json-patch+json")
	r, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", r.Status, b)
	}
}

// waitFile waits for what a pattern means in a file.
func waitFile(t *testing.T, ctx context.Context, name, pattern string) string {
	t.Helper()
	for re := regexp.MustCompile(pattern); ; {
		b, err := os.ReadFile(name)
		if re.Match(b) {
			return string(b)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no %q in %s: %v\n%s", pattern, name, err, b)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
