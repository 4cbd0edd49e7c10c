package flightctl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bootloom/bootloom/bootc"
)

// decoder reads the agent's YAML strictly: every key must be one of the struct's, and every value mean to the agent,
// which reads YAML 1.1, what it means here. It finds all mistakes.
type decoder struct {
	root  reflect.Type
	errs  []error
	lines map[string]int // of the keys that were there
	// pointed is set for a value that a pointer is to: what is false or 0 there is not the agent's default.
	pointed bool
}

// nodeDecoder is a value that may stand in another form too. It tells whether it did.
type nodeDecoder interface {
	decodeNode(d *decoder, path string, n *yaml.Node) bool
}

// decode reads data into the struct or list that v points to, as far as it can, and returns the line of each key. There
// are no lines if data is no YAML at all.
func decode(data []byte, v any) (lines map[string]int, err error) {
	into := reflect.ValueOf(v).Elem()
	d := decoder{root: into.Type(), lines: map[string]int{}}
	node, err := document(data)
	if err != nil {
		return nil, err
	}
	if node != nil {
		d.value("", node, into)
	}
	return d.lines, errors.Join(d.errs...)
}

// document returns the one YAML document of data, nil for none.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, yamlError(err)
	}
	if err := dec.Decode(&more); err == nil {
		return nil, &bootc.FieldError{Err: &LineError{more.Line, errors.New("a second document, of which the agent reads nothing")}}
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlError(err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	return doc.Content[0], nil
}

// yamlError takes the line out of the text of the YAML library, which has it nowhere else.
func yamlError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, cause, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				return &bootc.FieldError{Err: &LineError{line, fmt.Errorf("not YAML: %s", cause)}}
			}
		}
	}
	return bootc.Errorf("", "not YAML: %s", text)
}

func (d *decoder) fail(path string, n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, &bootc.FieldError{Path: path, Err: &LineError{n.Line, fmt.Errorf(format, args...)}})
}

// value reads n into v.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.fail(path, n, "anchors and aliases are not followed here: write it out")
		return
	}
	if own, ok := v.Addr().Interface().(nodeDecoder); ok && own.decodeNode(d, path, n) {
		return
	}
	switch {
	case isMapping(v.Type()):
		d.mapping(path, n, v)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.pointed = true
		d.value(path, n, v.Elem())
		d.pointed = false
	case v.Kind() == reflect.Slice:
		d.list(path, n, v)
	case v.Kind() == reflect.Map:
		d.stringMap(path, n, v)
	default:
		d.scalar(path, n, v)
	}
}

func (d *decoder) mapping(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(path, n, "%s where keys with values are wanted", kindOf(n))
		return
	}
	fields := fieldsOf(v.Type())
	for key, value := range d.pairs(path, n) {
		at := dotted(path, key.Value)
		d.lines[at] = key.Line
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		switch {
		case i < 0:
			d.fail(at, key, "%s", unknown(d.root, at))
		case fields[i].nonempty && value.Kind == yaml.ScalarNode && value.Value == "":
			d.fail(at, key, "has no value: leave the key out for the agent's default")
		default:
			d.value(at, value, v.FieldByIndex(fields[i].index))
		}
	}
}

// pairs yields keys and values of a mapping, each key once.
func (d *decoder) pairs(path string, n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" || key.Anchor != "" {
				d.fail(path, key, "a key must be a plain word")
				continue
			}
			if line, ok := seen[key.Value]; ok {
				d.fail(dotted(path, key.Value), key, "the key is in line %d already", line)
				continue
			}
			seen[key.Value] = key.Line
			if !yield(key, n.Content[i+1]) {
				return
			}
		}
	}
}

func (d *decoder) list(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) {
		d.fail(path, n, "has no value: write [] for an empty list, or leave the key out for the agent's default")
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(path, n, "%s where a list is wanted", kindOf(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = item.Line
		d.value(at, item, v.Index(i))
	}
}

func (d *decoder) stringMap(path string, n *yaml.Node, v reflect.Value) {
	if isNull(n) { // with a conf.d that has labels, agents crash on this
		d.fail(path, n, "has no value: write {} for none, or leave the key out")
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(path, n, "%s where keys with values are wanted", kindOf(n))
		return
	}
	if len(n.Content) == 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, value := range d.pairs(path, n) {
		at := path + "[" + key.Value + "]"
		d.lines[at] = key.Line
		name := reflect.New(v.Type().Key()).Elem()
		d.scalar(at, key, name)
		text := reflect.New(v.Type().Elem()).Elem()
		d.value(at, value, text)
		v.SetMapIndex(name, text)
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	return "one value" // not which: it may be a secret
}
