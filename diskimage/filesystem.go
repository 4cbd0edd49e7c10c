package diskimage

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/bootc"
)

// Filesystem is a file system of the default layout: / and /boot are there anyway and get a size, others below /var
// are added, with the type of the root file system. With btrfs only / and /boot can be named.
type Filesystem struct {
	// Mountpoint is "/", "/boot" or a directory below /var, but not /var itself, nor (in) /var/home, lock, mail, mnt, roothome, run,
	// srv and usrlocal.
	Mountpoint string
	// MinSize is the least size. The root is at least twice the size of the image.
	MinSize Size
}

// varDenied is what must be on the root file system of an ostree system, or is a link (pkg/distro/generic of osbuild's
// image-builder).
var varDenied = []string{"/var/home", "/var/lock", "/var/mail", "/var/mnt", "/var/roothome", "/var/run", "/var/srv", "/var/usrlocal"}

func (s Spec) checkFilesystems() []error {
	var errs []error
	if len(s.Filesystems) > 0 && !s.Layout.isZero() {
		errs = append(errs, bootc.Errorf("Filesystems", "cannot be combined with Layout: give the sizes there"))
	}
	seen := map[string]bool{}
	for i, f := range s.Filesystems {
		at := fmt.Sprintf("Filesystems[%d]", i)
		errs = append(errs, checkMountpoint(at+".Mountpoint", f.Mountpoint, s.RootFS))
		if seen[f.Mountpoint] {
			errs = append(errs, bootc.Errorf(at+".Mountpoint", "%s is there twice", f.Mountpoint))
		}
		seen[f.Mountpoint] = true
		if f.MinSize <= 0 {
			errs = append(errs, bootc.Errorf(at+".MinSize", "must be positive"))
		}
	}
	return errs
}

func checkMountpoint(field, mountpoint, root string) error {
	switch {
	case mountpoint == "/" || mountpoint == "/boot":
		return nil
	case !cleanPath(mountpoint):
		return bootc.Errorf(field, "%q is not a clean absolute path", mountpoint)
	case root == "btrfs":
		return bootc.Errorf(field, "%s is not allowed: on btrfs only / and /boot get a size; Layout has subvolumes", mountpoint)
	case !strings.HasPrefix(mountpoint, "/var/"):
		return bootc.Errorf(field, "%s is not allowed: want /, /boot or a directory below /var", mountpoint)
	}
	for dir := mountpoint; dir != "/var"; dir = path.Dir(dir) {
		if slices.Contains(varDenied, dir) {
			return bootc.Errorf(field, "%s is not allowed: %s belongs to the root file system, or is a link", mountpoint, dir)
		}
	}
	return nil
}
