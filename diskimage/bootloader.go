package diskimage

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Bootloader says how GRUB talks to people. A tool from before June 2026 does not know it, and the build says so.
type Bootloader struct {
	// TerminalInput and TerminalOutput are GRUB's terminals, such as "serial" and "console".
	TerminalInput  []string `json:",omitempty"`
	TerminalOutput []string `json:",omitempty"`
	// Serial are the arguments of GRUB's command serial, such as "--speed=115200 --unit=0".
	Serial string `json:",omitzero"`
}

func (b Bootloader) isZero() bool {
	return len(b.TerminalInput) == 0 && len(b.TerminalOutput) == 0 && b.Serial == ""
}

// Ignition is for images that have it, such as Fedora CoreOS.
type Ignition struct {
	// URL is where a machine finds its configuration at the first boot.
	URL string `json:",omitzero"`
	// Empty gives machines no configuration, and does not wait for one.
	Empty bool `json:",omitzero"`
}

func (i Ignition) isZero() bool { return i == Ignition{} }

var terminal = lazyregexp.New(`^[a-z][a-z0-9_]*$`)

func (s Spec) checkBoot() []error {
	var errs []error
	for _, list := range []struct {
		field string
		names []string
	}{{"Bootloader.TerminalInput", s.Bootloader.TerminalInput}, {"Bootloader.TerminalOutput", s.Bootloader.TerminalOutput}} {
		for i, name := range list.names {
			if !terminal.MatchString(name) {
				errs = append(errs, bootc.Errorf(fmt.Sprintf("%s[%d]", list.field, i), "%q is not a terminal of GRUB", name))
			}
		}
	}
	if !s.Bootloader.isZero() && len(s.Filesystems) > 0 {
		// Of several settings that it leaves out, the tool names the first only; it names Filesystems though it applies them.
		errs = append(errs, bootc.Errorf("Bootloader", "beside Filesystems the tool does not tell whether it knows this: say the sizes with Layout"))
	}
	if strings.ContainsAny(s.Bootloader.Serial, "\n\r\"'`$\\") {
		errs = append(errs, bootc.Errorf("Bootloader.Serial", "%q has quotes or line breaks", s.Bootloader.Serial))
	}
	if s.Ignition.URL != "" {
		if s.Ignition.Empty {
			errs = append(errs, bootc.Errorf("Ignition", "has both URL and Empty: set one of them"))
		}
		if u, err := url.Parse(s.Ignition.URL); err != nil || u.Scheme == "" || strings.ContainsAny(s.Ignition.URL, " \n\r\"") {
			errs = append(errs, bootc.Errorf("Ignition.URL", "%q is not a URL", s.Ignition.URL))
		}
	}
	return append(errs, checkKargs("KernelArgs", s.KernelArgs)...)
}

// checkKargs takes each argument as the kernel's parser does: spaces end it, except between double quotes.
func checkKargs(field string, args []string) []error {
	var errs []error
	for i, a := range args {
		at := fmt.Sprintf("%s[%d]", field, i)
		quoted, spaced := false, false
		for _, r := range a {
			quoted = quoted != (r == '"')
			spaced = spaced || r == ' ' && !quoted
		}
		key, _, _ := strings.Cut(a, "=")
		switch {
		case strings.ContainsFunc(a, func(r rune) bool { return r < ' ' || r == 0x7f }):
			errs = append(errs, bootc.Errorf(at, "%q has a control character", a))
		case key == "":
			errs = append(errs, bootc.Errorf(at, "%q is not an argument", a))
		case quoted:
			errs = append(errs, bootc.Errorf(at, "%q has an open double quote", a))
		case spaced:
			errs = append(errs, bootc.Errorf(at, "%q is more than one argument: make each an element, or put the value in double quotes", a))
		case key == "root" || key == "ostree" || key == "composefs":
			errs = append(errs, bootc.Errorf(at, "bootc sets %s= itself", key))
		}
	}
	return errs
}
