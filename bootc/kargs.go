package bootc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Kargs are kernel arguments that come and go with the image, as a file in /usr/lib/bootc/kargs.d: bootc applies
// them at installation, and at each update what changed. Source: https://bootc.dev/bootc/building/kernel-arguments.html.
// Features with the same Name share a file, their arguments in the order of the features.
type Kargs struct {
	// Name of the file without ".toml"; files apply in the order of their names. The zero value is "50-bootloom",
	// followed by "-" and the architectures if there are any.
	Name string `json:",omitzero"`
	// Args are arguments as on the kernel's command line: "quiet", "console=ttyS0,115200n8"; a value with spaces
	// stands in double quotes.
	Args []string
	// Arch lists the architectures on which the arguments apply, as Rust names them: x86_64, aarch64, powerpc64,
	// s390x, riscv64, … The zero value is all. Names it does not know bootc skips without a word; here they are errors.
	Arch []string `json:",omitzero"`
}

// Kargs adds kernel arguments for all architectures; see Kargs.
func (s Spec) Kargs(args ...string) Spec { return s.With(Kargs{Args: args}) }

// kargsFile is the format of kargs.d.
type kargsFile struct {
	Kargs []string `toml:"kargs"`
	Arch  []string `toml:"match-architectures,omitempty"`
}

// Contribute checks the arguments and leaves them for the file.
func (k Kargs) Contribute(d *Draft) error {
	var errs []error
	if len(k.Args) == 0 {
		errs = append(errs, Errorf("Args", "is empty"))
	}
	errs = append(errs, checkArgs("Args", k.Args), checkArch("Arch", k.Arch))
	if k.Name == "" {
		k.Name = strings.Join(append([]string{"50-bootloom"}, k.Arch...), "-")
	}
	errs = append(errs, checkTOMLName(k.Name))
	for _, other := range d.kargs {
		if other.value.Name == k.Name && !slices.Equal(other.value.Arch, k.Arch) {
			errs = append(errs, Errorf("Arch", "%s.toml is for %q in %s and for %q here: give one of them another Name", k.Name, other.value.Arch, other.features[0], k.Arch))
		}
	}
	d.kargs = append(d.kargs, intend(d, k))
	return join(errs)
}

// settleKargs writes one file for each name.
func (d *Draft) settleKargs() []error {
	files, features := map[string]kargsFile{}, map[string][]string{}
	for _, k := range d.kargs {
		f := files[k.value.Name]
		files[k.value.Name] = kargsFile{append(f.Kargs, k.value.Args...), k.value.Arch}
		features[k.value.Name] = append(features[k.value.Name], k.features...)
	}
	for _, name := range sortedKeys(files) {
		d.putFor(features[name], PhaseFiles, regular("/usr/lib/bootc/kargs.d/"+name+".toml", tomlText(files[name])))
	}
	return nil
}

var tomlName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func checkTOMLName(name string) error {
	if !tomlName.MatchString(name) || strings.HasSuffix(name, ".toml") {
		return Errorf("Name", "%q is not the name of a file without .toml: letters, digits and . _ -", name)
	}
	return nil
}

// checkArgs takes each argument as the kernel's parser does: spaces end it, except between double quotes.
func checkArgs(field string, args []string) error {
	var errs []error
	for i, a := range args {
		at, quoted, spaced := indexed(field, i), false, false
		for _, r := range a {
			quoted = quoted != (r == '"')
			spaced = spaced || r == ' ' && !quoted
			if r < ' ' || r == 0x7f {
				errs = append(errs, Errorf(at, "%q has a control character", a))
				break
			}
		}
		key, _, _ := strings.Cut(a, "=")
		switch {
		case a == "" || key == "":
			errs = append(errs, Errorf(at, "%q is not an argument", a))
		case quoted:
			errs = append(errs, Errorf(at, "%q has an open double quote", a))
		case spaced:
			errs = append(errs, Errorf(at, "%q is more than one argument: make each an element, or put the value in double quotes", a))
		case slices.Contains([]string{"root", "ostree", "composefs"}, key):
			errs = append(errs, Errorf(at, "bootc sets %s= itself; InstallConfig.RootMountSpec is the way to another root", key))
		}
	}
	return join(errs)
}

// rustArch has the values of https://doc.rust-lang.org/std/env/consts/constant.ARCH.html that Linux distributions are
// built for; goArch what people write instead.
var (
	rustArch = []string{"x86_64", "aarch64", "powerpc64", "s390x", "riscv64", "loongarch64", "x86", "arm"}
	goArch   = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "powerpc64", "ppc64": "powerpc64",
		"loong64": "loongarch64", "386": "x86", "i686": "x86", "armhf": "arm", "armv7l": "arm", "armv7hl": "arm"}
)

func checkArch(field string, arch []string) error {
	var errs []error
	for i, a := range arch {
		if slices.Contains(rustArch, a) {
			continue
		}
		hint := "one of " + strings.Join(rustArch, ", ")
		if better, ok := goArch[a]; ok {
			hint = better
		}
		errs = append(errs, Errorf(indexed(field, i), "%q would never match: use %s", a, hint))
	}
	return join(errs)
}

// checkKargs is the check of a drop-in that somebody wrote by hand.
func checkKargs(text string) error {
	var f kargsFile
	if err := decodeTOML(text, &f); err != nil {
		return err
	}
	return join([]error{checkArgs("kargs", f.Kargs), checkArch("match-architectures", f.Arch)})
}

func tomlText(v any) string {
	var b strings.Builder
	e := toml.NewEncoder(&b)
	e.Indent = ""
	if err := e.Encode(v); err != nil {
		panic(err) // the types here are ours and hold strings and booleans only
	}
	return b.String()
}

// decodeTOML refuses keys that v does not have, as bootc does.
func decodeTOML(text string, v any) error {
	meta, err := toml.Decode(text, v)
	if err != nil {
		return err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("key %s is unknown to bootc", unknown[0])
	}
	return nil
}

func checkTOML(text string) error {
	_, err := toml.Decode(text, new(map[string]any))
	return err
}
