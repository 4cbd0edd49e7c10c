package diskimage

import (
	"fmt"

	"github.com/bootloom/bootloom/bootc"
)

// need estimates the room for a disk of an image with size bytes of compressed layers: the layers, the store and the build root that
// are made of them, the raw disk and the one in its format. Measured on an image of 250 MB (740 MB unpacked): 3.1 GB for a qcow2.
func need(size int64) Size { return Size(12*size) + GiB }

// checkSpace is a problem if dir has less than need bytes.
func checkSpace(dir string, need Size) *bootc.Problem {
	n, ok := free(dir)
	if !ok || Size(n) >= need {
		return nil
	}
	return noSpace(dir, n, need)
}

func noSpace(where string, n int64, need Size) *bootc.Problem {
	gb := func(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }
	return &bootc.Problem{
		What: where + " has " + gb(n) + " of free space", Why: "the work takes about " + gb(int64(need)),
		Fix: "make room, set BuildOptions.WorkDir to a larger file system, or try all the same with IgnoreFreeSpace", Fatal: true, Is: ErrNoSpace,
	}
}
