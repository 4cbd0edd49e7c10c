package bootc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Codec writes and reads a Spec as JSON. Members have the names of the Go fields, so that the path of a FieldError
// finds the value in the JSON as well; a feature is an object whose member "kind" tells its type:
//
//	{"Base": "quay.io/centos-bootc/centos-bootc:stream10", "Features": [{"kind": "Packages", "Install": ["tmux"]}]}
//
// Zero fields are left out, unknown ones are refused. The zero Codec knows the features of this package, as
// Spec.MarshalJSON and Spec.UnmarshalJSON do.
type Codec struct {
	// Kinds are further features by kind, such as {"acme.Probe": Probe{}}. Only the type of the value counts; a
	// pointer there gives pointers when reading.
	Kinds map[string]Feature
}

// specJSON is the form of a Spec in JSON.
type specJSON struct {
	Base        string            `json:",omitzero"`
	Features    []json.RawMessage `json:",omitempty"`
	Labels      map[string]string `json:",omitempty"`
	Annotations map[string]string `json:",omitempty"`
	Epoch       time.Time         `json:",omitzero"`
	Layers      int               `json:",omitzero"`
}

// Marshal returns the Spec as JSON. A FieldError names a feature of unknown kind and one that JSON cannot carry.
func (c Codec) Marshal(s Spec) ([]byte, error) {
	kinds, err := c.kinds()
	if err != nil {
		return nil, err
	}
	names := map[reflect.Type]string{}
	for name, f := range kinds {
		names[typeOf(f)] = name
	}
	return s.encode(func(f Feature) (string, error) {
		if name, ok := names[typeOf(f)]; ok {
			return name, nil
		}
		return "", fmt.Errorf("%s is no feature of this package: name it in the Kinds of a Codec", typeOf(f))
	})
}

// encode writes the Spec with the kinds that kind gives.
func (s Spec) encode(kind func(Feature) (string, error)) ([]byte, error) {
	out := specJSON{Base: s.Base, Labels: s.Labels, Annotations: s.Annotations, Layers: s.Layers}
	if !s.Epoch.IsZero() {
		out.Epoch = time.Unix(s.Epoch.Unix(), 0).UTC()
	}
	var errs []error
	for i, f := range s.Features {
		b, err := encodeFeature(f, kind)
		if err != nil {
			errs = append(errs, &FieldError{Path: indexed("Features", i), Err: err})
		}
		out.Features = append(out.Features, b)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func encodeFeature(f Feature, kind func(Feature) (string, error)) ([]byte, error) {
	if isNil(f) {
		return nil, errors.New("is nil")
	}
	name, err := kind(f)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	fields, ok := bytes.CutPrefix(b, []byte("{"))
	if !ok {
		return nil, fmt.Errorf("%s is no object in JSON, but %s", name, b[:min(len(b), 40)])
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	head := append([]byte(`{"kind":`), quoted...)
	if fields[0] != '}' {
		head = append(head, ',')
	}
	return append(head, fields...), nil
}

// Unmarshal reads a Spec. The error joins a *FieldError for each mistake that was found.
func (c Codec) Unmarshal(b []byte) (Spec, error) {
	kinds, err := c.kinds()
	if err != nil {
		return Spec{}, err
	}
	var in specJSON
	if err := decodeStrictly(b, &in); err != nil {
		return Spec{}, at("", err)
	}
	s := Spec{Base: in.Base, Labels: in.Labels, Annotations: in.Annotations, Epoch: in.Epoch, Layers: in.Layers}
	var errs []error
	for i, raw := range in.Features {
		f, err := decodeFeature(raw, kinds)
		if err != nil {
			errs = append(errs, within(indexed("Features", i), err)...)
			continue
		}
		s.Features = append(s.Features, f)
	}
	if err := errors.Join(errs...); err != nil {
		return Spec{}, err
	}
	return s, nil
}

func decodeFeature(raw []byte, kinds map[string]Feature) (Feature, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, errors.New("must be an object with a kind")
	}
	var kind string
	if err := json.Unmarshal(fields["kind"], &kind); err != nil {
		return nil, errors.New(`needs a "kind", such as "Packages"`)
	}
	model, ok := kinds[kind]
	if !ok {
		return nil, fmt.Errorf("unknown kind %q: known are %s; a Codec takes more", kind, list(sortedKeys(kinds)))
	}
	delete(fields, "kind")
	rest, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	v := reflect.New(typeOf(model))
	if err := decodeStrictly(rest, v.Interface()); err != nil {
		return nil, at(kind, err)
	}
	if reflect.TypeOf(model).Kind() != reflect.Pointer {
		v = v.Elem()
	}
	return v.Interface().(Feature), nil
}

// decodeStrictly refuses members that v does not have, and anything after the one value.
func decodeStrictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more after the end of the JSON value")
	}
	return nil
}

// at turns an error of encoding/json into a FieldError, with the field where that is known.
func at(path string, err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		path = strings.Trim(path+"."+e.Field, ".")
		err = fmt.Errorf("%s where %s is wanted", e.Value, e.Type)
	} else if text, ok := strings.CutPrefix(err.Error(), "json: "); ok {
		err = errors.New(text)
	}
	return &FieldError{Path: path, Err: err}
}

// Kinds lists the features of this package by their kind in JSON. The values are zero.
func Kinds() map[string]Feature {
	out := map[string]Feature{}
	for _, f := range builtin() {
		out[typeOf(f).Name()] = f
	}
	return out
}

func (c Codec) kinds() (map[string]Feature, error) {
	out := Kinds()
	for _, name := range slices.Sorted(maps.Keys(c.Kinds)) {
		f := c.Kinds[name]
		if _, taken := out[name]; taken || name == "" {
			return nil, fmt.Errorf("Codec.Kinds[%q]: the name is empty or that of a feature of package bootc", name)
		}
		if f == nil {
			return nil, fmt.Errorf("Codec.Kinds[%q] is nil: give a value of its type", name)
		}
		out[name] = f
	}
	return out, nil
}

// MarshalJSON writes a Spec that has only features of this package; see Codec for others.
func (s Spec) MarshalJSON() ([]byte, error) { return Codec{}.Marshal(s) }

// UnmarshalJSON reads a Spec that has only features of this package; see Codec for others.
func (s *Spec) UnmarshalJSON(b []byte) error {
	v, err := Codec{}.Unmarshal(b)
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// typeOf is the type of a feature, also where it is given by a pointer.
func typeOf(f Feature) reflect.Type {
	t := reflect.TypeOf(f)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// kindOf names a feature in paths and origins.
func kindOf(f Feature) string {
	if name := typeOf(f).Name(); name != "" {
		return name
	}
	return typeOf(f).String()
}

func isNil(f Feature) bool {
	v := reflect.ValueOf(f)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}
