package bootc

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bootloom/bootloom/containerfile"
)

// Driver builds kernel modules from source, for the kernel of the image, in a build stage of its own: compiler, headers
// and source stay there. Each module is checked to be for that kernel, stripped, signed if the Spec has ModuleSigning,
// and compressed as the kernel's own modules are. What the machine does with a module is said by a KernelModule of its
// name; without one, devices load it.
//
// The stage starts from the base, with the headers that KernelHeaders tells about. The first step of all drivers is the
// same, so that a second driver or a changed source does not install them again.
type Driver struct {
	// Name of the driver: lower case letters, digits, "-", "_" and ".".
	Name string
	// Source is the source code.
	Source DriverSource
	// Dir is where in the source the Makefile or Kbuild file is; the zero value is its top.
	Dir string `json:",omitzero"`
	// Make are more arguments for make, such as "CONFIG_ACME=m".
	Make []string `json:",omitzero"`
	// Script builds the modules in place of "make -C $KDIR M=$PWD modules": lines for a shell that runs in Dir and stops
	// at the first error. KVER is the kernel's version and KDIR the directory of its headers; uname -r tells KVER too.
	Script string `json:",omitzero"`
	// Packages are installed in the stage, for what the build needs beside compiler, make and headers.
	Packages []string `json:",omitzero"`
	// Modules names the modules that the image gets, without .ko. What else the build makes stays in the stage.
	Modules []string
}

// Contribute checks the fields and leaves the build for when the kernel is known.
func (r Driver) Contribute(d *Draft) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	var errs []error
	if !stageName.MatchString(r.Name) {
		errs = append(errs, Errorf("Name", "%q is not a name of lower case letters, digits, '-', '_' and '.'", r.Name))
	}
	for _, other := range d.drivers {
		if other.value.Name == r.Name {
			errs = append(errs, Errorf("Name", "%s is called %s as well", other.features[0], r.Name))
		}
	}
	errs = append(errs, within("Source", r.Source.check())...)
	if r.Dir != "" && (!fs.ValidPath(r.Dir) || !plainWord.MatchString(r.Dir)) {
		errs = append(errs, Errorf("Dir", "%q is not a clean path relative to the source", r.Dir))
	}
	for i, arg := range r.Make {
		if arg == "" || strings.ContainsFunc(arg, control) || !utf8.ValidString(arg) {
			errs = append(errs, Errorf(indexed("Make", i), "%q is not an argument", arg))
		}
	}
	if r.Script != "" {
		if err := checkBody(r.Script); err != nil {
			errs = append(errs, &FieldError{"Script", err})
		}
		if len(r.Make) > 0 {
			errs = append(errs, Errorf("Make", "has no effect beside Script: give the arguments there"))
		}
	}
	for i, name := range r.Packages {
		errs = append(errs, checkPackage(tool, indexed("Packages", i), name, false))
	}
	if len(r.Modules) == 0 {
		errs = append(errs, Errorf("Modules", "is empty: the image would have nothing of the driver"))
	}
	for i, name := range r.Modules {
		errs = append(errs, checkModuleName(indexed("Modules", i), name))
	}
	if err := join(errs); err != nil {
		return err
	}
	d.drivers = append(d.drivers, intend(d, r))
	return nil
}

func (r Driver) stage() string { return "bootloom-driver-" + r.Name }

// The directories of a driver's stage.
const (
	sourceDir = buildDir + "/src"
	madeDir   = buildDir + "/out"
)

// driverStage adds the stage that builds a driver.
func (d *Draft) driverStage(r Driver, signing *ModuleSigning, features []string) error {
	tool, err := d.Tool()
	if err != nil {
		return err
	}
	stage := draftedStage{drafted: drafted[containerfile.Stage]{containerfile.Stage{Name: r.stage(), From: stageHeaders}, features}}
	packages := slices.Concat(r.Packages, r.Source.packages())
	if len(packages) > 0 {
		stage.value.Steps = append(stage.value.Steps, d.installStep(tool, []string{"set -eu"}, words(packages), "", nil))
	}
	entries, steps, err := r.Source.fetch(d)
	if err != nil {
		return err
	}
	stage.entries = entries
	stage.value.Steps = append(stage.value.Steps, steps...)
	lines := []string{
		"# driver: " + r.Name,
		"set -eu",
		"KVER=$(cat " + buildDir + "/kernel)",
		"KDIR=$(readlink -f " + buildDir + "/build)",
		"PATH=" + buildDir + "/bin:$PATH",
		"export KVER KDIR PATH",
		"cd " + path.Join(sourceDir, r.Dir),
	}
	if r.Script != "" {
		lines = append(lines, "(", "set -eu", strings.TrimSuffix(r.Script, "\n"), ")")
	} else {
		lines = append(lines, strings.TrimSpace(`make -C "$KDIR" M="$PWD" -j"$(nproc)" `+words(r.Make))+" modules")
	}
	stage.value.Steps = append(stage.value.Steps, finishModules(lines, r.Modules, true, signing))
	d.addModuleStage(stage, signing)
	return nil
}

// addModuleStage adds a stage that may have to sign.
func (d *Draft) addModuleStage(stage draftedStage, signing *ModuleSigning) {
	if signing != nil {
		stage.entries = append(stage.entries, regular(signingPEM, signing.Certificate))
	}
	for i := range stage.entries {
		stage.entries[i].Features = stage.features
	}
	d.stages = append(d.stages, stage)
}

// finishModules is the step that runs lines and then collects the modules in madeDir, as the kernel wants them. What was
// built here is looked at before.
func finishModules(lines, modules []string, built bool, signing *ModuleSigning) containerfile.Run {
	var files []string
	for _, m := range modules {
		files = append(files, strings.NewReplacer("_", "[_-]", "-", "[_-]").Replace(m)+".ko")
	}
	lines = append(lines,
		"mkdir -p "+madeDir,
		"for name in "+words(files)+"; do",
		"  found=$(find "+sourceDir+` -name "$name")`,
		`  if [ ! -f "$found" ]; then echo "the build made not one $name, but: $found" >&2; exit 1; fi`,
		"  ko="+madeDir+"/${found##*/}",
		`  cp "$found" "$ko"`)
	if built {
		lines = append(lines,
			`  magic=$(modinfo -F vermagic "$ko")`,
			`  if [ "${magic%% *}" != "$KVER" ]; then`,
			`    echo "$name is built for the kernel ${magic%% *}, and the image has $KVER: the build must take its headers from \$KDIR" >&2`,
			"    exit 1",
			"  fi",
			`  strip --strip-debug "$ko"`)
	}
	var run containerfile.Run
	if signing != nil {
		sign, mounts := signing.lines()
		lines, run.Mounts = append(lines, sign...), mounts
	}
	// As scripts/Makefile.modinst of the kernel does it: its own decompressor reads no other kind of xz. Where an image with
	// headers lacks the tool, the module stays as it is, which every kernel loads.
	lines = append(lines,
		`  compressed() { grep -q "^CONFIG_MODULE_COMPRESS_$1=y" "$KDIR/.config" && command -v "$2" >/dev/null; }`,
		`  if compressed XZ xz; then xz --check=crc32 --lzma2=dict=1MiB "$ko"`,
		`  elif compressed ZSTD zstd; then zstd -q --rm "$ko"`,
		`  elif compressed GZIP gzip; then gzip -n "$ko"; fi`,
		"done")
	script := containerfile.Script(strings.Join(lines, "\n") + "\n")
	run.Command, run.Heredocs = script.Command, script.Heredocs
	return run
}
