package bootc

import (
	"strings"

	"github.com/bootloom/bootloom/containerfile"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Locale sets the language, time zone and keyboard of the machine, with what the distribution needs for them. systemd
// reads these settings in /etc only; as the image has them, systemd-firstboot does not ask for them at a console where
// nobody sits. The zero value of each field leaves what the base has.
//
// There is no such feature for the host name, and /etc/hostname is refused: in an image it would be the same on every
// machine. A machine has it from DHCP, cloud-init, its installer or the Edge Manager.
type Locale struct {
	// Lang is a locale with UTF-8, such as "de_DE.UTF-8", or "C.UTF-8".
	Lang string `json:",omitzero"`
	// Timezone is a name of the IANA database, such as "Europe/Berlin" or "UTC".
	Timezone string `json:",omitzero"`
	// Keymap is a keyboard layout of the console, such as "de-nodeadkeys". On Debian, whose console is not systemd's, it is
	// an X layout of keyboard(5), such as "de".
	Keymap string `json:",omitzero"`
}

var (
	langName   = lazyregexp.New(`^([a-z]{2,3})(_[A-Z]{2})?\.UTF-8(@[a-z]+)?$`)
	zoneName   = lazyregexp.New(`^[A-Za-z0-9+_-]+(/[A-Za-z0-9+_-]+)*$`)
	keymapName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)
)

// Contribute adds the files and what they need.
func (l Locale) Contribute(d *Draft) error {
	if l == (Locale{}) {
		return Errorf("", "sets nothing")
	}
	var errs []error
	if l.Lang != "" && l.Lang != "C.UTF-8" && !langName.MatchString(l.Lang) {
		errs = append(errs, Errorf("Lang", "%q is not a locale with UTF-8, such as en_US.UTF-8 or C.UTF-8", l.Lang))
	}
	if l.Timezone != "" && !zoneName.MatchString(l.Timezone) {
		errs = append(errs, Errorf("Timezone", "%q is not a time zone, such as Europe/Berlin", l.Timezone))
	}
	if l.Keymap != "" && !keymapName.MatchString(l.Keymap) {
		errs = append(errs, Errorf("Keymap", "%q is not a keymap, such as us", l.Keymap))
	}
	if err := join(errs); err != nil {
		return err
	}
	family, err := d.Family()
	if err != nil {
		return err
	}
	if l.Timezone != "" {
		errs = append(errs, l.zone(d, family))
	}
	if l.Lang != "" {
		errs = append(errs, l.lang(d, family))
	}
	if l.Keymap != "" && family == Debian {
		errs = append(errs, d.install(software{name: "console-setup", file: "/usr/bin/setupcon"}))
		d.Put(PhaseFiles, regular("/etc/default/keyboard", `XKBMODEL="pc105"`+"\nXKBLAYOUT=\""+l.Keymap+"\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n"))
	} else if l.Keymap != "" {
		errs = append(errs, d.install(software{name: "kbd", file: "/usr/bin/loadkeys", stock: true}))
		d.Put(PhaseFiles, regular("/etc/vconsole.conf", "KEYMAP="+l.Keymap+"\n"))
	}
	return join(errs)
}

// zone links the time zone, which localtime(5) wants to be relative so that it holds in any root.
func (l Locale) zone(d *Draft, family Family) error {
	const zones = "/usr/share/zoneinfo/"
	d.Put(PhaseFiles, link("/etc/localtime", ".."+zones+l.Timezone))
	some, err := d.base.has(zones + "UTC")
	if has, _ := d.base.has(zones + l.Timezone); err == nil && some && !has {
		return Errorf("Timezone", "the base has no time zone %s; Debian's package tzdata-legacy has the names of the past", l.Timezone)
	}
	return d.install(software{name: "tzdata", file: zones + l.Timezone, stock: family == Fedora})
}

// lang sets the language, and brings what programs need for it: a language pack on Fedora, a locale made in the image on
// Debian.
func (l Locale) lang(d *Draft, family Family) error {
	d.Put(PhaseFiles, regular("/etc/locale.conf", "LANG="+l.Lang+"\n"))
	if family == Debian {
		d.Put(PhaseFiles, link("/etc/default/locale", "../locale.conf")) // where PAM looks
	}
	switch {
	case l.Lang == "C.UTF-8":
		return nil
	case family == Debian:
		d.Put(PhaseFiles, regular("/etc/locale.gen", l.Lang+" UTF-8\n"))
		d.Add(PhaseFiles, containerfile.Run{Command: containerfile.Command{Shell: "locale-gen"}})
		return d.install(software{name: "locales", file: "/usr/sbin/locale-gen"})
	}
	language := langName.FindStringSubmatch(l.Lang)[1]
	return d.install(software{name: "glibc-langpack-" + language, file: "/usr/lib/locale/" + strings.Replace(l.Lang, "UTF-8", "utf8", 1) + "/LC_IDENTIFICATION"})
}
