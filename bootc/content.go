package bootc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"
)

// Content is the content of a file: bytes, or a file of an fs.FS that is read when the plan is written. Its zero
// value is the empty file. In JSON it is a string, or {"base64": …} where the bytes are not UTF-8; content from an
// fs.FS is read and stands there in full, so that the Spec can travel.
type Content struct {
	data []byte
	fsys fs.FS
	name string
	sum  bool // stands in JSON as its checksum
}

// Text is content given as a string.
func Text(s string) Content { return Content{data: []byte(s)} }

// Bytes is content given as bytes, which are not copied.
func Bytes(b []byte) Content { return Content{data: b} }

// FromFS is the content of a regular file of fsys, opened anew each time it is needed.
func FromFS(fsys fs.FS, name string) Content { return Content{fsys: fsys, name: name} }

// Open returns the content for reading.
func (c Content) Open() (io.ReadCloser, error) {
	if c.fsys == nil {
		return io.NopCloser(bytes.NewReader(c.data)), nil
	}
	return c.fsys.Open(c.name)
}

// Size returns the number of bytes; an error names a file that is missing or not regular.
func (c Content) Size() (int64, error) {
	if c.fsys == nil {
		return int64(len(c.data)), nil
	}
	info, err := fs.Stat(c.fsys, c.name)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a regular file: %s", c.name, info.Mode().Type())
	}
	return info.Size(), nil
}

// ReadAll returns the bytes; they must not be changed.
func (c Content) ReadAll() ([]byte, error) {
	if c.fsys == nil {
		return c.data, nil
	}
	return fs.ReadFile(c.fsys, c.name)
}

type base64Content struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON writes the content in full.
func (c Content) MarshalJSON() ([]byte, error) {
	if c.sum {
		sum, err := c.checksum()
		if err != nil {
			return nil, err
		}
		return json.Marshal(sum)
	}
	b, err := c.ReadAll()
	if err != nil {
		return nil, err
	}
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(base64Content{b})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Content) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*c = Text(s)
		return nil
	}
	var v base64Content
	if err := decodeStrictly(b, &v); err != nil {
		return errors.New(`content must be a string or {"base64": "…"}`)
	}
	*c = Bytes(v.Base64)
	return nil
}
