// Package registry moves images between OCI layouts and registries: push, pull, copy, publish; and other artifacts, such
// as disk images and SBOMs, with the image that they belong to.
//
// # Contract
//
//   - A [Client] is a value: who we are, whom we trust, how often to try. Every method is one complete operation; there
//     is nothing to open or close, and any number may run at once.
//   - [Client.Publish] keeps the order that devices rely on: push by digest, sign, verify as a device would, tag last. No
//     tag points at what failed on the way.
//   - Bytes are never changed. Manifests and layers arrive as they were, so digests hold and a device that has the
//     base downloads only what was put on top. Each blob is checked against its digest while it passes, and the last
//     bytes of one that is wrong are never delivered.
//   - Nothing is sent twice. What the registry has is skipped, what it has in the base's repository is mounted from
//     there, a broken download goes on where it was, a broken upload sends that one blob again. A blob of more than 64 MiB
//     goes in chunks of 32 MiB, and a broken upload of it goes on from what the registry has kept; none of them is
//     held in memory.
//   - An artifact ([Client.PublishArtifact]) takes the same way in the same order, and is found from the image that it
//     names as its subject ([Client.Referrers]), also in registries that keep no list of such.
//   - Names that come from a registry never lead out of the directory that [Client.PullArtifact] is given.
//   - What may pass is tried again ([Retry]): broken connections, 408, 425, 429 (after Retry-After), 500, 502, 503, 504,
//     and once a login that was good and has expired. What will not change is not: 403, 404, 507, wrong bytes, TLS, a
//     password, a host that never answered.
//   - References name their registry: registry/repository[:tag][@digest]. There are no short names. If there are both,
//     the digest decides.
//   - Errors are *[bootc.OpError] with the registry's own words, and a sentinel for errors.Is: [ErrNotFound],
//     [ErrUnauthorized], [ErrDenied], [ErrTLS] and so on. They hold no login and no query of a URL.
//   - A cancelled context ends a call at once, with the context's error. No goroutine, connection or temporary file
//     stays behind.
//   - Of the host, only the logins of podman and docker (unless [Client.Anonymous]), the system's CA certificates and the
//     proxy variables of the environment are read. There are no mirrors, and no registries.conf.
//
// It builds without cgo and build tags, on Linux, macOS and Windows. [Client.System] is the way out to
// containers/image. Docker v2 schema 2 and OCI images and indexes are understood, and artifacts with an OCI image
// manifest; schema 1 is not.
//
// # A whole program
//
//	func main() {
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
//		defer stop()
//		client := registry.Client{
//			Credentials: map[string]registry.Credential{"quay.io": {Username: "acme+robot", Password: os.Getenv("QUAY_TOKEN")}},
//			OnEvent:     func(e bootc.Event) { log.Println(e.Kind, e.Op, e.Ref, e.Text) },
//		}
//		image, err := client.Pull(ctx, "quay.io/centos-bootc/centos-bootc:stream10", "oci:/var/tmp/base", registry.PullOptions{})
//		if err != nil {
//			log.Fatal(err)
//		}
//		published, err := client.Publish(ctx, image, "quay.io/acme/base", registry.PublishOptions{
//			Tags:   []string{"stream10"},
//			Signer: signer, // from package sign
//		})
//		if errors.Is(err, registry.ErrUnauthorized) {
//			log.Fatal("log in first: ", err)
//		}
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println(published.Reference())
//	}
package registry
