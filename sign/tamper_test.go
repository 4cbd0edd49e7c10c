//go:build containers_image_openpgp || bootloom_system_gpgme

package sign_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/sign"
)

// tampered is one image in a registry and what a device makes of it. want nil is an accepted image.
type tampered struct {
	name, ref string
	want      error
	says      string // words of the policy engine, which skopeo and podman have too
	// cosign accepts what others do not: it ignores the name in the signature, never looks at the instances of an index,
	// and does not read the manifest of an image that it is asked for by digest.
	cosign bool
}

// tamperedImages fills the registry. The policy it returns, for two keys, is that of a device; the third key is not in it.
func tamperedImages(t *testing.T, f fixture) (sign.DevicePolicy, []tampered) {
	key, next, other := must(sign.Generate()), must(sign.Generate()), must(sign.Generate())
	policy := sign.DevicePolicy{
		Rules:           []sign.Rule{{Name: "acme", Scopes: []string{f.Host + "/acme"}, Keys: []string{key.Public(), next.Public()}}},
		RejectByDefault: true,
	}
	var cases []tampered
	add := func(name, at string, want error, says string) *tampered {
		cases = append(cases, tampered{name: name, ref: f.Host + "/" + at, want: want, says: says})
		return &cases[len(cases)-1]
	}
	by := func(k *sign.Key) signWith { return signWith{t, f, k} }

	good := f.image("acme/os", "1", "good")
	by(key).sign("acme/os", good, "1", "latest")
	add("signed, by tag", "acme/os:1", nil, "")
	add("signed, by digest", "acme/os@"+good.Digest.String(), nil, "")

	d := f.image("acme/rotated", "1", "rotated")
	by(other).sign("acme/rotated", d, "1")
	by(next).sign("acme/rotated", d, "1")
	add("signed by the second key, beside a stranger", "acme/rotated:1", nil, "")

	d = f.image("acme/bare", "1", "bare")
	by(key).sign("acme/bare", d)
	add("signed for the repository alone", "acme/bare:1", nil, "")

	i := f.index("acme/multi", "1", f.image("acme/multi", "", "multi"))
	by(key).sign("acme/multi", i, "1")
	add("signed index", "acme/multi:1", nil, "")

	i = f.index("acme/half", "1", f.image("acme/half", "", "half"))
	signIndexAlone(t, f, by(key), "acme/half", i)
	add("index signed, instance not", "acme/half:1", sign.ErrNotSigned, "A signature was required, but no signature exists").cosign = true

	f.image("acme/unsigned", "1", "unsigned")
	add("unsigned", "acme/unsigned:1", sign.ErrNotSigned, "A signature was required, but no signature exists")

	f.image("acme/os", "moved", "evil")
	add("tag moved to an unsigned image", "acme/os:moved", sign.ErrNotSigned, "A signature was required, but no signature exists")

	d = f.image("acme/wrongkey", "1", "wrongkey")
	by(other).sign("acme/wrongkey", d, "1")
	add("wrong key", "acme/wrongkey:1", sign.ErrWrongKey, "cryptographic signature verification failed")

	d = f.image("acme/damaged", "1", "damaged")
	by(key).sign("acme/damaged", d, "1")
	damageSignature(f, "acme/damaged", d)
	add("damaged signature", "acme/damaged:1", sign.ErrWrongKey, "cryptographic signature verification failed")

	d = f.image("acme/os", "evil2", "evil2")
	f.copySignatures("acme/os", good.Digest, "acme/os", d.Digest)
	add("signature moved from another image", "acme/os:evil2", sign.ErrDigestMismatch, "does not match")

	d = f.image("acme/changed", "1", "changed")
	by(key).sign("acme/changed", d, "1")
	f.Inject(testkit.Fault{Match: testkit.PathContains("GET", "/acme/changed/manifests/"+d.Digest.String()), Do: changeManifest})
	add("tampered manifest", "acme/changed@"+d.Digest.String(), sign.ErrDigestMismatch, "anifest").cosign = true // skopeo and podman say it each in their way

	d = f.image("acme/copy", "1", "good")
	f.copySignatures("acme/os", good.Digest, "acme/copy", d.Digest)
	add("copied to another repository", "acme/copy:1", sign.ErrWrongIdentity, "is not accepted").cosign = true

	d = f.image("elsewhere/os", "1", "elsewhere")
	by(key).sign("elsewhere/os", d, "1")
	add("outside of every rule", "elsewhere/os:1", sign.ErrRejected, "is rejected by policy").cosign = true

	return policy, cases
}

type signWith struct {
	t   *testing.T
	f   fixture
	key *sign.Key
}

func (s signWith) sign(repo string, d imgspec.Descriptor, tags ...string) {
	s.t.Helper()
	var names []string
	for _, tag := range tags {
		names = append(names, s.f.Host+"/"+repo+":"+tag)
	}
	if err := s.key.Sign(s.t.Context(), s.f.registryClient(), s.f.published(repo, d), names); err != nil {
		s.t.Fatal(err)
	}
}

// signIndexAlone is what signers do that know nothing of instances.
func signIndexAlone(t *testing.T, f fixture, s signWith, repo string, index imgspec.Descriptor) {
	t.Helper()
	s.sign(repo, index)
	var i imgspec.Index
	if err := json.Unmarshal(f.get(repo, "manifests/"+index.Digest.String()), &i); err != nil {
		t.Fatal(err)
	}
	_, sig := f.do("GET", "/v2/"+repo+"/manifests/"+sigTag(i.Manifests[0].Digest), "", nil, http.StatusOK)
	f.do("DELETE", "/v2/"+repo+"/manifests/"+digestOf(sig), "", nil, http.StatusAccepted)
}

func damageSignature(f fixture, repo string, d imgspec.Descriptor) {
	f.t.Helper()
	m := f.signatures(repo, d.Digest)
	const note = "dev.cosignproject.cosign/signature"
	sig := must(base64.StdEncoding.DecodeString(m.Layers[0].Annotations[note]))
	sig[len(sig)-1] ^= 1
	m.Layers[0].Annotations[note] = base64.StdEncoding.EncodeToString(sig)
	f.put(repo, sigTag(d.Digest), imgspec.MediaTypeImageManifest, must(json.Marshal(m)))
}

// changeManifest answers with the right manifest and one space more.
func changeManifest(w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(&spoiled{w}, r)
}

type spoiled struct{ http.ResponseWriter }

func (s *spoiled) WriteHeader(code int) {
	s.Header().Del("Content-Length")
	s.ResponseWriter.WriteHeader(code)
}

func (s *spoiled) Write(b []byte) (int, error) {
	s.Header().Del("Content-Length")
	if _, err := s.ResponseWriter.Write(append([]byte(" "), b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func TestTamper(t *testing.T) {
	for _, test := range []struct {
		name string
		reg  func(testing.TB, testkit.RegistryOptions) *testkit.Registry
		with testkit.RegistryOptions
	}{
		{"olareg", testkit.NewOlareg, testkit.RegistryOptions{}},
		{"docker-registry with TLS and htpasswd", testkit.NewDockerRegistry, testkit.RegistryOptions{TLS: true, Username: "u", Password: "secret"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := fixture{test.reg(t, test.with), t}
			policy, cases := tamperedImages(t, f)
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					err := policy.Verify(t.Context(), f.registryClient(), c.ref)
					if c.want == nil {
						if err != nil {
							t.Error(err)
						}
						return
					}
					if !errors.Is(err, c.want) || !errors.Is(err, sign.ErrRejected) || !strings.Contains(err.Error(), c.says) {
						t.Errorf("error %v, want a %v that says %q", err, c.want, c.says)
					}
					for _, other := range []error{sign.ErrNotSigned, sign.ErrWrongKey, sign.ErrWrongIdentity, sign.ErrDigestMismatch} {
						if other != c.want && errors.Is(err, other) {
							t.Errorf("error %v is also a %v", err, other)
						}
					}
				})
			}
		})
	}
}
