package registry

import (
	"context"

	"github.com/bootloom/bootloom/bootc"
)

// Diff says what a machine that runs the image from would fetch to run the image to: which layers, made by which
// features, how many bytes in all. Both are references or locations as Open takes them; from an index comes the image for
// the platform. Only manifests and configs are read.
func (c Client) Diff(ctx context.Context, from, to, platform string) (bootc.Update, error) {
	var images [2]*Reader
	for i, at := range []string{from, to} {
		r, err := c.Open(ctx, bootc.Image{Location: at}, platform)
		if err != nil {
			return bootc.Update{}, err
		}
		defer r.Close()
		images[i] = r
	}
	return images[1].UpdateFrom(images[0]), nil
}

// UpdateFrom says what a machine that runs the image old fetches to run this one.
func (r *Reader) UpdateFrom(old *Reader) bootc.Update {
	u := bootc.Diff(bootc.Image{Digest: old.Digest, Layers: old.Layers}, bootc.Image{Digest: r.Digest, Layers: r.Layers})
	if u.From != u.To {
		u.Metadata = int64(len(r.Manifest.Data) + len(r.ConfigData))
	}
	return u
}
