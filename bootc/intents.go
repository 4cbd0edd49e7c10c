package bootc

import (
	"fmt"
	"slices"

	"github.com/bootloom/bootloom/containerfile"
)

// intents are what several features ask for together and one step or file does: the package transaction, trust
// stores, kernel arguments, unit states, modules and initramfs.
type intents struct {
	packages    []drafted[Packages]
	repos       []drafted[Repo]
	access      []drafted[access]
	trust       [phases]trusted
	kargs       []drafted[Kargs]
	units       []drafted[Unit]
	platforms   []drafted[string]
	quadlets    []drafted[quadletFile]
	bound       []drafted[string] // quadlets
	users       []drafted[User]
	pullSecrets []drafted[PullSecret]
	sshd        []drafted[[]sshdLine]
	zones       []drafted[FirewallZone]
	firewall    []string // features that need firewalld
	kernels     []drafted[Kernel]
	modules     []drafted[askedModule]
	drivers     []drafted[Driver]
	headers     []drafted[KernelHeaders]
	signing     []drafted[ModuleSigning]
	initramfs   []drafted[Initramfs]
	rebuilt     bool // the initramfs, by a step of its own
}

// settle turns the intents into steps and entries, once all features have contributed.
func (d *Draft) settle() []error {
	return slices.Concat(d.settleQuadlets(), d.settleBound(), d.settleTrust(), d.settleKernel(), d.settlePackages(), d.settleKargs(), d.settleUnits(), d.settlePlatforms(), d.settlePullSecrets(), d.settleSSHD(), d.settleFirewall())
}

// intend is a value with the feature that contributes now.
func intend[T any](d *Draft, v T) drafted[T] { return drafted[T]{v, d.origins()} }

// addFor adds a step for several features.
func (d *Draft) addFor(features []string, p Phase, s containerfile.Step) {
	d.steps[p] = append(d.steps[p], drafted[containerfile.Step]{s, union(nil, features)})
}

// putFor adds an entry for several features.
func (d *Draft) putFor(features []string, p Phase, e Entry) {
	e.Features = union(nil, features)
	d.entries[p] = append(d.entries[p], e)
}

// regular is a plain file of root's.
func regular(path, text string) Entry { return Entry{Path: path, Mode: 0o644, Content: Text(text)} }

// indexed is a field path such as Install[3].
func indexed(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
