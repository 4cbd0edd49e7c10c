package lint

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

const kargsDir = "/usr/lib/bootc/kargs.d"

// kargsRules are about kernel arguments that come with the image.
var kargsRules = []Rule{
	{
		ID: "BL105", Slug: "kargs-invalid", Aliases: []string{"bootc-kargs"}, Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "a file of kernel arguments that bootc refuses",
		Rationale: `bootc reads every *.toml in /usr/lib/bootc/kargs.d when it installs or updates a system, and stops at the first that it cannot
parse. A file has the key kargs, a list of strings, and may have match-architectures, another one. All other keys are
refused.`,
		URL: "https://bootc.dev/bootc/building/kernel-arguments.html",
		Bad: `
-- layer 0:/usr/lib/bootc/kargs.d/10-console.toml --
kargs = "console=ttyS0"
`,
		Good: `
-- layer 0:/usr/lib/bootc/kargs.d/10-console.toml --
kargs = ["console=ttyS0"]
match-architectures = ["x86_64"]
`,
		Wants: Reading(kargsDir+"/*", kargsDir),
		Check: func(f *Facts, found func(Finding)) {
			if d := f.Root.File(kargsDir); d != nil && !d.IsDir() {
				found(d.Finding("is no directory, which bootc wants it to be").Fixed("make it a directory with *.toml files in it"))
			}
			for file, text := range kargsFiles(f) {
				if _, line, err := parseKargs(text); err != nil {
					found(file.Finding("bootc cannot parse it, and installation and updates fail: %v", err).OnLine(line).
						Fixed(`write kargs = ["console=ttyS0", "quiet"], and for some architectures only match-architectures = ["x86_64"]`))
				}
			}
		},
	},
	{
		ID: "BL106", Slug: "kargs-arch-name", Severity: Error, Stages: InSpec | InContainerfile | InRoot,
		Title: "an architecture by a name that never matches",
		Rationale: `match-architectures in kargs.d and install files has the names that Rust gives to architectures: x86_64, aarch64, powerpc64,
s390x, riscv64, loongarch64, x86, arm. Others, such as Go's amd64 or RPM's ppc64le, match no machine, and the file is skipped
without a word.`,
		URL: "https://bootc.dev/bootc/building/kernel-arguments.html",
		Bad: `
-- layer 0:/usr/lib/bootc/kargs.d/10-console.toml --
kargs = ["console=ttyAMA0"]
match-architectures = ["arm64"]
`,
		Good: `
-- layer 0:/usr/lib/bootc/kargs.d/10-console.toml --
kargs = ["console=ttyAMA0"]
match-architectures = ["aarch64"]
`,
		Wants: Reading(append([]string{kargsDir + "/*"}, installGlobs...)...),
		Check: func(f *Facts, found func(Finding)) {
			for file, text := range kargsFiles(f) {
				if kargs, _, err := parseKargs(text); err == nil { // else BL105
					checkArch(file, text, kargs.Arch, found)
				}
			}
			for _, c := range installFiles(f) {
				if c.err == nil { // else BL109
					checkArch(c.file, c.file.Text(), c.Install.Arch, found)
				}
			}
		},
	},
	{
		ID: "BL107", Slug: "kargs-reserved", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title: "a kernel argument that bootc sets itself",
		Rationale: `root=, rootflags=, ostree= and composefs= depend on the disk and the deployment, and bootc sets them. One from the image stands beside
its own, and which of them counts is left to chance.`,
		URL: "https://bootc.dev/bootc/building/kernel-arguments.html",
		Bad: `
-- layer 0:/usr/lib/bootc/kargs.d/10-root.toml --
kargs = ["root=LABEL=root", "quiet"]
`,
		Good: `
-- layer 0:/usr/lib/bootc/kargs.d/10-quiet.toml --
kargs = ["quiet", "rootwait"]
`,
		Wants: Reading(kargsDir + "/*"),
		Check: func(f *Facts, found func(Finding)) {
			for file, text := range kargsFiles(f) {
				kargs, _, err := parseKargs(text)
				if err != nil {
					continue
				}
				for _, arg := range kargs.Kargs {
					key, _, _ := strings.Cut(arg, "=")
					if slices.Contains([]string{"root", "rootflags", "ostree", "composefs"}, key) {
						found(file.Finding("bootc sets %s= itself, and this one stands beside it", key).Showing(arg).OnLine(lineOf(text, arg)).
							Fixed("leave it to bootc; the root of an installation is set by root-mount-spec in /usr/lib/bootc/install/*.toml"))
					}
				}
			}
		},
	},
	{
		ID: "BL108", Slug: "kargs-ignored-file", Severity: Warning, Stages: InSpec | InContainerfile | InRoot,
		Title:     "a file of kernel arguments that bootc does not look at",
		Rationale: `bootc reads only files in /usr/lib/bootc/kargs.d whose name ends in .toml, and skips all others without a word.`,
		URL:       "https://bootc.dev/bootc/building/kernel-arguments.html",
		Bad: `
-- layer 0:/usr/lib/bootc/kargs.d/10-console.conf --
kargs = ["console=ttyS0"]
`,
		Good: `
-- layer 0 --
file /usr/lib/bootc/kargs.d/README.md
-- layer 0:/usr/lib/bootc/kargs.d/10-console.toml --
kargs = ["console=ttyS0"]
`,
		Check: func(f *Facts, found func(Finding)) {
			for file := range f.Root.In(kargsDir) {
				if ext := path.Ext(file.Name()); ext != ".toml" && !strings.HasPrefix(file.Name(), "README") {
					found(file.Finding("bootc reads only *.toml there, and ignores it").
						Fixed("rename it to %s.toml", printable(strings.TrimSuffix(file.Name(), ext))))
				}
			}
		},
	},
}

// checkArch looks for names of architectures that Rust does not have.
func checkArch(file *File, text string, list []string, found func(Finding)) {
	for _, arch := range list {
		if slices.Contains(rustArch, arch) {
			continue
		}
		fix := "write one of " + strings.Join(rustArch, ", ")
		if better, ok := rustArchOf[arch]; ok {
			fix = fmt.Sprintf("write %q", better)
		}
		found(file.Finding("%q matches no machine, so that the file is never applied", arch).Showing(arch).
			OnLine(lineOf(text, `"`+arch+`"`)).Fixed("%s", fix))
	}
}

// kargsFiles yields the files that bootc reads, where their content is known.
func kargsFiles(f *Facts) func(func(*File, string) bool) {
	return func(yield func(*File, string) bool) {
		for file := range f.Files(kargsDir + "/*.toml") {
			if text, ok := file.Content(); ok && !yield(file, string(text)) {
				return
			}
		}
	}
}

// kargsFile is the format of a file in kargs.d.
type kargsFile struct {
	Kargs []string `toml:"kargs"`
	Arch  []string `toml:"match-architectures"`
}

// parseKargs reads a file as bootc does: kargs is required, and unknown keys are refused.
func parseKargs(text string) (k kargsFile, line int, err error) {
	meta, line, err := decodeTOML(text, &k)
	if err == nil && !meta.IsDefined("kargs") {
		err = errors.New("it has no key kargs")
	}
	return k, line, err
}

// rustArch has the values of https://doc.rust-lang.org/std/env/consts/constant.ARCH.html that Linux distributions are built
// for; rustArchOf has what people write instead.
var (
	rustArch   = []string{"x86_64", "aarch64", "powerpc64", "s390x", "riscv64", "loongarch64", "x86", "arm"}
	rustArchOf = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "powerpc64", "ppc64": "powerpc64",
		"loong64": "loongarch64", "386": "x86", "i686": "x86", "armhf": "arm", "armv7l": "arm", "armv7hl": "arm"}
)
