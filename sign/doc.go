// Package sign signs images the way devices verify them, verifies them the way devices do, and gives devices the policy
// that makes them verify.
//
// A [Key] signs. What it writes is the one format that podman, bootc and skopeo (all of them containers/image) read and
// cosign reads as well: "simple signing" in a sigstore attachment, the tag sha256-….sig. The newer sigstore bundles,
// which cosign 3 writes unless told otherwise, are invisible to devices. A *Key is a [registry.Signer], so that
// registry.Client.Publish pushes by digest, signs, verifies, and sets the tags last:
//
//	key, err := sign.LoadKey(pem, passphrase)              // or Generate, FromCrypto (HSM), FromSigstore (any KMS)
//	published, err := client.Publish(ctx, image, "quay.io/acme/os", registry.PublishOptions{Tags: tags, Signer: key})
//
// A [DevicePolicy] is a feature for a [bootc.Spec]: public keys, registries.d and policy.json, merged with what the base
// has. Verify runs containers/image's own policy engine on the very policy and keys that the feature puts into the image:
//
//	policy := sign.DevicePolicy{
//		Rules:           []sign.Rule{{Name: "acme-os", Scopes: []string{"quay.io/acme/os"}, Keys: []string{key.Public()}}},
//		RejectByDefault: true,
//	}
//	spec := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").With(policy)
//	err := policy.Verify(ctx, client, published.Reference())
//
// A signature proves a manifest under a name. The manifest has the digests of all blobs, which every client compares
// when it pulls them; Verify does not pull them.
//
// # Build tags
//
// The policy engine links gpgme (cgo and its headers) unless a program is built with -tags containers_image_openpgp. A
// library cannot set tags, so without that tag this package builds and signs everywhere, and what verifies returns
// [ErrNoPolicyEngine] before anything is sent, Publish with a Key included. Programs that want gpgme itself say so with
// -tags bootloom_system_gpgme.
//
// # Rotating a key
//
// Devices learn of keys by updates, so they come first: publish an image whose policy has the old key and the new one,
// signed with the old one. When the devices run it, sign with the new key, and drop the old one from the policy. While
// some devices still have the old policy, sign with both: [Keys] is a registry.Signer too.
package sign
