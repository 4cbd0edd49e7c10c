package bootc_test

import (
	"fmt"

	"github.com/bootloom/bootloom/bootc"
)

func ExampleRegistryMirror() {
	show(bootc.Spec{}.With(bootc.RegistryMirror{
		Prefix:  "quay.io/acme",
		Mirrors: []bootc.Mirror{{Location: "mirror.acme.example:5000/quay", Pull: "digest-only"}},
	}), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # files: /etc/containers/registries.conf.d/50-bootloom-quay.io-acme.conf (RegistryMirror)
	// ADD files.tar /
	// -rw-r--r-- /etc/containers/registries.conf.d/50-bootloom-quay.io-acme.conf
	//     [[registry]]
	//     prefix = "quay.io/acme"
	//     location = "quay.io/acme"
	//
	//     [[registry.mirror]]
	//     location = "mirror.acme.example:5000/quay"
	//     pull-from-mirror = "digest-only"
}

func ExampleRegistryTrust() {
	show(bootc.Spec{}.With(bootc.RegistryTrust{Host: "registry.acme.example:5000", CA: acmeCA}), bootc.Base{})
	// Output:
	// # quay.io/acme/base:1
	// FROM quay.io/acme/base:1
	// # trust: /etc/containers/certs.d/registry.acme.example:5000/bootloom.crt (RegistryTrust)
	// ADD trust.tar /
	// -rw-r--r-- /etc/containers/certs.d/registry.acme.example:5000/bootloom.crt
}

// The logins come by a build secret. An engine has the plan look at their value before it builds.
func ExamplePullSecret() {
	base := bootc.Base{Ref: "quay.io/acme/base:1"}
	plan, err := bootc.From(base.Ref).With(bootc.PullSecret{Secret: "pull", OS: true}).Compile(base)
	fmt.Println(plan.Secrets, err)
	fmt.Println(plan.CheckSecrets(map[string][]byte{"pull": []byte("user:password")}))

	options := bootc.BuildOptions{Secrets: map[string]bootc.SecretValue{"pull": bootc.SecretFile("/run/secrets/auth.json")}}
	fmt.Println(options.Secrets)
	// Output:
	// [pull] <nil>
	// Features[0].PullSecret: the value of secret "pull" is not JSON (byte 1): the text of an auth.json is wanted, as podman login writes it
	// map[pull:[redacted]]
}
