package bootc

import (
	"slices"
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Initramfs has the initramfs made anew by dracut, with what is said here. Without this feature that happens exactly when
// something that dracut copies into it has changed: its configuration (/etc/dracut.conf.d, /usr/lib/dracut), that of
// modprobe below /usr, ostree's prepare-root.conf, multipath's, LVM's and mdadm's configuration, plymouth's themes, the
// kernel, and modules and firmware that are asked to be in it. It counts who changed it by a File, Tree, DropIn or copy of a
// Stage; what packages changed is found out while they are installed. What a Script changes nobody sees: add
// Initramfs{}, and let the Script run in the phase "kernel".
//
// The initramfs is made for any machine (--no-hostonly), is the same each time, and must contain dracut's module ostree,
// without which no deployment boots.
type Initramfs struct {
	// Add and Omit name modules of dracut ("dracut --list-modules"), such as "network" or "tpm2-tss". One that cannot be
	// added is an error.
	Add  []string `json:",omitzero"`
	Omit []string `json:",omitzero"`
	// Files of the image to copy into it, by absolute path.
	Files []string `json:",omitzero"`
}

var dracutName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9+._-]*$`)

// Contribute checks the names.
func (i Initramfs) Contribute(d *Draft) error {
	var errs []error
	errs = append(errs, checkDracutNames("Add", i.Add), checkDracutNames("Omit", i.Omit))
	for n, name := range i.Omit {
		if name == "ostree" {
			errs = append(errs, Errorf(indexed("Omit", n), "without ostree no deployment boots"))
		}
	}
	for n, name := range i.Files {
		if !plainPath(name) {
			errs = append(errs, Errorf(indexed("Files", n), "%q is not a clean absolute path of letters, digits and @%%+=:,./_-", name))
		} else if err := (Entry{Path: name}).place(); err != nil {
			errs = append(errs, Errorf(indexed("Files", n), "%s: %w", name, err))
		}
	}
	if err := join(errs); err != nil {
		return err
	}
	d.initramfs = append(d.initramfs, intend(d, i))
	return nil
}

func checkDracutNames(field string, names []string) error {
	var errs []error
	for i, name := range names {
		if !dracutName.MatchString(name) {
			errs = append(errs, Errorf(indexed(field, i), "%q is not the name of a module of dracut", name))
		}
	}
	return join(errs)
}

// inInitramfs are the files and directories that dracut copies into the initramfs of any machine, or that tell it what to
// copy; a * at the end stands for anything. The sources are dracut.conf(5) and dracut's modules kernel-modules, ostree,
// multipath, lvm, mdraid and plymouth. What it copies for one machine only (/etc/modprobe.d, /etc/crypttab) is not here.
var inInitramfs = []string{
	"/etc/dracut.conf*", "/usr/lib/dracut", "/usr/lib/modprobe.d",
	"/etc/ostree/prepare-root.conf", "/usr/lib/ostree/prepare-root.conf", "/etc/ostree/initramfs-root-binding.key",
	"/etc/lvm/lvm*.conf", "/etc/mdadm*", "/etc/multipath*", "/etc/plymouth", "/usr/share/plymouth",
}

// livesInInitramfs says whether a file is one of inInitramfs.
func livesInInitramfs(name string) bool {
	return slices.ContainsFunc(inInitramfs, func(pattern string) bool {
		before, after, open := strings.Cut(pattern, "*")
		return open && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) || below(name, pattern)
	})
}

// dracutFile is the configuration that the features add up to.
const dracutFile = "/usr/lib/dracut/dracut.conf.d/50-bootloom.conf"

// settleInitramfs writes dracut's configuration and makes the initramfs as the last step of the phase, for the features
// that changed what is in it.
func (d *Draft) settleInitramfs(features []string, modules []moduleSettings) []error {
	var all Initramfs
	var drivers, configuring []string
	for _, i := range d.initramfs {
		all.Add, all.Omit, all.Files = union(all.Add, i.value.Add), union(all.Omit, i.value.Omit), union(all.Files, i.value.Files)
		features, configuring = union(features, i.features), union(configuring, i.features)
	}
	for _, m := range modules {
		if m.initramfs {
			drivers, configuring = append(drivers, m.name), union(configuring, m.wanted)
		}
	}
	slices.Sort(all.Add)
	slices.Sort(all.Omit)
	slices.Sort(all.Files)
	var errs []error
	for _, i := range d.initramfs {
		for n, name := range i.value.Omit {
			if slices.Contains(all.Add, name) {
				errs = append(errs, Errorf(i.features[0]+"."+indexed("Omit", n), "%s is to be added as well", name))
			}
		}
	}
	if len(features) == 0 || len(errs) > 0 {
		return errs
	}
	var conf strings.Builder
	for _, l := range []struct {
		key    string
		values []string
	}{{"add_dracutmodules", all.Add}, {"omit_dracutmodules", all.Omit}, {"add_drivers", drivers}, {"install_items", all.Files}} {
		if len(l.values) > 0 {
			conf.WriteString(l.key + `+=" ` + strings.Join(l.values, " ") + " \"\n")
		}
	}
	if conf.Len() > 0 {
		d.putFor(configuring, PhaseKernel, regular(dracutFile, conf.String()))
	}
	lines := slices.Concat([]string{"set -eu"}, oneKernel(""), rebuildInitramfs(all.Add, drivers, all.Files))
	d.addFor(features, PhaseKernel, containerfile.Script(strings.Join(lines, "\n")+"\n"))
	d.rebuilt = true
	return nil
}

// rebuildInitramfs are the lines that make the initramfs of kernel $k and look into it: dracut goes on without a driver or
// file that it does not find. A module that is built into the kernel is in no file.
func rebuildInitramfs(modules, drivers, files []string) []string {
	lines := []string{
		"img=/usr/lib/modules/$k/initramfs.img",
		`DRACUT_NO_XATTR=1 dracut --quiet --force --no-hostonly --reproducible --add ostree --kver "$k" "$img"`,
	}
	for _, m := range append([]string{"ostree"}, modules...) {
		lines = append(lines, `if ! lsinitrd --mod "$img" | grep -xF `+m+` >/dev/null; then echo "the initramfs lacks dracut's module `+m+`: install the package that has it" >&2; exit 1; fi`)
	}
	if len(drivers) > 0 {
		lines = append(lines,
			"for m in "+words(drivers)+"; do",
			`  f=$(modinfo -k "$k" -F filename "$m")`,
			`  if [ "$f" != "(builtin)" ] && ! lsinitrd "$img" | grep -F "/${f##*/}" >/dev/null; then`,
			`    echo "the kernel module $m is not in the initramfs" >&2`,
			"    exit 1",
			"  fi",
			"done")
	}
	if len(files) > 0 {
		lines = append(lines,
			"for f in "+words(files)+"; do",
			`  if ! lsinitrd "$img" | awk -v f="${f#/}" '$9 == f { n++ } END { exit !n }'; then echo "$f is not in the initramfs" >&2; exit 1; fi`,
			"done")
	}
	return lines
}

// oneKernel are the lines that find the version of the image's one kernel, $k. It must be want, unless that is empty.
func oneKernel(want string) []string {
	lines := []string{
		"set -- /usr/lib/modules/*/vmlinuz",
		`if [ $# -gt 1 ] || [ ! -e "$1" ]; then`,
		`  echo "a bootable image has one kernel, /usr/lib/modules/VERSION/vmlinuz; this one has: $*" >&2`,
		"  exit 1",
		"fi",
		"k=${1%/vmlinuz}",
		"k=${k##*/}",
	}
	if want != "" {
		lines = append(lines,
			`if [ "$k" != `+words([]string{want})+" ]; then",
			`  echo "the modules are for the kernel `+want+`, and the image has $k: if packages change the kernel, say so with the feature Kernel" >&2`,
			"  exit 1",
			"fi")
	}
	return lines
}
