package lint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// tomlPlace is how the decoder tells where a value of the wrong type stands.
var tomlPlace = lazyregexp.New(`^line (\d+) \(last key "(.*)"\): (.*)`)

// tomlKind is how the decoder says that a value is of the wrong kind, in Go's words.
var tomlKind = lazyregexp.New(`incompatible types: TOML (?:value|key "[^"]*") has type (\w+); destination has type (\w+)$`)

var tomlKinds = map[string]string{"string": "string", "int64": "number", "float64": "number", "bool": "boolean", "slice": "list",
	"array": "list", "map": "table", "struct": "table", "table": "table", "datetime": "date"}

// decodeTOML refuses keys that v does not have, and tells the line of a mistake where that is known.
func decodeTOML(text string, v any) (meta toml.MetaData, line int, err error) {
	meta, err = toml.Decode(text, v)
	if e, ok := err.(toml.ParseError); ok {
		return meta, e.Position.Line, errors.New(e.Message)
	}
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "toml: ")
		if m := tomlPlace.FindStringSubmatch(text); m != nil {
			line, _ = strconv.Atoi(m[1])
			text = m[2] + ": " + m[3]
		}
		if m := tomlKind.FindStringSubmatchIndex(text); m != nil {
			text = text[:m[0]] + "it is a " + tomlKinds[text[m[2]:m[3]]] + ", not a " + tomlKinds[text[m[4]:m[5]]]
		}
		return meta, line, errors.New(text)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		err := fmt.Errorf("the key %s is unknown", key)
		if better := strings.ReplaceAll(key.String(), "_", "-"); better != key.String() {
			err = fmt.Errorf("%w; perhaps %s is meant", err, better)
		}
		return meta, lineOf(text, key[len(key)-1]), err
	}
	return meta, 0, nil
}

// lineOf is the line where the text first stands, 0 if it does not.
func lineOf(text, what string) int {
	i := strings.Index(text, what)
	if i < 0 {
		return 0
	}
	return strings.Count(text[:i], "\n") + 1
}
