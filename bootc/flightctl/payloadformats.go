package flightctl

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

var (
	plainPath = lazyregexp.New(`^[A-Za-z0-9._@+/-]+$`)
	// RFC 1123, as Kubernetes has it.
	dnsName = lazyregexp.New(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

// CloudConfig is user data for cloud-init (#cloud-config, module write_files), for every data source that takes user
// data. Unlike the example in upstream's guide it makes the file readable for root only.
// Source: https://docs.cloud-init.io/en/latest/reference/modules.html#write-files
func (p Payload) CloudConfig() []byte {
	var b bytes.Buffer
	b.WriteString("#cloud-config\nwrite_files:\n")
	for _, f := range p.files {
		fmt.Fprintf(&b, "- path: %s\n  owner: root:root\n  permissions: '%04o'\n  encoding: b64\n  content: %s\n",
			f.Path, uint32(f.Mode), base64.StdEncoding.EncodeToString(f.Data))
	}
	return b.Bytes()
}

// KubeVirtSecret is a Kubernetes Secret with the CloudConfig as "userdata", in YAML, for a virtual machine of KubeVirt or
// OpenShift Virtualization that names it as secretRef of its cloudInitConfigDrive or cloudInitNoCloud volume. An
// empty namespace leaves the choice to who applies it. The error is about names that Kubernetes does not take.
func (p Payload) KubeVirtSecret(name, namespace string) ([]byte, error) {
	var errs []error
	if !dnsName.MatchString(name) || len(name) > 253 {
		errs = append(errs, bootc.Errorf("name", "%q is not the name of a Secret: lower case letters, digits, '-' and '.'", name))
	}
	if namespace != "" && (!dnsName.MatchString(namespace) || len(namespace) > 63) {
		errs = append(errs, bootc.Errorf("namespace", "%q is not the name of a namespace: lower case letters, digits and '-', at most 63", namespace))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// Names are quoted: YAML would take 123 and true for something else.
	meta := fmt.Sprintf("  name: %q\n", name)
	if namespace != "" {
		meta += fmt.Sprintf("  namespace: %q\n", namespace)
	}
	return fmt.Appendf(nil, "apiVersion: v1\nkind: Secret\nmetadata:\n%stype: Opaque\ndata:\n  userdata: %s\n",
		meta, base64.StdEncoding.EncodeToString(p.CloudConfig())), nil
}

// GuestInfo is the CloudConfig as extra configuration of a virtual machine of VMware vSphere, which cloud-init in the
// guest reads: guestinfo.userdata, compressed, and guestinfo.userdata.encoding. With govc each is an argument "-e
// key=value" of vm.change.
func (p Payload) GuestInfo() map[string]string {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level exists
	_, _ = z.Write(p.CloudConfig())                       // memory takes all
	_ = z.Close()
	return map[string]string{
		"guestinfo.userdata":          base64.StdEncoding.EncodeToString(b.Bytes()),
		"guestinfo.userdata.encoding": "gzip+base64",
	}
}

// Ignition is a configuration of Ignition, in spec 3.0.0, which every release of Ignition 2 reads. It replaces files
// that the image has.
// Source: https://coreos.github.io/ignition/configuration-v3_0/
func (p Payload) Ignition() []byte {
	type contents struct {
		Source string `json:"source"`
	}
	type file struct {
		Path      string   `json:"path"`
		Overwrite bool     `json:"overwrite"`
		Mode      int      `json:"mode"`
		Contents  contents `json:"contents"`
	}
	var config struct {
		Ignition struct {
			Version string `json:"version"`
		} `json:"ignition"`
		Storage struct {
			Files []file `json:"files"`
		} `json:"storage"`
	}
	config.Ignition.Version = "3.0.0"
	for _, f := range p.files {
		config.Storage.Files = append(config.Storage.Files, file{f.Path, true, int(f.Mode),
			contents{"data:;base64," + base64.StdEncoding.EncodeToString(f.Data)}})
	}
	out, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		panic(err) // strings and numbers only
	}
	return append(out, '\n')
}

// Kickstart is a section for a kickstart file of Anaconda: a %post script that writes the files into the system that has
// just been installed, and fails the installation if it cannot.
// Source: https://pykickstart.readthedocs.io/en/latest/kickstart-docs.html#chapter-4-post-installation-script
func (p Payload) Kickstart() []byte {
	var b bytes.Buffer
	b.WriteString("%post --erroronfail --interpreter=/bin/sh\nset -eu\numask 077\n")
	for _, f := range p.files {
		dir := path.Dir(f.Path)
		fmt.Fprintf(&b, "[ -d %s ] || install -d -m 0755 %[1]s\n", dir)
		fmt.Fprintf(&b, "base64 -d >%s <<'END'\n%s\nEND\nchmod %04o %[1]s\n", f.Path, inLines(f.Data), uint32(f.Mode))
		fmt.Fprintf(&b, "[ ! -x /usr/sbin/restorecon ] || /usr/sbin/restorecon -R %s\n", dir) // the installer runs without the system's SELinux policy
	}
	b.WriteString("%end\n")
	return b.Bytes()
}

// inLines is base64 in lines of 76 letters.
func inLines(data []byte) string {
	text := base64.StdEncoding.EncodeToString(data)
	var lines []string
	for line := range slices.Chunk([]byte(text), 76) {
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}
