package lint

import (
	"cmp"
	"fmt"
	"strings"
)

// Limits bound what a hostile image can make a lint cost. The zero value of each is the default. What is beyond a limit
// is not looked at, and a finding of rule BL005 says so.
type Limits struct {
	// Entries of all layers together; 2 million.
	Entries int `json:"entries,omitempty"`
	// Layers of an image; 500.
	Layers int `json:"layers,omitempty"`
	// Bytes that one layer has when it is uncompressed; 64 GiB.
	Bytes int64 `json:"bytes,omitempty"`
	// Ratio of uncompressed to compressed bytes of a layer, beyond its first GiB; 200.
	Ratio int64 `json:"ratio,omitempty"`
	// Content is how many bytes are kept in memory, of all files that rules want to see; 256 MiB.
	Content int64 `json:"content,omitempty"`
}

func (l Limits) withDefaults() Limits {
	l.Entries = cmp.Or(l.Entries, 2<<20)
	l.Layers = cmp.Or(l.Layers, 500)
	l.Bytes = cmp.Or(l.Bytes, 64<<30)
	l.Ratio = cmp.Or(l.Ratio, 200)
	l.Content = cmp.Or(l.Content, 256<<20)
	return l
}

// Bytes of a path and of one of its elements, as Linux has it; what is longer cannot be unpacked.
const (
	maxPath = 4095
	maxName = 255
)

func checkLength(p string) error {
	if len(p) > maxPath {
		return fmt.Errorf("the path has %d bytes; Linux takes %d", len(p), maxPath)
	}
	for rest := p; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if len(name) > maxName {
			return fmt.Errorf("the name %s has %d bytes; Linux takes %d", clip(name), len(name), maxName)
		}
	}
	return nil
}
