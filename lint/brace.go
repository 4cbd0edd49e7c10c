package lint

import (
	"mvdan.cc/sh/v3/syntax"
)

// braces expands {a,b}, up to so many words; sequences such as {1..9} stay.
func braces(w *syntax.Word, most int) []*syntax.Word {
	c := *w // SplitBraces changes its word
	c.Parts = append([]syntax.WordPart(nil), w.Parts...)
	if !syntax.SplitBraces(&c) {
		return []*syntax.Word{w}
	}
	out, ok := product(c.Parts, most)
	if !ok {
		return []*syntax.Word{w}
	}
	return out
}

// product is every word that parts with braces in them come to; false if there are too many.
func product(parts []syntax.WordPart, most int) ([]*syntax.Word, bool) {
	out := []*syntax.Word{{}}
	for _, part := range parts {
		b, isBrace := part.(*syntax.BraceExp)
		if !isBrace || b.Sequence {
			if isBrace {
				return nil, false
			}
			for _, o := range out {
				o.Parts = append(o.Parts, part)
			}
			continue
		}
		var next []*syntax.Word
		for _, elem := range b.Elems {
			choices, ok := product(elem.Parts, most)
			if !ok || len(out)*len(choices)+len(next) > most {
				return nil, false
			}
			for _, o := range out {
				for _, e := range choices {
					next = append(next, &syntax.Word{Parts: append(append([]syntax.WordPart(nil), o.Parts...), e.Parts...)})
				}
			}
		}
		out = next
	}
	return out, true
}
