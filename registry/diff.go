package registry

import (
	"context"

	"github.com/bootloom/bootloom/bootc"
)

// Diff says what a machine that runs the image from would fetch to run the image to: which layers, made by which
// features, how many bytes in all. Both are references or locations as Open takes them; from an index comes the image for
// the platform. Only manifests and configs are read.
func (c Client) Diff(ctx context.Context, from, to, platform string) (bootc.Update, error) {
	var images [2]bootc.Image
	var metadata int64
	for i, at := range []string{from, to} {
		r, err := c.Open(ctx, bootc.Image{Location: at}, platform)
		if err != nil {
			return bootc.Update{}, err
		}
		images[i] = bootc.Image{Digest: r.Digest, Layers: r.Layers}
		metadata = int64(len(r.Manifest.Data) + len(r.ConfigData))
		r.Close()
	}
	u := bootc.Diff(images[0], images[1])
	if len(u.Fetch) > 0 || u.From != u.To {
		u.Metadata = metadata
	}
	return u, nil
}
