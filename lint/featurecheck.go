package lint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// featureMistake is one that package bootc finds in a feature: field is the path within it.
type featureMistake struct{ field, text string }

// featureMistakes is what package bootc says about files of the root when a Spec is to bring them: mistakes by the index of the
// feature. So a file is judged here as it is there.
func featureMistakes(f *Facts, features []bootc.Feature) map[int][]featureMistake {
	base := bootc.Base{Ref: "localhost/the-image:1"}
	if f.Root.Whole {
		base.Files = treeFS{f.Root}
	}
	_, err := bootc.From(base.Ref).With(features...).Compile(base)
	out := map[int][]featureMistake{}
	for _, e := range flatten(err) {
		field, ok := errors.AsType[*bootc.FieldError](e)
		if !ok {
			continue
		}
		var i int
		if _, err := fmt.Sscanf(field.Path, "Features[%d]", &i); err == nil && i < len(features) {
			_, rest, _ := strings.Cut(field.Path, ".") // the kind
			_, rest, _ = strings.Cut(rest, ".")
			out[i] = append(out[i], featureMistake{rest, field.Err.Error()})
		}
	}
	return out
}

var (
	lineIs = lazyregexp.New(`^line (\d+): `)
	keyIs  = lazyregexp.New(`\bkey ([A-Za-z][A-Za-z-]*)|\b([A-Z][A-Za-z]*)=`)
)

// placeOf finds the line that a message is about, by its number or the key that it names.
func placeOf(message, text string) (rest string, line int) {
	if m := lineIs.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		return message[len(m[0]):], line
	}
	if m := keyIs.FindStringSubmatch(message); m != nil {
		key := m[1] + m[2]
		n := 0
		for l := range strings.Lines(text) {
			n++
			if k, _, ok := strings.Cut(l, "="); ok && strings.TrimSpace(k) == key {
				line = n
			}
		}
	}
	for word := range strings.FieldsSeq(message) { // the name of another file
		word = strings.Trim(word, `.,:;"`)
		if i := strings.Index(text, word); line == 0 && i >= 0 && strings.Contains(word, ".") {
			line = lineAt(text, i)
		}
	}
	return strings.Replace(message, "neither the Spec nor the base has", "the image lacks", 1), line
}
