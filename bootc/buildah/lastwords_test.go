//go:build linux && cgo && ((containers_image_openpgp && exclude_graphdriver_btrfs) || bootloom_system_gpgme)

package buildah_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/buildah"
)

// TestLastWords: what a step says right before it fails is the reason, and arrives on a busy machine too.
func TestLastWords(t *testing.T) {
	t.Parallel()
	e := open(t, nil)
	base := inspect(t, e, tinyRef(t))
	var work sync.WaitGroup
	for i := range 16 {
		work.Go(func() {
			p := plan(base, nil, sh(fmt.Sprintf("seq 1000 >&2; seq %d; echo why >&2; exit 7", 1000+i)))
			r := &recorder{t: t}
			_, err := e.Build(t.Context(), p, bootc.BuildOptions{OnEvent: r.on})
			step, ok := errors.AsType[*buildah.StepError](err)
			if !ok || !slices.Contains(step.Tail, "why") || !slices.Contains(step.Tail, fmt.Sprint(1000+i)) || step.ExitCode != 7 {
				t.Errorf("build %d: %v", i, err)
			}
			if n := len(r.kinds(bootc.EventLog)); n != 2001+i {
				t.Errorf("build %d: %d lines of %d", i, n, 2001+i)
			}
		})
	}
	work.Wait()
}
