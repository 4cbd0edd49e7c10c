package diskimage

import "io"

// ContainerDiskLayer opens the layer of a disk.
func ContainerDiskLayer(d Disk) (io.ReadCloser, error) {
	l, err := d.layer()
	if err != nil {
		return nil, err
	}
	return l.open()
}

// FromType reads an artifact type.
func FromType(s string) (Disk, bool) {
	f, encoding, ok := fromType(s)
	return Disk{Format: f, Encoding: encoding}, ok
}
