package lint

import (
	"path"
	"slices"
	"strings"
)

// softwareChange says what a command does to the software of a running system; "" if it does nothing to it.
func softwareChange(c *Command) string {
	if verb := packageVerb(c); verb != "" {
		return c.Name + " " + verb
	}
	switch c.Name {
	case "bootc":
		if verb := c.Verb(); verb == "usr-overlay" || verb == "usroverlay" {
			return "bootc " + verb
		}
	case "ostree":
		if ops := c.Operands("--sysroot", "--os"); len(ops) > 1 && ops[0].Text == "admin" && ops[1].Text == "unlock" {
			return "ostree admin unlock"
		}
	case "pip", "pip3":
		if c.Verb() == "install" && !inState(c) && !c.Has("-t", "--target", "--prefix", "--user", "--root") {
			return c.Name + " install"
		}
	case "python", "python3":
		if m, ok := c.Value("-m"); ok && m.Text == "pip" && slices.ContainsFunc(c.Args, func(w Word) bool { return w.Text == "install" }) && !inState(c) &&
			!c.Has("--target", "--prefix", "--user") {
			return "pip install"
		}
	case "npm", "yarn", "pnpm":
		if verb := c.Verb(); c.Has("-g", "--global") && (verb == "install" || verb == "i" || verb == "add") {
			return c.Name + " " + verb + " -g"
		}
	case "gem":
		if c.Verb() == "install" {
			return "gem install"
		}
	}
	if c.Reads != nil && c.Reads.Is("curl", "wget") && isShell(c.Name) {
		return c.Reads.Name + " into " + c.Name
	}
	return ""
}

// inState says whether the program is one of an environment in /var, which it may change.
func inState(c *Command) bool {
	return under(c.program, "/var") || under(c.program, "/home") || under(c.program, "/root")
}

// fileChange is a path of the OS that a command changes on a running device, and how bad that is: in /usr it fails, in /etc it makes the device
// differ from the image.
type fileChange struct {
	write    Write
	path     string
	severity Severity
	why      string
}

// fileChanges are those of a command. What is a link into /var is no part of the OS.
func fileChanges(t *Tree, c *Command) []fileChange {
	var out []fileChange
	for _, w := range c.Writes {
		p := usrMerged(w.Path)
		if !w.Glob {
			_, dir := t.Resolve(path.Dir(p))
			p = path.Join(dir, path.Base(p))
		}
		if w.Op == Remove && t.Missing(p) {
			continue // something else makes it on the device
		}
		switch {
		case under(p, "/usr/local") && !t.Whole, under(p, "/opt") && !t.Whole: // a link into /var in some bases
			out = append(out, fileChange{w, p, Warning, "which is part of the image unless the base links it into /var"})
		case under(p, "/usr") || under(p, "/opt"):
			out = append(out, fileChange{w, p, Error, "which is read-only on a device"})
		case under(p, "/boot"):
			out = append(out, fileChange{w, p, Warning, "which is bootc's"})
		case under(p, "/etc") && !hostOwned(p):
			out = append(out, fileChange{w, p, Warning, "which from then on differs from the image, and keeps its version in updates"})
		}
	}
	return out
}

// hostOwned are files of /etc that programs of the system itself write on a device.
func hostOwned(p string) bool {
	return slices.Contains([]string{"/etc/machine-id", "/etc/hostname", "/etc/resolv.conf", "/etc/adjtime", "/etc/localtime", "/etc/mtab", "/etc/.updated", "/etc/ld.so.cache"}, p) ||
		strings.HasPrefix(p, "/etc/ssh/ssh_host_")
}

// bootChange says what a command does to the boot loader or its entries, and what to do instead.
func bootChange(c *Command) (what, fix string) {
	const kargs = "kernel arguments go into a file of /usr/lib/bootc/kargs.d: kargs = [\"console=ttyS0\"]"
	switch c.Name {
	case "grub2-mkconfig", "grub-mkconfig", "update-grub", "update-grub2", "grub2-set-default", "grub-set-default":
		return c.Name, kargs
	case "grubby":
		if c.Has("--info", "--default-kernel", "--default-index", "--default-title") {
			return "", ""
		}
		return c.Name, kargs
	case "efibootmgr":
		if c.Has("-c", "-B", "-o", "-n", "-a", "-A", "--create", "--delete-bootnum", "--bootorder", "--bootnext") {
			return c.Name, "leave the entries of the firmware to the installation"
		}
	case "grub2-install", "grub-install", "zipl":
		return c.Name, "bootupd installs and updates the boot loader"
	case "bootctl":
		if verb := c.Verb("--esp-path", "--boot-path", "--root"); slices.Contains([]string{"install", "update", "remove", "set-default", "set-oneshot", "set-timeout"}, verb) {
			return "bootctl " + verb, "bootc installs and updates the boot loader"
		}
	case "rpm-ostree":
		if c.Verb() == "kargs" && slices.ContainsFunc(c.Args, func(w Word) bool {
			return strings.HasPrefix(w.Text, "--append") || strings.HasPrefix(w.Text, "--delete") || strings.HasPrefix(w.Text, "--replace")
		}) {
			return "rpm-ostree kargs", kargs
		}
	}
	return "", ""
}
