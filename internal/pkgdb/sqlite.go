package pkgdb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// database is an SQLite 3 file as of its last commit: as much of the format (https://www.sqlite.org/fileformat2.html) as
// reading every row of a table takes. It never writes.
type database struct {
	main   []byte
	wal    map[uint32][]byte // pages that the write-ahead log has newer
	size   int               // of a page
	usable int               // of a page, without what extensions reserve
	pages  uint32
}

// errDamaged is in the chain of every error about bytes that are no database.
var errDamaged = errors.New("the database is damaged")

const sqliteMagic = "SQLite format 3\x00"

// openSQLite reads the database main with its write-ahead log, which may be empty.
func openSQLite(main, wal []byte) (*database, error) {
	d := &database{main: main}
	var err error
	if d.wal, d.size, d.pages, err = readWAL(wal); err != nil {
		return nil, err
	}
	head := d.wal[1]
	if head == nil {
		head = main
	}
	if len(head) < 100 || string(head[:16]) != sqliteMagic {
		return nil, fmt.Errorf("%w: it does not begin with %q", errDamaged, sqliteMagic[:15])
	}
	size := int(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 1 << 16
	}
	if size < 512 || size&(size-1) != 0 || d.size != 0 && d.size != size {
		return nil, fmt.Errorf("%w: pages of %d bytes", errDamaged, size)
	}
	if encoding := binary.BigEndian.Uint32(head[56:]); encoding > 1 {
		return nil, errors.New("the database is not in UTF-8")
	}
	d.size, d.usable = size, size-int(head[20])
	if d.usable < 480 {
		return nil, fmt.Errorf("%w: pages with %d usable bytes", errDamaged, d.usable)
	}
	if d.pages == 0 {
		d.pages = uint32(len(main) / size)
	}
	return d, nil
}

// page returns a page by its number, from 1.
func (d *database) page(n uint32) ([]byte, error) {
	if n == 0 || n > d.pages {
		return nil, fmt.Errorf("%w: it has %d pages, and one points to page %d", errDamaged, d.pages, n)
	}
	if p, ok := d.wal[n]; ok {
		return p, nil
	}
	end := int64(n) * int64(d.size)
	if end > int64(len(d.main)) {
		return nil, fmt.Errorf("%w: it is cut off before page %d", errDamaged, n)
	}
	return d.main[end-int64(d.size) : end], nil
}

// table returns the root page of a table.
func (d *database) table(name string) (uint32, error) {
	var root uint32
	err := d.rows(1, func(_ int64, record []byte) error {
		columns, err := decodeRecord(record)
		if err != nil {
			return err
		}
		if len(columns) < 4 {
			return fmt.Errorf("%w: its schema has %d columns", errDamaged, len(columns))
		}
		if string(columns[0].bytes) == "table" && string(columns[1].bytes) == name {
			root = uint32(columns[3].number)
		}
		return nil
	})
	if err == nil && root == 0 {
		err = fmt.Errorf("the database has no table %s", name)
	}
	return root, err
}

// maxDepth is more than a b-tree of 2^32 pages has levels.
const maxDepth = 32

// rows calls f for every row of the table at root, by its id. The record is only valid during the call.
func (d *database) rows(root uint32, f func(id int64, record []byte) error) error {
	left := d.pages // a tree that has more pages than the file has a circle
	var walk func(n uint32, depth int) error
	walk = func(n uint32, depth int) error {
		if left == 0 || depth == maxDepth {
			return fmt.Errorf("%w: a table goes round in circles", errDamaged)
		}
		left--
		page, err := d.page(n)
		if err != nil {
			return err
		}
		head := page
		if n == 1 {
			head = page[100:]
		}
		const interior, leaf = 0x05, 0x0d
		kind, cells, pointers := head[0], int(binary.BigEndian.Uint16(head[3:])), head[8:]
		switch {
		case kind == interior:
			pointers = head[12:]
		case kind != leaf:
			return fmt.Errorf("%w: page %d is none of a table", errDamaged, n)
		}
		if 2*cells > len(pointers) {
			return fmt.Errorf("%w: page %d has %d cells", errDamaged, n, cells)
		}
		for i := range cells {
			at := int(binary.BigEndian.Uint16(pointers[2*i:]))
			if at+4 > d.usable {
				return fmt.Errorf("%w: page %d has a cell at %d", errDamaged, n, at)
			}
			if kind == interior {
				err = walk(binary.BigEndian.Uint32(page[at:]), depth+1)
			} else {
				err = d.cell(page[at:d.usable], f)
			}
			if err != nil {
				return err
			}
		}
		if kind == interior {
			return walk(binary.BigEndian.Uint32(head[8:]), depth+1)
		}
		return nil
	}
	return walk(root, 0)
}

// cell reads one row, with the pages that it overflows to.
func (d *database) cell(b []byte, f func(int64, []byte) error) error {
	length, n := varint(b)
	id, m := varint(b[n:])
	b = b[n+m:]
	if n == 0 || m == 0 || length > uint64(d.pages)*uint64(d.size) {
		return fmt.Errorf("%w: a row of %d bytes", errDamaged, length)
	}
	total, local := int(length), int(length)
	if largest := d.usable - 35; total > largest {
		smallest := (d.usable-12)*32/255 - 23
		local = smallest + (total-smallest)%(d.usable-4)
		if local > largest {
			local = smallest
		}
	}
	if local > len(b) || total > local && local+4 > len(b) {
		return fmt.Errorf("%w: a row does not fit its page", errDamaged)
	}
	if total == local {
		return f(int64(id), b[:total])
	}
	record := make([]byte, 0, total)
	record = append(record, b[:local]...)
	for next := binary.BigEndian.Uint32(b[local:]); len(record) < total; {
		page, err := d.page(next)
		if err != nil {
			return err
		}
		next = binary.BigEndian.Uint32(page)
		record = append(record, page[4:4+min(d.usable-4, total-len(record))]...)
	}
	return f(int64(id), record)
}

// column is a value of a record: bytes of a text or blob, or a whole number. Others no database of packages has.
type column struct {
	bytes  []byte
	number int64
}

// decodeRecord reads the columns of a row.
func decodeRecord(b []byte) ([]column, error) {
	size, n := varint(b)
	if n == 0 || size > uint64(len(b)) || size < uint64(n) {
		return nil, fmt.Errorf("%w: a record with a header of %d bytes", errDamaged, size)
	}
	types, data := b[n:size], b[size:]
	var out []column
	for len(types) > 0 {
		kind, n := varint(types)
		if n == 0 {
			return nil, fmt.Errorf("%w: a record's header is cut off", errDamaged)
		}
		types = types[n:]
		length := uint64(0)
		switch {
		case kind >= 12:
			length = (kind - 12) / 2
		case kind <= 7:
			length = []uint64{0, 1, 2, 3, 4, 6, 8, 8}[kind]
		}
		if length > uint64(len(data)) {
			return nil, fmt.Errorf("%w: a column of %d bytes", errDamaged, length)
		}
		value := data[:length]
		data = data[length:]
		c := column{}
		switch {
		case kind >= 12:
			c.bytes = value
		case kind == 9:
			c.number = 1
		default:
			for i, x := range value {
				if i == 0 {
					c.number = int64(int8(x)) // signed
					continue
				}
				c.number = c.number<<8 | int64(x)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// varint reads SQLite's: the high bits first, seven in a byte, and eight in a ninth. 0 bytes: it is cut off.
func varint(b []byte) (v uint64, n int) {
	for i, x := range b[:min(len(b), 9)] {
		if i == 8 {
			return v<<8 | uint64(x), 9
		}
		v = v<<7 | uint64(x&0x7f)
		if x < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
