package containerfile

import (
	"errors"
	"flag"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/internal/txtest"
)

var _ = flag.Bool("update", false, "rewrite what the txtar files expect")

// TestCorpus reads the section in of each archive, and compares its steps with dump, and its canonical form with out;
// or, if Parse or Validate refuses it, the mistakes with errors.
func TestCorpus(t *testing.T) {
	isInput := func(name string) bool { return name == "in" }
	txtest.Run(t, "testdata/*.txtar", isInput, func(t *testing.T, in []txtar.File) []txtar.File {
		checkSplit(t, string(in[0].Data))
		return outcome(t, string(in[0].Data))
	})
}

func outcome(t *testing.T, in string) []txtar.File {
	src, err := Parse("in", strings.NewReader(in))
	if err != nil {
		return []txtar.File{{Name: "errors", Data: []byte(err.Error() + "\n")}}
	}
	files := []txtar.File{{Name: "dump", Data: []byte(dump(src))}}
	var out strings.Builder
	if _, err := src.File.WriteTo(&out); err != nil {
		var field *FieldError
		if !errors.As(err, &field) {
			t.Errorf("%T is no FieldError", err)
		}
		return append(files, txtar.File{Name: "errors", Data: []byte(err.Error() + "\n")})
	}
	again, err := Parse("out", strings.NewReader(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.File, src.File) {
		t.Errorf("the canonical form says something else:\n%s", dump(again))
	}
	checkBuild(t, in, out.String())
	return append(files, txtar.File{Name: "out", Data: []byte(out.String())})
}

// dump lists stages and steps with their lines; fields at their zero value are left out.
func dump(src *Source) string {
	var b strings.Builder
	line := func(r Range, i Index, v any) {
		fmt.Fprintf(&b, "%d-%d %s %s\n", r.Line, r.EndLine, i, value(reflect.ValueOf(v)))
	}
	for _, d := range src.File.Directives {
		fmt.Fprintf(&b, "%s=%s\n", d.Name, d.Value)
	}
	last := Preamble
	for i, s := range src.File.All() {
		for last < i.Stage {
			last++
			stage := src.File.Stages[last]
			stage.Steps = nil
			line(src.At(Index{last, FROM}), Index{last, FROM}, stage)
		}
		line(src.At(i), i, s)
	}
	for last++; last < len(src.File.Stages); last++ {
		stage := src.File.Stages[last]
		stage.Steps = nil
		line(src.At(Index{last, FROM}), Index{last, FROM}, stage)
	}
	return b.String()
}

func value(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Interface:
		return value(v.Elem())
	case reflect.Struct:
		var fields []string
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				continue
			}
			fields = append(fields, v.Type().Field(i).Name+":"+value(v.Field(i)))
		}
		return v.Type().Name() + "{" + strings.Join(fields, " ") + "}"
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, value(v.Index(i)))
		}
		return v.Type().Name() + "[" + strings.Join(items, " ") + "]"
	case reflect.String:
		if name := v.Type().Name(); name != "string" {
			return fmt.Sprintf("%s(%q)", name, v.String())
		}
	}
	return fmt.Sprintf("%#v", v.Interface())
}
