//go:build !linux

package unpack

import "errors"

func mknod(string, uint32, int64, int64) error { return errors.ErrUnsupported }

func setxattr(string, string, string) error { return errors.ErrUnsupported }
