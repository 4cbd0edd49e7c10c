package flightctl

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// encode writes v in the agent's YAML: keys in the order of the fields, those of zero fields left out. Private keys are
// written only with secrets.
func encode(v any, secrets bool) ([]byte, error) {
	n := encoder{secrets}.value(reflect.ValueOf(v))
	if n == nil {
		return nil, nil
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type encoder struct{ secrets bool }

// nodeEncoder is a value that may stand in another form than that of its type; nil is this one.
type nodeEncoder interface{ encodeNode() *yaml.Node }

// value returns the node of v, nil where v is what the agent takes when it is not there.
func (e encoder) value(v reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case nodeEncoder:
		if n := x.encodeNode(); n != nil {
			return n
		}
	case PEM:
		return text(base64.StdEncoding.EncodeToString([]byte(x)))
	case PrivateKey:
		if !e.secrets {
			return text(x.String())
		}
		return text(base64.StdEncoding.EncodeToString(x.Reveal()))
	case time.Duration:
		if x == 0 {
			return nil
		}
		return text(x.String())
	}
	switch v.Kind() {
	case reflect.Struct:
		return e.mapping(v)
	case reflect.Pointer:
		return e.pointer(v)
	case reflect.Slice:
		return e.list(v)
	case reflect.Map:
		return e.stringMap(v)
	case reflect.Bool:
		if !v.Bool() {
			return nil
		}
		return plain("!!bool", "true")
	case reflect.Int:
		if v.Int() == 0 {
			return nil
		}
		return plain("!!int", strconv.FormatInt(v.Int(), 10))
	case reflect.String:
		return text(v.String())
	}
	panic(fmt.Sprintf("no YAML for a %s", v.Type())) // of a type of this package
}

func (e encoder) mapping(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fieldsOf(v.Type()) {
		if value := e.value(v.FieldByIndex(f.index)); value != nil {
			n.Content = append(n.Content, text(f.key), value)
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

// pointer writes also what is false or 0: nil is what stands for the default.
func (e encoder) pointer(v reflect.Value) *yaml.Node {
	if v.IsNil() {
		return nil
	}
	switch x := v.Interface().(type) {
	case *bool:
		return plain("!!bool", strconv.FormatBool(*x))
	case *time.Duration:
		return text(x.String())
	}
	return e.value(v.Elem())
}

// list writes also one that is empty.
func (e encoder) list(v reflect.Value) *yaml.Node {
	if v.IsNil() {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range v.Seq2() {
		value := e.value(item)
		if value == nil {
			value = quotable("")
		}
		n.Content = append(n.Content, value)
	}
	return n
}

func (e encoder) stringMap(v reflect.Value) *yaml.Node {
	m := v.Interface().(map[string]string)
	if len(m) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		n.Content = append(n.Content, quotable(key), quotable(m[key]))
	}
	return n
}

// text is nil for no text.
func text(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return quotable(s)
}

// quotable is a text that is quoted where YAML, also 1.1, would take it for something else.
func quotable(s string) *yaml.Node {
	n := plain("!!str", s)
	if !staysText(&yaml.Node{Kind: yaml.ScalarNode, Value: s}) || s == "" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func plain(tag, s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: s} }
