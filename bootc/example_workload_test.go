package bootc_test

import (
	"fmt"

	"github.com/bootloom/bootloom/bootc"
)

// A container that starts at boot. The tag is worth a warning; a misspelt key, with which podman would drop the file
// without a word, is an error.
func ExampleQuadlet() {
	base := bootc.Base{Ref: "quay.io/acme/base:1"}
	plan, err := bootc.From(base.Ref).
		Quadlet("web.container", "[Container]\nImage=quay.io/acme/web:1.2\nPublishPort=80:8080\n\n[Install]\nWantedBy=multi-user.target\n").
		Compile(base)
	fmt.Println(plan.Archives[0].Entries[0].Path, err)
	fmt.Println(plan.Warnings[0])

	_, err = bootc.From(base.Ref).Quadlet("web.container", "[Container]\nImage=quay.io/acme/web:1.2\nPublishport=80:8080\n").Compile(base)
	fmt.Println(err)
	// Output:
	// /usr/share/containers/systemd/web.container <nil>
	// Features[0].Quadlet.Content: Image=quay.io/acme/web:1.2 has no digest, so it may be another image tomorrow, and on the next machine: write quay.io/acme/web@sha256:…
	// Features[0].Quadlet.Content: podman knows no key Publishport in [Container], and would drop the whole file: is PublishPort meant?
}

// A container whose image bootc fetches together with the OS.
func ExampleBoundImage() {
	const image = "quay.io/acme/web@sha256:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"
	show(bootc.Spec{}.
		Quadlet("web.container", "[Container]\nImage="+image+"\n\n[Install]\nWantedBy=multi-user.target\n").
		With(bootc.BoundImage{Quadlet: "web.container"}), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # units: 3 files (Quadlet, BoundImage)
	// ADD units.tar /
	// Lrwxrwxrwx /usr/lib/bootc/bound-images.d/web.container /usr/share/containers/systemd/web.container
	// -rw-r--r-- /usr/share/containers/systemd/web.container
	//     [Container]
	//     Image=quay.io/acme/web@sha256:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c
	//
	//     [Install]
	//     WantedBy=multi-user.target
	// -rw-r--r-- /usr/share/containers/systemd/web.container.d/10-bootloom-bound.conf
	//     [Container]
	//     GlobalArgs=--storage-opt=additionalimagestore=/usr/lib/bootc/storage
}
