package bootc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"reflect"

	"github.com/opencontainers/go-digest"
)

// ID is the identity of the Spec: the digest of its canonical JSON, in which content stands as its sha256. Specs that
// say the same have the same ID, be they literal, chain or JSON, and wherever their content is read from; the
// values of secrets do not count. The ID does not tell what the base's name stands for: Plan.Base has that.
//
// An error names a feature that JSON cannot carry, or content that cannot be read.
func (s Spec) ID() (digest.Digest, error) {
	t := s
	t.Features = make([]Feature, len(s.Features))
	for i, f := range s.Features {
		if t.Features[i] = f; !isNil(f) {
			t.Features[i] = summed(reflect.ValueOf(f), 0).Interface().(Feature)
		}
	}
	own := reflect.TypeFor[Spec]().PkgPath()
	b, err := t.encode(func(f Feature) (string, error) {
		if t := typeOf(f); t.PkgPath() != own {
			return t.PkgPath() + "." + kindOf(f), nil
		}
		return kindOf(f), nil
	})
	if err != nil {
		return "", err
	}
	if b, err = canonical(b); err != nil {
		return "", err
	}
	return digest.FromBytes(b), nil
}

// canonical sorts the members of all objects, and leaves out those that are null or an empty list.
func canonical(b []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(withoutEmpty(v))
}

func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if l, ok := e.([]any); e == nil || ok && len(l) == 0 {
				delete(v, k)
			} else {
				v[k] = withoutEmpty(e)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
	}
	return v
}

// deepest is how far summed follows pointers: no feature is nested like that, but one may point at itself.
const deepest = 64

// summed copies v, with each Content in it set to stand in JSON as its checksum.
func summed(v reflect.Value, depth int) reflect.Value {
	if depth++; depth > deepest {
		return v
	}
	switch v.Kind() {
	case reflect.Struct:
		switch f := v.Interface().(type) {
		case Content:
			f.sum = true
			return reflect.ValueOf(f)
		case Tree:
			if files, err := f.list(); err == nil {
				f.FS = treeFS{summed(reflect.ValueOf(files), depth).Interface().([]treeFile)}
			}
			return reflect.ValueOf(f)
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(summed(v.Field(i), depth))
			}
		}
		return out
	case reflect.Interface:
		if f, ok := v.Interface().(Feature); ok && !isNil(f) {
			return summed(v.Elem(), depth)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(summed(v.Elem(), depth))
		return out
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() <= reflect.Complex128 || v.Type().Elem().Kind() == reflect.String {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(summed(v.Index(i), depth))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeMap(v.Type())
		for k, e := range v.Seq2() {
			out.SetMapIndex(k, summed(e, depth))
		}
		return out
	}
	return v
}

type contentSum struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

func (c Content) checksum() (contentSum, error) {
	r, err := c.Open()
	if err != nil {
		return contentSum{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	return contentSum{hex.EncodeToString(h.Sum(nil)), n}, err
}
