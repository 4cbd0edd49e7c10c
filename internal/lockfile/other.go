//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package lockfile

import "os"

// Without locks, who prunes a cache while another process builds may make that build fail.
func try(*os.File, bool) error { return nil }
