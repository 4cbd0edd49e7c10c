package lint

import (
	"path"
	"slices"
	"strings"
)

// softwareChange says what a command does to the software of a running system, and what comes of it; "" if it does nothing to it.
func softwareChange(c *Command) (what, why string) {
	const (
		fails = "it fails, since /usr is read-only"
		lost  = "what is changed is gone after the next update, and nobody has tested it"
		own   = "it fails where /usr/local is part of the image, and elsewhere the device has what no image has"
	)
	if verb := packageVerb(c); verb != "" {
		if c.Is("rpm-ostree") {
			return c.Name + " " + verb, "bootc does not update a device that rpm-ostree has changed"
		}
		return c.Name + " " + verb, fails
	}
	switch c.Name {
	case "bootc":
		if verb := c.Verb(); verb == "usr-overlay" || verb == "usroverlay" {
			return "bootc " + verb, lost
		}
	case "ostree":
		if ops := c.Operands("--sysroot", "--os"); len(ops) > 1 && ops[0].Text == "admin" && ops[1].Text == "unlock" {
			return "ostree admin unlock", lost
		}
	case "pip", "pip3":
		if c.Verb() == "install" && !inState(c) {
			return c.Name + " install", own
		}
	case "python", "python3":
		if m, ok := c.Value("-m"); ok && m.Text == "pip" && slices.ContainsFunc(c.Args, func(w Word) bool { return w.Text == "install" }) && !inState(c) {
			return "pip install", own
		}
	case "npm", "yarn", "pnpm":
		if verb := c.Verb(); c.Has("-g", "--global") && (verb == "install" || verb == "i" || verb == "add") && !inState(c) {
			return c.Name + " " + verb + " -g", own
		}
	case "gem":
		if c.Verb() == "install" && !inState(c) {
			return "gem install", own
		}
	}
	if c.Reads != nil && c.Reads.Is("curl", "wget") && isShell(c.Name) {
		return c.Reads.Name + " into " + c.Name, "the device does what the server says that day"
	}
	return "", ""
}

// inState says whether a tool installs into a directory of its own, as far as can be seen: its program is in one, or a flag names it.
func inState(c *Command) bool {
	return under(c.program, "/var") || under(c.program, "/home") || under(c.program, "/root") ||
		c.Has("-t", "--target", "--prefix", "--user", "--root", "--user-install", "--install-dir", "-i")
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
