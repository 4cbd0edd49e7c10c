package bootc

import (
	"reflect"
	"slices"
)

// Gathered is a value that a feature left with Gather.
type Gathered[T any] struct {
	Value T
	// Path is the Go path of the feature from the Spec, for FieldErrors: Features[2].CustomInfo.
	Path string
}

// Gather is for what several features ask for together and one file or step does: a list in a file that a program reads
// whole. It keeps a value for the feature that contributes now. When all features have contributed, settle gets the
// values of type T, in the order of the features, and adds to the draft what they amount to; it is called once a type,
// which should be the caller's own, and must be the same function each time. The paths of the errors it returns begin
// at the Spec: see Gathered.Path.
func Gather[T any](d *Draft, value T, settle func(d *Draft, values []Gathered[T]) error) {
	key := reflect.TypeFor[T]()
	i := slices.IndexFunc(d.gathered, func(g gathering) bool { return g.key == key })
	if i < 0 {
		i = len(d.gathered)
		values := &[]Gathered[T]{}
		d.gathered = append(d.gathered, gathering{key: key, values: values, settle: func(d *Draft) error { return settle(d, *values) }})
	}
	values := d.gathered[i].values.(*[]Gathered[T])
	*values = append(*values, Gathered[T]{value, d.at("")})
	d.gathered[i].features = union(d.gathered[i].features, d.origins())
}

// gathering is what features gathered of one type.
type gathering struct {
	key      reflect.Type
	values   any // *[]Gathered[T]
	settle   func(*Draft) error
	features []string
}

// settleGathered lets the gatherings contribute, on behalf of the features that made them.
func (d *Draft) settleGathered() []error {
	var errs []error
	for i := 0; i < len(d.gathered); i++ { // one may begin another
		g := d.gathered[i]
		d.sharing = g.features
		for _, err := range flatten(g.settle(d)) {
			if _, ok := err.(*FieldError); !ok {
				err = &FieldError{Path: g.features[0], Err: err}
			}
			errs = append(errs, err)
		}
		d.sharing = nil
	}
	return errs
}
