//go:build linux

package diskimage

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shimImage is what the shims say of every image that the real tool asks about.
type shimImage struct {
	Labels  map[string]string
	Arch    string
	RootFS  string // what `bootc install print-configuration` names
	Kernel  string // version; empty for an image without one
	Modules []string
	Missing bool // the store does not have it
	// programs that the image lacks
	NoDNF, NoLsinitrd, NoBootc bool
}

// shimEnv names the file with a shimImage. The shims are for the real tool, which calls podman and skopeo to look into the image.
const shimEnv = "BOOTLOOM_SHIM_IMAGE"

// shims makes podman and skopeo for the real tool, and returns the directory for PATH.
func shims(t *testing.T, img shimImage) string {
	t.Helper()
	dir := stage(t, "podman", "skopeo")
	root := filepath.Join(dir, "root")
	put := func(name, text string) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("etc/os-release", "ID=centos\nVERSION_ID=10\nNAME=\"CentOS Stream\"\nID_LIKE=\"rhel fedora\"\nVARIANT_ID=edge\n")
	if img.Kernel != "" {
		put("usr/lib/modules/"+img.Kernel+"/vmlinuz", "kernel")
	}
	b, err := json.Marshal(img)
	if err != nil {
		t.Fatal(err)
	}
	put("../image.json", string(b))
	t.Setenv(shimEnv, filepath.Join(dir, "image.json"))
	return dir
}

func stockImage() shimImage {
	return shimImage{Labels: map[string]string{"containers.bootc": "1"}, Arch: "amd64", RootFS: "xfs",
		Kernel: "6.12.0", Modules: []string{"ostree", "dmsquash-live", "livenet"}}
}

func loadShim() (shimImage, string) {
	var img shimImage
	file := os.Getenv(shimEnv)
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &img)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shim:", err)
		os.Exit(99)
	}
	return img, filepath.Join(filepath.Dir(file), "root")
}

// playPodman answers what pkg/bootc and pkg/setup of the tool ask.
func playPodman(args []string) int {
	if os.Getenv(standInEnv) != "" {
		return playStandIn(args)
	}
	img, root := loadShim()
	has := func(words ...string) bool {
		return len(args) >= len(words) && slices.Equal(args[:len(words)], words)
	}
	last := args[len(args)-1]
	switch {
	case img.Missing && (has("image", "inspect") || has("run")):
		fmt.Fprintf(os.Stderr, "Error: %s: image not known\n", last)
		return 125
	case has("image", "inspect") && last == "{{.Labels}}":
		fmt.Println(fmt.Sprint(img.Labels))
	case has("image", "inspect") && last == "{{.Size}}":
		fmt.Println(4 << 20)
	case has("run"):
		fmt.Println("0123456789ab")
	case has("inspect", "-f", "{{.Image}}"):
		fmt.Println("feedfacefeed")
	case has("inspect", "-f", "{{.Architecture}}"):
		fmt.Println(img.Arch)
	case has("mount"):
		fmt.Println(root)
	case has("exec") && slices.Contains(args, "bootc") && img.NoBootc:
		return 127
	case has("exec") && strings.HasSuffix(strings.Join(args, " "), "bootc install print-configuration"):
		fmt.Printf(`{"filesystem":{"root":{"type":%q}}}`+"\n", img.RootFS)
	case has("exec") && strings.HasSuffix(strings.Join(args, " "), "bootc container inspect --json"):
		fmt.Println(`{"kargs":[],"kernel":{"version":"6.12.0","unified":false}}`)
	case has("exec") && slices.Contains(args, "lsinitrd"):
		if img.NoLsinitrd {
			return 127
		}
		fmt.Println(strings.Join(img.Modules, "\n"))
	case has("exec") && img.NoDNF:
		return 1
	case has("exec"), has("stop"), has("rm"), has("umount"):
	default:
		fmt.Fprintf(os.Stderr, "shim podman: unexpected %q\n", args)
		return 98
	}
	return 0
}

func playSkopeo(args []string) int {
	switch {
	case len(args) > 1 && args[0] == "inspect" && slices.Contains(args, "--raw"):
		fmt.Println(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
			`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}`)
	case slices.Contains(args, "copy"):
		// What the real one does too, and a mark for TestHostPrivate.
		err := os.MkdirAll(storage+"/overlay", 0o700)
		if err == nil {
			err = os.WriteFile(storage+"/overlay/bootloom-mark", nil, 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "shim skopeo:", err)
			return 1
		}
	default:
		fmt.Fprintf(os.Stderr, "shim skopeo: unexpected %q\n", args)
		return 98
	}
	return 0
}
