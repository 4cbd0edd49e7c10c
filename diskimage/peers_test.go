//go:build containers_image_openpgp || bootloom_system_gpgme

package diskimage_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bootloom/bootloom/diskimage"
	"github.com/bootloom/bootloom/internal/testkit"
	"github.com/bootloom/bootloom/registry"
	"github.com/bootloom/bootloom/sign"
)

// peers are the programs of a device, with its policy and the registry's CA.
func peers(t *testing.T, r *testkit.Registry, policy sign.DevicePolicy) testkit.Verifiers {
	t.Helper()
	v := testkit.NewVerifiers(t)
	dir := t.TempDir()
	image := fstest.MapFS{"etc/containers/certs.d/" + r.Host + "/ca.crt": {Data: r.CA, Mode: 0o644}}
	for _, e := range must(policy.Files(fstest.MapFS{})) {
		image[e.Path[1:]] = &fstest.MapFile{Data: must(e.Content.ReadAll()), Mode: e.Mode}
	}
	if err := os.CopyFS(dir, image); err != nil {
		t.Fatal(err)
	}
	for name := range image {
		v = v.With("/"+filepath.Dir(name), filepath.Join(dir, filepath.Dir(name)))
	}
	v.Env = []string{"HOME=/root", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "SSL_CERT_FILE=/etc/containers/certs.d/" + r.Host + "/ca.crt"}
	return v
}

// TestPeers: disks that are signed are accepted by skopeo, podman, cosign and ourselves, and what an attacker can do to a
// registry is noticed by all.
func TestPeers(t *testing.T) {
	eachRegistry(t, func(t *testing.T, r *testkit.Registry) {
		ctx, c, repo := t.Context(), client(t, r), r.Host+"/acme/os"
		key, other := must(sign.Generate()), must(sign.Generate())
		policy := sign.DevicePolicy{Rules: []sign.Rule{{Name: "acme", Scopes: []string{r.Host + "/acme"}, Keys: []string{key.Public()}}}, RejectByDefault: true}
		v := peers(t, r, policy)
		signed := func(k *sign.Key, tag string) registry.PublishOptions {
			return registry.PublishOptions{Signer: k, Tags: []string{tag}}
		}
		image := osImage(t, c, repo, signed(key, "1"), host)

		publish := func(o registry.PublishOptions, shape diskimage.Shape, content string) registry.Published {
			t.Helper()
			return must(diskimage.Publish(ctx, c, qcow2(t, image.Reference(), content), repo, diskimage.PublishOptions{PublishOptions: o, Shape: shape}))
		}
		publish(signed(key, "disk"), diskimage.Artifact, "disk")
		publish(signed(key, "machine"), diskimage.ContainerDisk, "disk")
		publish(signed(other, "disk-wrong-key"), diskimage.Artifact, "of another")
		publish(registry.PublishOptions{Unsigned: true, Tags: []string{"disk-unsigned"}}, diskimage.Artifact, "unsigned")
		publish(registry.PublishOptions{Unsigned: true, Tags: []string{"machine-unsigned"}}, diskimage.ContainerDisk, "unsigned")
		// The signatures of a good disk as those of an evil one.
		evil := publish(registry.PublishOptions{Unsigned: true, Tags: []string{"disk-evil"}}, diskimage.Artifact, "evil")
		good := must(c.Resolve(ctx, repo+":disk", ""))
		sig := func(d string) string { return repo + ":" + strings.Replace(d, ":", "-", 1) + ".sig" }
		stolen := must(c.GetManifest(ctx, sig(good.Digest.String())))
		for _, d := range []string{evil.Digest.String(), must(c.Artifact(ctx, evil.Reference(), "")).Digest.String()} {
			if err := c.PutManifest(ctx, sig(d), stolen); err != nil {
				t.Fatal(err)
			}
		}

		for tag, want := range map[string]error{
			"disk": nil, "machine": nil, "disk-wrong-key": sign.ErrWrongKey, "disk-unsigned": sign.ErrNotSigned,
			"machine-unsigned": sign.ErrNotSigned, "disk-evil": sign.ErrDigestMismatch,
		} {
			ref := repo + ":" + tag
			creds := r.Username + ":" + r.Password
			_, _, skopeo := v.Skopeo(ctx, "copy", "-q", "--all", "--remove-signatures", "--src-creds", creds, "docker://"+ref, "dir:/tmp/out")
			_, _, cosign := v.Cosign(ctx, "verify", "--key", "/etc/pki/containers/acme.pub", "--insecure-ignore-tlog=true", "--private-infrastructure",
				"--registry-username", r.Username, "--registry-password", r.Password, ref)
			errs := map[string]error{"skopeo": skopeo, "cosign": cosign}
			if strings.HasPrefix(tag, "machine") { // podman 5.4 pulls no artifacts
				_, _, errs["podman"] = v.Podman(ctx, "pull", "-q", "--creds", creds, ref)
			} else {
				_, ours := diskimage.Pull(ctx, c, ref, t.TempDir(), diskimage.PullOptions{Policy: policy})
				if !errors.Is(ours, want) {
					t.Errorf("%s: Pull: error %v, want %v", tag, ours, want)
				}
			}
			for name, err := range errs {
				if (err == nil) != (want == nil) {
					t.Errorf("%s: %s: error %v, want it to accept: %v", tag, name, err, want == nil)
				}
			}
		}

		// The machine that KubeVirt gets, as podman unpacks it.
		out, _, err := v.Run(ctx, "sh", "-c", `podman="podman --storage-driver=vfs --cgroup-manager=cgroupfs --events-backend=none"
			$podman pull -q --creds `+r.Username+":"+r.Password+" "+repo+`:machine >/dev/null &&
			stat -c '%n %u:%g %a %s' $($podman image mount `+repo+`:machine)/disk/*`)
		if fields := strings.Fields(out); err != nil || len(fields) != 4 || !strings.HasSuffix(fields[0], "/disk/disk.qcow2") || fields[1] != "107:107" || fields[2] != "440" || fields[3] != "3145805" {
			t.Errorf("podman has %q, error %v", out, err)
		}
	})
}

// TestPodmanDisk: what the commands of Flight Control's guide publish, podman signs and Pull fetches.
func TestPodmanDisk(t *testing.T) {
	r := testkit.NewDockerRegistry(t, testkit.RegistryOptions{TLS: true, Username: "robot", Password: "secret"})
	key := must(sign.Generate())
	policy := sign.DevicePolicy{Rules: []sign.Rule{{Name: "acme", Scopes: []string{r.Host + "/acme"}, Keys: []string{key.Public()}}}, RejectByDefault: true}
	d := qcow2(t, "", "made elsewhere")
	v := peers(t, r, policy).With("/disks", filepath.Dir(d.Path))
	ref := r.Host + "/acme/os/diskimage-qcow2:1"
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.Path), "key"), must(key.EncryptedPEM([]byte("word"))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.Path), "word"), []byte("word"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := v.Run(t.Context(), "sh", "-e", "-c", `podman="podman --storage-driver=vfs --cgroup-manager=cgroupfs --events-backend=none"
		$podman manifest create disk
		$podman manifest add --artifact --artifact-type application/vnd.diskimage.qcow2 --arch=`+strings.Split(host, "/")[1]+` --os=linux disk /disks/disk.qcow2
		$podman manifest push --all --creds `+r.Username+":"+r.Password+` --sign-by-sigstore-private-key /disks/key --sign-passphrase-file /disks/word disk docker://`+ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := diskimage.Pull(t.Context(), client(t, r), ref, t.TempDir(), diskimage.PullOptions{Policy: policy, Platform: host})
	if err != nil || got.Digest != d.Digest || got.Format != diskimage.QCOW2 || got.Platform != host {
		t.Errorf("pulled %+v, error %v", got, err)
	}
}
