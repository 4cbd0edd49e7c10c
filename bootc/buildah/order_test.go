//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/containerfile"
)

// stages are six that start from a seventh, one that nothing needs, and the image that takes files from the six. Every step
// has a feature that is called as the step.
func stages(base bootc.Base, fail string) bootc.Plan {
	p := bootc.Plan{Base: base, Epoch: epoch}
	add := func(name, from string, steps ...containerfile.Step) {
		for i := range steps {
			p.Origins = append(p.Origins, bootc.Origin{Stage: len(p.Containerfile.Stages), Step: i, Features: []string{fmt.Sprintf("%s.%d", cmp.Or(name, "image"), i)}})
		}
		p.Containerfile.Stages = append(p.Containerfile.Stages, containerfile.Stage{Name: name, From: from, Steps: steps})
	}
	add("common", base.From(), sh("echo common.0"), sh("echo common.1"))
	add("unused", "common", sh("echo unused.0; exit 1"))
	var copies []containerfile.Step
	for i := range 6 {
		name := fmt.Sprintf("part%d", i)
		steps := []containerfile.Step{sh("echo " + name + ".0 >/" + name), sh("echo " + name + ".1")}
		if name == fail {
			steps[1] = sh("echo " + name + ".1; exit 7")
		}
		add(name, "common", steps...)
		if i%2 == 0 {
			copies = append(copies, containerfile.Copy{From: name, Sources: []string{"/" + name}, Dest: "/" + name})
		} else {
			copies = append(copies, containerfile.Run{Mounts: []containerfile.Mount{{Type: "bind", From: name, Source: "/", Target: "/run/part"}},
				Command: containerfile.Command{Shell: fmt.Sprintf("echo image.%d", i)}})
		}
	}
	add("", base.From(), copies...)
	return p
}

// TestStagesInOrder wants each line of output, and a failure, told with the features of its step, however many stages wait
// for one another.
func TestStagesInOrder(t *testing.T) {
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	r := recorder{t: t}
	if _, err := e.Build(t.Context(), stages(base, ""), bootc.BuildOptions{NoCache: true, OnEvent: r.on}); err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, ev := range r.kinds(bootc.EventLog) {
		if len(ev.Features) != 1 || ev.Features[0] != ev.Text {
			t.Errorf("%q is told as of %q", ev.Text, ev.Features)
		}
		said++
	}
	if said != 2+6+3 {
		t.Errorf("%d lines", said)
	}
	for _, fail := range []string{"part0", "part3"} {
		r := recorder{t: t}
		_, err := e.Build(t.Context(), stages(base, fail), bootc.BuildOptions{NoCache: true, OnEvent: r.on})
		if err == nil || !strings.Contains(err.Error(), "(from "+fail+".1): exit status 7") {
			t.Errorf("%s fails as %v", fail, err)
		}
	}
	left(t, e)
}
