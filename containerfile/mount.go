package containerfile

// Mount is one --mount of a RUN. Type decides which of the other fields count; buildah's own documentation of
// RUN --mount is the source of the options. The fields are words (see Step), but without commas, which the builder has no
// quotes for, and ASCII only.
type Mount struct {
	Type     string // "bind" (the default), "cache", "secret", "ssh" or "tmpfs"
	ID       string // secret, ssh, cache
	From     string // bind, cache: stage, image or named context
	Source   string // bind, cache: path in From or in the build context
	Target   string // where it appears
	Env      string // secret: environment variable that gets the value
	Sharing  string // cache: "shared", "private" or "locked"
	Mode     string // octal; cache, secret, ssh, tmpfs
	UID, GID string // cache, secret, ssh
	Size     string // tmpfs: tmpfs-size, such as 64m
	Writable bool   // bind, cache: rw
	ReadOnly bool   // bind, cache, tmpfs: ro
	Required bool   // secret, ssh: fail when it is not there
	// Options are further options, as key or key=value, printed as they are (relabel=shared, U, …).
	Options []string
}
