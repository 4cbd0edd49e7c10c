// Package flightctl puts the device agent of Flight Control (Red Hat Edge Manager) into images, and has the agent's formats
// as values: the features of an image that an Edge Manager manages, for a Spec of package bootc.
//
//   - [Agent] installs the agent and binds it to its service; [Config] is its configuration, as a secret of the build, in
//     the image or at provisioning.
//   - [Service], or another [EnrollmentProvider], mints the certificate that is in it. What a device gets at provisioning is
//     a [Payload], for cloud-init, KubeVirt, vSphere, Ignition or a kickstart file.
//   - [ConfigDropIn], [CustomInfo], [Hook] and [CertDropIn] are the drop-in files of the agent.
//   - [EmbeddedApp] and [ComposeApps] are workloads that come with the image, [Telemetry] its metrics.
//
// Formats follow the agent's source at https://github.com/flightctl/flightctl, releases 1.0 to 1.4, and are tested with the
// agents of 1.0 and 1.2 themselves. The agent reads leniently: a key that it does not know, or not yet, it ignores, and
// what is wrong with a certificate or a hook it finds out in the field, or in the middle of an update. This package is
// strict instead. It finds every mistake at once, each a *[bootc.FieldError] ([bootc.FieldErrors] lists them): in a feature
// with the path of the Go fields, in one of the agent's formats with the path of its keys, such as
// enrollment-service.service.server, and in a file with the line too ([LineError]). Where a [Version] is known, a key that the agent ignores is a mistake ([ErrIgnored]).
//
// What lies in the image in /usr belongs to the image; what the agent reads only from /etc goes there.
//
// A configuration has a private key. [Config] shows it in no print, log or JSON; [Config.YAML] writes it, and so do
// the methods of [Payload].
//
// # A whole program
//
// An image that enrols by itself (early binding), with applications of type compose:
//
//	service := flightctl.Service{URL: "https://api.flightctl.example.com", Token: bootc.SecretEnv("FLIGHTCTL_TOKEN")}
//	config, err := flightctl.EnrolledSecret(ctx, service, flightctl.Check{Now: time.Now(), ValidFor: 90 * 24 * time.Hour})
//	if err != nil {
//		log.Fatal(err)
//	}
//	edge := bootc.From("quay.io/centos-bootc/centos-bootc:stream10").With(
//		flightctl.Agent{Version: "1.3.0", Binding: flightctl.Early()},
//		flightctl.ConfigDropIn{Name: "50-site", Settings: flightctl.Settings{DefaultLabels: map[string]string{"site": "factory-7"}}},
//		flightctl.ComposeApps{},
//		bootc.Journal{MaxUse: "1G"},
//	)
//	image, err := bootc.Build(ctx, engine, edge, bootc.BuildOptions{
//		Secrets: map[string]bootc.SecretValue{flightctl.DefaultSecret: config},
//		Output:  "oci:/srv/images:edge-1.4.0",
//	})
package flightctl
