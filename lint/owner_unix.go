//go:build unix

package lint

import (
	"io/fs"
	"syscall"
)

// ownerOf returns the owner's numbers, 0 where the file system does not tell.
func ownerOf(info fs.FileInfo) (uid, gid uint32) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid, st.Gid
	}
	return 0, 0
}
