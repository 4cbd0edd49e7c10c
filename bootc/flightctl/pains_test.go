package flightctl_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/testkit"
)

// Each of these is something that users of the agent ran into, and that an image can prevent. Those that take a build
// are in package e2e.

var stream10 = bootc.Base{Ref: "quay.io/centos-bootc/centos-bootc:stream10"}

// planned compiles features on CentOS Stream 10.
func planned(t *testing.T, f ...bootc.Feature) bootc.Plan {
	t.Helper()
	plan, err := bootc.From(stream10.Ref).With(f...).Compile(stream10)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// unpacked is a device with the files of the plan, over those that are given.
func unpacked(t *testing.T, plan bootc.Plan, files map[string]string) string {
	t.Helper()
	testkit.NeedRoot(t)
	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), []byte(text))
	}
	for _, a := range plan.Archives {
		tar := filepath.Join(t.TempDir(), "files.tar")
		f, err := os.Create(tar)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.WriteTo(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		output(t, "tar", "-C", dir, "-xpf", tar)
	}
	return dir
}

// output runs a program that must succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	testkit.NeedTool(t, name)
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, b)
	}
	return string(b)
}

// script is the text of the step that has a line.
func script(t *testing.T, plan bootc.Plan, line string) string {
	t.Helper()
	for _, step := range plan.Containerfile.Stages[len(plan.Containerfile.Stages)-1].Steps {
		if run, ok := step.(containerfile.Run); ok && len(run.Heredocs) > 0 && strings.Contains(run.Heredocs[0].Body, line) {
			return run.Heredocs[0].Body
		}
	}
	t.Fatalf("no step has %q:\n%s", line, plan.Containerfile)
	return ""
}

var late = flightctl.Late(flightctl.Installer)

// TestTimerMaskSurvivesTheFirstBoot: the mask got lost in image builds time and again (flightctl pull requests 2478,
// 2855, 2996 and 3001), and bootc then updated the device behind the agent's back.
func TestTimerMaskSurvivesTheFirstBoot(t *testing.T) {
	const unit = "[Timer]\nOnBootSec=1h\n[Install]\nWantedBy=timers.target\n"
	service := "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
	for _, agent := range []flightctl.Agent{{Version: "1.0.0"}, {Version: "1.2.0"}, {}, {Greenboot: flightctl.Greenboot{Off: true}}} {
		agent.Binding = late
		dir := unpacked(t, planned(t, agent), map[string]string{
			"usr/lib/systemd/system/bootc-fetch-apply-updates.timer":   unit,
			"usr/lib/systemd/system/bootc-fetch-apply-updates.service": service,
			"usr/lib/systemd/system/flightctl-agent.service":           service,
			"usr/lib/systemd/system-preset/90-default.preset":          "enable bootc-fetch-apply-updates.timer\n",
			"usr/lib/systemd/system-preset/99-default.preset":          "disable *\n",
		})
		output(t, "systemctl", "--root="+dir, "preset-all")
		for unit, want := range map[string]string{"bootc-fetch-apply-updates.timer": "masked", "flightctl-agent.service": "enabled"} {
			out, _ := exec.Command("systemctl", "--root="+dir, "is-enabled", unit).Output() // status 1 for some states
			if got := strings.TrimSpace(string(out)); got != want {
				t.Errorf("%+v: %s is %s, want %s", agent, unit, got, want)
			}
		}
	}
}

// TestGreenbootIsThereWithoutWeakDeps: from 1.3 on the agent merely recommends it, and builds that leave out what is
// recommended had no rollback (and agents that waited for it for ever: flightctl pull request 2946).
func TestGreenbootIsThereWithoutWeakDeps(t *testing.T) {
	for version, want := range map[flightctl.Version]string{"": "flightctl-greenboot", "1.3.0": "flightctl-greenboot-1.3.0", "v1.3.0-rc4": "flightctl-greenboot-1.3.0~rc4", "1.2.0": "greenboot", "1.0.2": "greenboot"} {
		plan := planned(t, flightctl.Agent{Version: version, Binding: late}, bootc.Packages{Install: []string{"tmux"}, NoWeakDeps: true})
		install := script(t, plan, "install_weak_deps=False")
		if !slices.Contains(strings.Fields(strings.ReplaceAll(install, "'", "")), want) {
			t.Errorf("%q: the transaction lacks %s:\n%s", version, want, install)
		}
		if !strings.Contains(plan.Containerfile.String(), " greenboot-healthcheck.service") {
			t.Errorf("%q: greenboot is not enabled", version)
		}
	}
}

// TestRootlessRunAsFlightctlAfterAnUpdate: a device that gets the agent with an update keeps its own /etc/passwd and /var,
// so applications with "runAs: flightctl" found neither account nor home (flightctl issue 2569).
func TestRootlessRunAsFlightctlAfterAnUpdate(t *testing.T) {
	dir := unpacked(t, planned(t, flightctl.Agent{Binding: late}), map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nadmin:x:1000:1000::/var/home/admin:/bin/bash\n",
		"etc/group":  "root:x:0:\nadmin:x:1000:\n",
	})
	for range 2 { // as at each boot
		output(t, "systemd-sysusers", "--root="+dir)
		output(t, "systemd-tmpfiles", "--root="+dir, "--create", "--prefix=/var")
	}
	passwd := readFile(t, dir, "etc/passwd")
	const want = "flightctl:x:17443:17443:Applications of the Flight Control agent:/var/home/flightctl:/bin/bash\n"
	if !strings.Contains(passwd, want) {
		t.Errorf("passwd lacks %s:\n%s", want, passwd)
	}
	for name, want := range map[string]string{
		"var/home/flightctl":                            "drwx------ 17443:17443",
		"var/home/flightctl/.config/containers/systemd": "drwx------ 17443:17443",
		"var/home/flightctl/.config/systemd/user":       "drwx------ 17443:17443",
		"var/home/flightctl/.local":                     "drwx------ 17443:17443",
		"var/lib/systemd/linger/flightctl":              "-rw-r--r-- 0:0",
	} {
		if got := strings.TrimSpace(output(t, "stat", "-c", "%A %u:%g", filepath.Join(dir, name))); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if old := planned(t, flightctl.Agent{Version: "1.0.2", Binding: late}); strings.Contains(old.Containerfile.String(), "subuid") {
		t.Error("an agent without the account gets one")
	}
}

// TestRootlessRunAsFlightctlHasSubordinateIDs: then newuidmap was missing, or had no range to map (flightctl issue 2569).
func TestRootlessRunAsFlightctlHasSubordinateIDs(t *testing.T) {
	plan := planned(t, flightctl.Agent{Binding: late})
	if !strings.Contains(script(t, plan, "dnf -y"), " /usr/bin/newuidmap ") {
		t.Error("newuidmap is not asked for")
	}
	body := script(t, plan, "/etc/subuid")
	for have, want := range map[string]string{
		"-":                                    "flightctl:524288:65536\n", // no file
		"":                                     "flightctl:524288:65536\n",
		"admin:524288:65536\nci:700000:100\n":  "admin:524288:65536\nci:700000:100\nflightctl:700100:65536\n",
		"low:100000:65536\n":                   "low:100000:65536\nflightctl:524288:65536\n",
		"flightctl:600000:65536\nci:1000:10\n": "flightctl:600000:65536\nci:1000:10\n",
	} {
		dir := t.TempDir()
		if have != "-" {
			writeFile(t, filepath.Join(dir, "subuid"), []byte(have))
			writeFile(t, filepath.Join(dir, "subgid"), []byte(have))
		}
		output(t, "sh", "-c", "semodule() { echo flightctl_agent; }\n"+strings.ReplaceAll(body, "/etc/sub", dir+"/sub"))
		for _, name := range []string{"subuid", "subgid"} {
			if got := readFile(t, dir, name); got != want {
				t.Errorf("%q becomes %q, want %q", have, got, want)
			}
		}
	}
}

// TestProductReposNeedNoSubscriptionManager: "subscription-manager repos --enable" ends with status 78 in a build (aap-docs
// pull request 4031).
func TestProductReposNeedNoSubscriptionManager(t *testing.T) {
	rhel := bootc.Base{Ref: "registry.redhat.io/rhel10/rhel-bootc:10.0", Platform: "linux/arm64"}
	for id, source := range map[string]flightctl.Source{
		"edge-manager-1.3-for-rhel-10-aarch64-rpms":                flightctl.RHEM("1.3"),
		"rhacm-2.13-for-rhel-10-aarch64-rpms":                      flightctl.ACM("2.13"),
		"ansible-automation-platform-2.6-for-rhel-10-aarch64-rpms": flightctl.AAP("2.6"),
		"acme-agents": flightctl.RepoID("acme-agents"),
	} {
		plan, err := bootc.From(rhel.Ref).With(flightctl.Agent{Source: source, Binding: late}).Compile(rhel)
		if err != nil {
			t.Fatal(err)
		}
		text := plan.Containerfile.String()
		if !strings.Contains(text, " --enablerepo="+id+" ") || strings.Contains(text, "subscription-manager") {
			t.Errorf("%s:\n%s", id, text)
		}
	}
}

// TestEarlyConfigIsInNoArchive: the configuration with its key is a secret that is mounted, in no file that a plan carries
// and in no Spec.
func TestEarlyConfigIsInNoArchive(t *testing.T) {
	plan := planned(t, flightctl.Agent{Binding: flightctl.Early()})
	if !slices.Equal(plan.Secrets, []string{flightctl.DefaultSecret}) {
		t.Errorf("secrets %q", plan.Secrets)
	}
	for _, a := range plan.Archives {
		for _, e := range a.Entries {
			if strings.HasPrefix(e.Path, "/etc/flightctl") {
				t.Errorf("%s is in %s", e.Path, a.Name)
			}
		}
	}
	c := enrollment(t)
	_, err := bootc.From(stream10.Ref).With(flightctl.Agent{Binding: flightctl.EndpointOnly(c, flightctl.CloudInit)}).Compile(stream10)
	if err == nil {
		t.Error("a private key in a Spec is let through")
	}
	key := string(c.EnrollmentService.Authentication.ClientKeyData.Reveal())
	if strings.Contains(err.Error(), key[40:80]) {
		t.Error("and the error shows it")
	}
}

// TestExpiredEnrollmentIsFoundBeforeTheBuild: the agent finds it in the field.
func TestExpiredEnrollmentIsFoundBeforeTheBuild(t *testing.T) {
	value, err := enrollment(t).YAML()
	if err != nil {
		t.Fatal(err)
	}
	eleven := flightctl.Binding{Early: &flightctl.EarlyBinding{ValidFor: 11 * 366 * 24 * time.Hour}} // the test's certificates are valid for ten years
	for _, c := range []struct {
		binding flightctl.Binding
		want    error
	}{{flightctl.Early(), nil}, {eleven, flightctl.ErrExpiresSoon}} {
		plan := planned(t, flightctl.Agent{Binding: c.binding})
		err := plan.CheckSecrets(map[string][]byte{flightctl.DefaultSecret: value})
		if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

func readFile(t *testing.T, name ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(name...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
