package bootc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// BuildAll builds the Spec for several platforms at once, each on the base's own manifest for it, and returns
// the images in the order of platforms. The first failure cancels the others and is the error. BuildOptions.Platform is
// not used. An Output other than the engine's store must have {platform} in it, which becomes linux-amd64 and so on.
func BuildAll(ctx context.Context, e Engine, s Spec, platforms []string, o BuildOptions) ([]Image, error) {
	if o.Output != "" && len(platforms) > 1 && !strings.Contains(o.Output, "{platform}") {
		return nil, fmt.Errorf("the output %s is the same for %s: put {platform} into it", o.Output, list(platforms))
	}
	for i, p := range platforms {
		if slices.Contains(platforms[:i], p) {
			return nil, fmt.Errorf("platform %s is named twice", p)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if on := o.OnEvent; on != nil {
		var serial sync.Mutex
		o.OnEvent = func(e Event) {
			serial.Lock()
			defer serial.Unlock()
			on(e)
		}
	}
	out := make([]Image, len(platforms))
	var builds sync.WaitGroup
	for i, platform := range platforms {
		o := o
		o.Platform = platform
		o.Output = strings.ReplaceAll(o.Output, "{platform}", strings.ReplaceAll(platform, "/", "-"))
		builds.Go(func() {
			image, err := Build(ctx, e, s, o)
			if err != nil {
				cancel(&OpError{Op: "build for", Ref: platform, Err: err})
				return
			}
			out[i] = image
		})
	}
	builds.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return out, nil
}
