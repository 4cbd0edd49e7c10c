package lint

import (
	"strings"
	"sync"
)

// literals finds any of a set of strings in one pass over a text (Aho and Corasick, 1975). It is what keeps the scan for
// secrets cheap: a regular expression runs only over what has one of its literals in it.
type literals struct {
	next   [][256]int32 // state and byte to state
	accept []uint64     // which strings end in the state: a bit each
}

// maxLiterals is how many strings the bits of a state can tell apart.
const maxLiterals = 64

// automata are the literals of the rules that have run: there are as many as lists in the source of rules.
var automata sync.Map

// literalsOf compiles strings, once for all that ask for the same.
func literalsOf(list []string) *literals {
	key := strings.Join(list, "\x00")
	l, ok := automata.Load(key)
	if !ok {
		l, _ = automata.LoadOrStore(key, newLiterals(list))
	}
	return l.(*literals)
}

// newLiterals compiles the strings, of which the first 64 count.
func newLiterals(list []string) *literals {
	l := &literals{next: make([][256]int32, 1), accept: make([]uint64, 1)}
	for i, s := range list[:min(len(list), maxLiterals)] {
		at := int32(0)
		for _, c := range []byte(s) {
			if l.next[at][c] == 0 {
				l.next = append(l.next, [256]int32{})
				l.accept = append(l.accept, 0)
				l.next[at][c] = int32(len(l.next) - 1)
			}
			at = l.next[at][c]
		}
		l.accept[at] |= 1 << i
	}
	// Breadth first: where a state has no way on, it goes where the longest suffix of what it stands for would.
	fail := make([]int32, len(l.next))
	var queue []int32
	for c := range 256 {
		if s := l.next[0][c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		l.accept[at] |= l.accept[fail[at]]
		for c := range 256 {
			if s := l.next[at][c]; s != 0 {
				fail[s] = l.next[fail[at]][c]
				queue = append(queue, s)
			} else {
				l.next[at][c] = l.next[fail[at]][c]
			}
		}
	}
	return l
}

// in says which of the strings are in the text: bit i for string i.
func (l *literals) in(text []byte) uint64 { return l.scan(text, false) }

// any says whether one of the strings is in the text.
func (l *literals) any(text []byte) bool { return l.scan(text, true) != 0 }

func (l *literals) scan(text []byte, first bool) (found uint64) {
	begin, at := &l.next[0], int32(0)
	for i := 0; i < len(text); i++ {
		if at == 0 { // what begins no string, which is most of a text, does not have to wait for the byte before it
			for i < len(text) && begin[text[i]] == 0 {
				i++
			}
			if i == len(text) {
				break
			}
		}
		at = l.next[at][text[i]]
		if here := l.accept[at]; here != 0 {
			if found |= here; first {
				break
			}
		}
	}
	return found
}
