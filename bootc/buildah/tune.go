//go:build linux && ((containers_image_openpgp && (exclude_graphdriver_btrfs || !cgo)) || (bootloom_system_gpgme && cgo))

package buildah

import (
	"encoding/json"
	"fmt"
	"reflect"

	"go.podman.io/buildah/define"
)

// Tune is the type of Options.Tune.
type Tune func(*define.BuildOptions)

// tuned are the fields of buildah's options that a Tune has changed, as JSON by field name.
type tuned map[string]json.RawMessage

// tune calls f on a copy of o and returns what it changed.
func tune(f Tune, o define.BuildOptions) (tuned, error) {
	if f == nil {
		return nil, nil
	}
	common := *o.CommonBuildOpts
	before := o
	before.CommonBuildOpts = &common
	f(&o)
	changed := tuned{}
	was, is := reflect.ValueOf(before), reflect.ValueOf(o)
	for i := range is.NumField() {
		name := is.Type().Field(i).Name
		if reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			continue
		}
		if !plain(is.Field(i).Type(), 0) {
			return nil, fmt.Errorf("Options.Tune sets %s, which cannot be handed to the process that builds", name)
		}
		data, err := json.Marshal(is.Field(i).Interface())
		if err != nil {
			return nil, fmt.Errorf("Options.Tune sets %s: %w", name, err)
		}
		changed[name] = data
	}
	return changed, nil
}

// apply sets the changed fields in o.
func (t tuned) apply(o *define.BuildOptions) error {
	for name, data := range t {
		field := reflect.ValueOf(o).Elem().FieldByName(name)
		if !field.IsValid() {
			return fmt.Errorf("buildah's options have no field %s", name)
		}
		field.SetZero()
		if err := json.Unmarshal(data, field.Addr().Interface()); err != nil {
			return fmt.Errorf("Options.Tune: %s: %w", name, err)
		}
	}
	return nil
}

// plain says whether all of a value of type t survives JSON.
func plain(t reflect.Type, depth int) bool {
	if depth > 8 {
		return false
	}
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
		return false
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return plain(t.Elem(), depth+1)
	case reflect.Map:
		return plain(t.Key(), depth+1) && plain(t.Elem(), depth+1)
	case reflect.Struct:
		if t.PkgPath() == "time" {
			return true
		}
		for i := range t.NumField() {
			if !t.Field(i).IsExported() || !plain(t.Field(i).Type, depth+1) {
				return false
			}
		}
	}
	return true
}
