// Package testkit makes the real things that tests of this module run against: base images, registries, independent
// verifiers, a virtual machine. It is used by tests and by the demo, never by the library.
//
// What takes long is made once and kept in [CacheDir], under a name that is a hash of the recipe and of the state of
// the archive it is made from; two processes never make the same thing at once. Everything else lives in a temporary
// directory of the test and dies with it: no process, mount or file outlives a test, also when the test is killed.
//
// What needs root, a tool or a kernel feature says so through [Need], which skips the test with the reason, and fails
// it where skipping would be lying (CI). Run hack/setup.sh for the tools.
//
// A whole test:
//
//	func TestPush(t *testing.T) {
//		layout := testkit.Base(t, testkit.Tiny)                 // OCI layout directory, shared, read-only
//		reg := testkit.NewOlareg(t, testkit.RegistryOptions{TLS: true, Username: "u", Password: "p"})
//		reg.Inject(testkit.Fault{Match: testkit.Method("PATCH"), Times: 1, Do: testkit.Drop(1 << 16)})
//		push(t, layout, reg.Host+"/acme/os:1", reg.CA)
//		t.Log(reg.Uploaded(), "bytes for", len(reg.Requests()), "requests")
//	}
//
// Functions that take a [testing.TB] end the test on failure. What they do is also there without one, for programs:
// [Make] for [Base], [StartOlareg] for [NewOlareg], and so on.
package testkit
