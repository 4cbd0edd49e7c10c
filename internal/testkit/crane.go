package testkit

import "context"

// MakeCrane returns the path of go-containerregistry's crane, built now if the cache does not have it.
func MakeCrane(ctx context.Context) (string, error) {
	return buildTool(ctx, "crane", "github.com/google/go-containerregistry/cmd/crane", "-s -w")
}
