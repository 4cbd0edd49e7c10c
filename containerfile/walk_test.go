package containerfile

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestArgs compares the visible ARGs with those that the builder allows at the end of the last stage.
func TestArgs(t *testing.T) {
	for _, text := range []string{
		"FROM scratch\nARG A\nARG B=1 C\n",
		"ARG A=1\nFROM scratch\n",
		"ARG A=1\nFROM scratch\nARG A\nARG A=2\n",
		"ARG A=1\nARG B\nFROM scratch AS one\nARG A B X=x\nFROM one\nARG Y=y X=z\n",
		"FROM scratch AS one\nARG A=1\nFROM one AS two\nFROM two\n",
		"FROM scratch\nARG A=1\nFROM 0\nARG A\n",
		"FROM scratch AS one\nARG A=1\nFROM scratch\nARG B\n",
	} {
		src, err := Parse("x", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		b, _, _, err := evaluate(text)
		if err != nil {
			t.Fatal(err)
		}
		last := len(src.File.Stages) - 1
		var got []string
		for _, d := range src.File.Args(Index{last, len(src.File.Stages[last].Steps)}) {
			got = append(got, d.Name)
			if v, ok := b.Args[d.Name]; ok != d.HasDefault || v != d.Default {
				t.Errorf("%q: %v, the builder has %q %v", text, d, v, ok)
			}
		}
		var want []string
		for name := range maps.Keys(b.AllowedArgs) {
			if !strings.HasSuffix(strings.ToLower(name), "_proxy") {
				want = append(want, name)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, the builder allows %q", text, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	f := File{Stages: []Stage{{From: "a", Name: "x"}, {From: "b", Name: "x"}, {From: "x"}}}
	for _, test := range []struct {
		ref    string
		before int
		stage  int
		ok     bool
	}{
		{"x", 3, 1, true}, {"x", 1, 0, true}, {"x", 0, 0, false}, {"2", 3, 2, true}, {"2", 2, 2, false}, {"-1", 3, -1, false},
		{"", 3, 0, false}, {"y", 3, 0, false}, {"x", 99, 1, true},
	} {
		if stage, ok := f.Lookup(test.ref, test.before); ok != test.ok || ok && stage != test.stage {
			t.Errorf("Lookup(%q, %d) = %d, %v", test.ref, test.before, stage, ok)
		}
	}
}

func TestAt(t *testing.T) {
	src, err := Parse("x", strings.NewReader("ARG A\n\nFROM a\nRUN <<E\nx\nE\n"))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[Index]Range{
		{Preamble, 0}: {1, 1}, {Preamble, 1}: {}, {Preamble, FROM}: {}, {0, FROM}: {3, 3}, {0, 0}: {4, 6}, {0, 1}: {}, {1, FROM}: {}, {-2, 0}: {}, {0, -2}: {},
	} {
		if got := src.At(at); got != want {
			t.Errorf("At(%v) = %v, want %v", at, got, want)
		}
	}
	for range src.File.All() {
		break // must not go on
	}
}
