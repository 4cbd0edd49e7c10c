package unpack

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func mknod(path string, mode uint32, major, minor int64) error {
	return syscall.Mknod(path, mode, int(unix.Mkdev(uint32(major), uint32(minor))))
}

func setxattr(path, name, value string) error {
	return unix.Lsetxattr(path, name, []byte(value), 0)
}
