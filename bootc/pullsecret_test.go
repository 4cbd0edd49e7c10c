package bootc_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// TestPullSecretAtBoot has systemd-tmpfiles bring the logins to the homes, with a machine's own left as they are.
func TestPullSecretAtBoot(t *testing.T) {
	dir, plan := root(t, bootc.Spec{}.With(bootc.User{Name: "svc", UID: 1001}, bootc.User{Name: "own", UID: 1002},
		bootc.PullSecret{Secret: "pull", OS: true, Users: []string{"root", "svc", "own"}, Helm: true}),
		map[string]string{
			"etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
			"etc/group":  "root:x:0:\n",
			"usr/lib/bootloom/pull-secrets/pull.json": "{}\n", // what the step does
			"root/.config/helm/registry/config.json":  "mine\n",
		})
	if len(plan.Secrets) != 1 || plan.Secrets[0] != "pull" {
		t.Errorf("secrets %q", plan.Secrets)
	}
	output(t, "systemd-sysusers", "--root="+dir)
	for boot := range 2 {
		if err := os.RemoveAll(dir + "/run"); err != nil {
			t.Fatal(err)
		}
		out := output(t, "systemd-tmpfiles", "--root="+dir, "--create", "--remove", "--boot")
		if strings.Contains(out, "pull") {
			t.Errorf("boot %d: %s", boot, out)
		}
		for name, want := range map[string]string{
			"run/bootloom/pull-secrets/svc.json":        "-rw------- 1001 ",
			"var/home/svc/.config":                      "drwx------ 1001 ",
			"var/home/svc/.config/containers":           "drwx------ 1001 ",
			"var/home/svc/.config/containers/auth.json": "lrwxrwxrwx 0 '/run/bootloom/pull-secrets/svc.json'",
			"root/.config/containers/auth.json":         "lrwxrwxrwx 0 '/usr/lib/bootloom/pull-secrets/pull.json'",
			"etc/ostree/auth.json":                      "lrwxrwxrwx 0 '../../usr/lib/bootloom/pull-secrets/pull.json'",
		} {
			got := output(t, "stat", "-c", "%A %u %N", dir+"/"+name)
			mode, link, _ := strings.Cut(got, " '")
			if _, target, ok := strings.Cut(link, " -> "); ok {
				mode += " " + strings.TrimSpace(target)
			} else {
				mode += " "
			}
			if mode != want {
				t.Errorf("boot %d: %s is %q, want %q", boot, name, mode, want)
			}
		}
		if got := read(t, dir, "run/bootloom/pull-secrets/svc.json"); got != "{}\n" {
			t.Errorf("boot %d: the copy has %q", boot, got)
		}
		if got := read(t, dir, "root/.config/helm/registry/config.json"); got != "mine\n" {
			t.Errorf("boot %d: the machine's own has become %q", boot, got)
		}
	}
}

// TestPullSecretValue: what is not an auth.json that works on a machine is refused, and nothing of it is shown.
func TestPullSecretValue(t *testing.T) {
	plan, err := bootc.From("quay.io/a/b:1").With(bootc.PullSecret{Secret: "pull", OS: true}).Compile(bootc.Base{})
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		`{"auths": {"quay.io": {"auth": "Y2FuYXJ5OnNlY3JldA=="}}}`: "",
		`{"auths": {"quay.io/acme": {"identitytoken": "canary"}}}`: "",
		`{}`:                    "",
		" {}\n":                 "",
		``:                      "is not JSON (byte 0)",
		`canary:secret`:         "is not JSON (byte 1)",
		`"canary"`:              "is not an auth.json",
		`{"auths": ["canary"]}`: "is not an auth.json",
		`{"canary": 1}`:         "has no auths",
		`{"auths": {}}`:         "has no auths",
		`{"auths": {"a": {"auth": "Y2FuYXJ5OnNlY3JldA=="}, "canary": {}}}`:                "has a mistake in number 2 of its auths: it is empty",
		`{"auths": {"canary": {"auth": "canary"}}}`:                                       "number 1 of its auths: its auth is not base64 of user:password",
		`{"auths": {"canary": {"auth": "Y2FuYXJ5"}}}`:                                     "its auth is not base64",
		`{"auths": {"canary": {"username": "canary", "password": "canary"}}}`:             "it has no auth",
		`{"kind": "Secret", "data": {".dockerconfigjson": "canary"}}`:                     "is a Kubernetes Secret",
		`{"auths": {"a": {"auth": "YTpi"}}, "credHelpers": {"quay.io": "canary-helper"}}`: "has credHelpers",
	} {
		err := plan.CheckSecrets(map[string][]byte{"pull": []byte(value)})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", value, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), `Features[0].PullSecret: the value of secret "pull" `) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", value, err, want)
		case err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "Y2Fu")):
			t.Errorf("%s shows in %v", value, err)
		}
	}
}
