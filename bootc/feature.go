package bootc

// Feature is one typed concern of an image: packages, a file, a unit, a user, and any type that a caller writes.
// Contribute adds to the draft what the feature needs there. It is pure: no I/O but reading base facts and content
// through the draft, and the same result each time. It returns every mistake it finds, as one *FieldError or an
// errors.Join of them with paths relative to the feature ("Install[0]"); Compile puts the feature's own place before it.
type Feature interface {
	Contribute(*Draft) error
}

// Phase places contributions in the Containerfile. What changes rarely comes first, so that a config change costs
// a device only the config layer.
type Phase int

// The phases, in the order of the Containerfile. Labels follow the last one.
const (
	PhaseRepos    Phase = iota // package repositories and their keys
	PhasePackages              // package transactions
	PhaseKernel                // kernels, drivers, firmware, initramfs
	PhaseTrust                 // certificate authorities, signature policy
	PhaseFiles                 // files, drop-ins, kernel arguments
	PhaseUnits                 // units and what enables them
	PhaseUsers                 // users and groups
	PhaseFinish                // scripts of the caller and what must see everything else
	phases
)

// String returns the name that stands in the Containerfile and in the context: "repos", "packages", …
func (p Phase) String() string {
	return [...]string{"repos", "packages", "kernel", "trust", "files", "units", "users", "finish"}[p]
}
