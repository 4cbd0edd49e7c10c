package lint

import (
	"debug/elf"
	"encoding/binary"
	"io/fs"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// metadataRules are about what the config and manifest say of an image.
var metadataRules = []Rule{
	{
		ID: "BL902", Slug: "arch-mismatch", Severity: Error, Stages: InRoot | InConfig,
		Title: "programs of another architecture than the image says",
		Rationale: `The image's config names an architecture, by which registries and devices choose it: bootc refuses one that is not that of the machine. Where the programs
are of another, the wrong machines get it, and do not boot. It comes from building a foreign platform on a base that is not of that platform.`,
		URL: "https://github.com/bootc-dev/bootc/blob/main/crates/ostree-ext/src/container/store.rs",
		Bad: `
-- config.json --
{"architecture": "arm64", "os": "linux", "config": {"Labels": {"containers.bootc": "1"}}}
-- layer 0 --
file /usr/lib64/ld-linux-x86-64.so.2 0755
`,
		Good: `
-- config.json --
{"architecture": "amd64", "os": "linux", "config": {"Labels": {"containers.bootc": "1"}}}
-- layer 0 --
file /usr/lib64/ld-linux-x86-64.so.2 0755
`,
		Wants: []Want{{Glob: "/usr/bin/true", Quiet: true}, {Glob: "/usr/bin/env", Quiet: true}, {Glob: "/usr/bin/cat", Quiet: true}},
		Check: func(f *Facts, found func(Finding)) {
			if f.Config == nil || f.Config.Platform.Architecture == "" {
				return
			}
			says := f.Config.Platform.Architecture
			if is, by := architecture(f.Root); is != "" && is != says {
				found(by.Finding("is for %s, but the image says that it is for %s", is, says).Fixed("build with --platform linux/%s on a base of that platform", is))
			}
		},
	},
	{
		ID: "BL903", Slug: "version-label", Severity: Note, Stages: InConfig,
		Title: "no version of the image's own",
		Rationale: `"bootc status" shows the label org.opencontainers.image.version, and so do inventories. Without one, or with that of the base, nobody can tell by it
what a device runs.`,
		URL: "https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md",
		Bad: `
-- config.json --
{"config": {"Labels": {"containers.bootc": "1"}}}
`,
		Good: `
-- config.json --
{"config": {"Labels": {"containers.bootc": "1", "org.opencontainers.image.version": "1.4.0"}}}
`,
		Check: func(f *Facts, found func(Finding)) {
			switch set := f.Config.Labels[v1.AnnotationVersion]; {
			case set.Value == "":
				found(f.Config.Finding("the label %s is missing: bootc status has no version to show", v1.AnnotationVersion).Fixed("LABEL %s=1.4.0", v1.AnnotationVersion))
			case set.Base:
				found(set.Finding("the label %s is that of the base, %s", v1.AnnotationVersion, clip(set.Value)).Fixed("LABEL %s=1.4.0", v1.AnnotationVersion))
			}
		},
	},
	{
		ID: "BL904", Slug: "init-cmd", Severity: Note, Stages: InConfig,
		Title: "a container of the image does not start systemd",
		Rationale: `For a booted system the command does not matter. But "podman run IMAGE", the quickest way to try an image, then starts something else than the
device will; bases have /sbin/init as their command.`,
		URL: "https://bootc.dev/bootc/building/bootc-runtime.html",
		Bad: `
-- config.json --
{"config": {"Cmd": ["/bin/bash"], "Labels": {"containers.bootc": "1"}}}
`,
		Good: `
-- config.json --
{"config": {"Cmd": ["/sbin/init"], "Labels": {"containers.bootc": "1"}}}
`,
		Check: func(f *Facts, found func(Finding)) {
			if cmd := f.Config.Cmd; cmd.Set && !cmd.Base && len(cmd.Values) > 0 && !f.Config.Entrypoint.Set {
				switch cmd.Values[0] {
				case "/sbin/init", "/usr/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd":
				default:
					found(cmd.Finding("the command is %s, and not /sbin/init", clip(cmd.Values[0])).Fixed(`CMD ["/sbin/init"]`))
				}
			}
		},
	},
	{
		ID: "BL909", Slug: "base-annotation", Severity: Note, Stages: InConfig,
		Title: "a manifest that does not say which base it is made from",
		Rationale: `With the annotations org.opencontainers.image.base.name and base.digest, tools can tell that a newer base is out, and which layers are the base's. Builders
set them.`,
		URL: "https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md",
		Bad: `
-- manifest.json --
{"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "size": 2}}
-- config.json --
{"config": {"Labels": {"containers.bootc": "1"}}}
`,
		Good: `
-- manifest.json --
{"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "size": 2},
 "annotations": {"org.opencontainers.image.base.name": "quay.io/acme/base:1", "org.opencontainers.image.base.digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}}
-- config.json --
{"config": {"Labels": {"containers.bootc": "1"}}}
`,
		Check: func(f *Facts, found func(Finding)) {
			if f.Config.Manifest.Config.Digest == "" { // not pushed yet
				return
			}
			for _, name := range []string{v1.AnnotationBaseImageName, v1.AnnotationBaseImageDigest} {
				if f.Config.Annotations[name] == "" && f.Config.Labels[name].Value == "" {
					found(f.Config.Finding("the annotation %s is missing", name).Fixed("builders set it: buildah build, or bootloom's engines"))
				}
			}
		},
	},
}

// loaders are the dynamic linkers of glibc, by which a root shows what it is for.
var loaders = map[string]string{
	"ld-linux-x86-64.so.2":          "amd64",
	"ld-linux-aarch64.so.1":         "arm64",
	"ld-linux-riscv64-lp64d.so.1":   "riscv64",
	"ld-linux-loongarch-lp64d.so.1": "loong64",
	"ld-linux-armhf.so.3":           "arm",
}

// machines are the architectures of ELF files, in Go's and OCI's words.
var machines = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_RISCV: "riscv64", elf.EM_S390: "s390x", elf.EM_LOONGARCH: "loong64", elf.EM_ARM: "arm", elf.EM_386: "386",
}

// architecture is that of the programs of the root, with the file that shows it; "" if nothing does.
func architecture(t *Tree) (arch string, by *File) {
	for _, name := range []string{"/usr/bin/true", "/usr/bin/env", "/usr/bin/cat"} {
		file, _ := t.Resolve(name)
		if file == nil {
			continue
		}
		if arch := elfArchitecture(file.Part()); arch != "" {
			return arch, file
		}
	}
	for _, dir := range []string{"/usr/lib64", "/usr/lib", "/lib64", "/lib"} {
		for name, a := range loaders {
			if file := t.File(dir + "/" + name); file != nil && file.Mode.Type()&^fs.ModeSymlink == 0 && (arch == "" || a < arch) {
				arch, by = a, file
			}
		}
		if arch != "" {
			break
		}
	}
	return arch, by
}

// elfArchitecture reads the head of a program.
func elfArchitecture(b []byte) string {
	if len(b) < 20 || string(b[:4]) != elf.ELFMAG {
		return ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(b[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	m := elf.Machine(order.Uint16(b[18:]))
	if m == elf.EM_PPC64 {
		if order == binary.LittleEndian {
			return "ppc64le"
		}
		return "ppc64"
	}
	return machines[m]
}
