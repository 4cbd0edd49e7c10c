package registry

import (
	"bytes"
	"io"
	"os"
)

// hole is the least run of zeros that is left out of a file: what file systems keep apart.
const hole = 64 << 10

var zeros [hole]byte

// copySparse writes what r gives to a new file, with a hole for each block of zeros, so that a disk image takes the
// room of what is in it.
func copySparse(f *os.File, r io.Reader) error {
	buf := make([]byte, hole)
	var n int64
	for {
		var (
			k   int
			err error
		)
		for k < len(buf) && err == nil { // not io.ReadFull, whose error does not tell a short reader from the last block
			var m int
			m, err = r.Read(buf[k:])
			k += m
		}
		if k > 0 && !bytes.Equal(buf[:k], zeros[:k]) {
			if _, err := f.WriteAt(buf[:k], n); err != nil {
				return err
			}
		}
		n += int64(k)
		if err == io.EOF {
			return f.Truncate(n)
		}
		if err != nil {
			return err
		}
	}
}

// drain reads to the end.
func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
