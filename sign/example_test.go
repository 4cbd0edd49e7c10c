//go:build containers_image_openpgp || bootloom_system_gpgme

package sign_test

import (
	"context"
	"errors"
	"fmt"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// Two images, of which a device takes the one that is signed.
func Example() {
	reg, err := testkit.StartOlareg(testkit.RegistryOptions{}) // stands for quay.io
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	ctx, client := context.Background(), registry.Client{Anonymous: true, InsecureSkipTLSVerify: true}

	key, err := sign.Generate()
	if err != nil {
		panic(err)
	}
	policy := sign.DevicePolicy{
		Rules:           []sign.Rule{{Name: "acme", Scopes: []string{reg.Host + "/acme"}, Keys: []string{key.Public()}}},
		RejectByDefault: true,
	}
	for _, name := range []string{"signed", "unsigned"} {
		published := push(ctx, client, reg.Host+"/acme/"+name)
		if name == "signed" {
			if err := key.Sign(ctx, client, published, []string{published.Repository + ":1.4.0"}); err != nil {
				panic(err)
			}
		}
		err := policy.Verify(ctx, client, published.Reference())
		fmt.Println(name, err == nil, errors.Is(err, sign.ErrNotSigned))
	}
	// Output:
	// signed true false
	// unsigned false true
}

// While old and new devices are about, an image carries signatures of both keys.
func ExampleKeys() {
	reg, err := testkit.StartOlareg(testkit.RegistryOptions{})
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	ctx, client := context.Background(), registry.Client{Anonymous: true, InsecureSkipTLSVerify: true}
	published := push(ctx, client, reg.Host+"/acme/os")

	old, err := sign.Generate()
	if err != nil {
		panic(err)
	}
	next, err := sign.Generate()
	if err != nil {
		panic(err)
	}
	both := sign.Keys{old, next}
	if err := both.Sign(ctx, client, published, nil); err != nil {
		panic(err)
	}
	fmt.Println(old.Verify(ctx, client, published, nil), next.Verify(ctx, client, published, nil))
	// Output: <nil> <nil>
}

// push stores the smallest image there is.
func push(ctx context.Context, client registry.Client, repository string) registry.Published {
	if _, err := client.PutBlob(ctx, repository, imgspec.MediaTypeEmptyJSON, imgspec.DescriptorEmptyJSON.Data); err != nil {
		panic(err)
	}
	image := registry.NewManifest(imgspec.MediaTypeImageManifest, []byte(`{"schemaVersion":2,"mediaType":"`+imgspec.MediaTypeImageManifest+
		`","config":{"mediaType":"`+imgspec.MediaTypeEmptyJSON+`","digest":"`+imgspec.DescriptorEmptyJSON.Digest.String()+`","size":2},"layers":[]}`))
	if err := client.PutManifest(ctx, repository, image); err != nil {
		panic(err)
	}
	return registry.Published{Repository: repository, Digest: image.Digest, MediaType: image.MediaType}
}
