package pkgdb

import (
	"encoding/binary"
	"fmt"
)

// readWAL returns the pages of a write-ahead log that were committed, their size, and how many pages the database has with
// them; 0 where the log says nothing. A package manager that ends as it should moves the log into the database and removes
// it; one that was killed, or copied while it ran, leaves it, and then the database alone is out of date.
// https://www.sqlite.org/fileformat2.html#the_write_ahead_log
func readWAL(b []byte) (pages map[uint32][]byte, size int, count uint32, err error) {
	const header, frameHeader = 32, 24
	if len(b) < header {
		return nil, 0, 0, nil
	}
	magic := binary.BigEndian.Uint32(b)
	if magic == 0 {
		return nil, 0, 0, nil // reset
	}
	if magic&^1 != 0x377f0682 || binary.BigEndian.Uint32(b[4:]) != 3007000 {
		return nil, 0, 0, fmt.Errorf("%w: its write-ahead log begins with %#x", errDamaged, b[:8])
	}
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 != 0 {
		order = binary.BigEndian
	}
	size = int(binary.BigEndian.Uint32(b[8:]))
	if size < 512 || size > 1<<16 || size&(size-1) != 0 {
		return nil, 0, 0, fmt.Errorf("%w: its write-ahead log has pages of %d bytes", errDamaged, size)
	}
	var sum walSum
	sum.add(order, b[:24])
	if !sum.is(b[24:]) {
		return nil, 0, 0, nil // never written to the end
	}
	salt := string(b[16:24])
	pages, waiting := map[uint32][]byte{}, map[uint32][]byte{}
	for rest := b[header:]; len(rest) >= frameHeader+size; rest = rest[frameHeader+size:] {
		frame, page := rest[:frameHeader], rest[frameHeader:frameHeader+size]
		sum.add(order, frame[:8])
		sum.add(order, page)
		if string(frame[8:16]) != salt || !sum.is(frame[16:]) {
			break // what follows is of an older log
		}
		waiting[binary.BigEndian.Uint32(frame)] = page
		if n := binary.BigEndian.Uint32(frame[4:]); n > 0 { // a commit
			count = n
			for n, page := range waiting {
				pages[n] = page
			}
			clear(waiting)
		}
	}
	if count == 0 {
		return nil, 0, 0, nil
	}
	return pages, size, count, nil
}

// walSum is the checksum that goes through a write-ahead log.
type walSum struct{ a, b uint32 }

func (s *walSum) add(order binary.ByteOrder, data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		s.a += order.Uint32(data) + s.b
		s.b += order.Uint32(data[4:]) + s.a
	}
}

func (s *walSum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == s.a && binary.BigEndian.Uint32(b[4:]) == s.b
}
