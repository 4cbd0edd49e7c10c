package containerfile

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/openshift/imagebuilder"
)

// TestLiteralRandom: whatever a value holds, the builder ends up with it, byte for byte, and nothing expands.
func TestLiteralRandom(t *testing.T) {
	g := gen{rand.New(rand.NewPCG(5, 6))}
	for i := range 4000 {
		s := g.word("\\$X", "$$", "${", "}", "\x01", "😀")
		f := one(nil)
		if i%2 == 0 {
			f.Directives = []Directive{{"escape", "`"}}
		}
		line := strings.ReplaceAll(s, "\n", "")
		f.Stages[0].Steps = []Step{
			Label{{"l", Literal(line)}, {Literal("k" + strings.ReplaceAll(line, "=", "")), ""}},
			Env{{"E", "${X}" + Literal(line) + "$X"}},
			Arg{{"A", Literal(line), true}},
			User(Literal(line)),
			Workdir("/" + Literal(line)),
			Copy{Sources: []string{"a" + Literal(s), Literal(s) + "b\n"}, Dest: "/" + Literal(s)},
			Run{Command: Command{Exec: []string{s, "\n"}}},
		}
		if err := f.Validate(); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		b, _, rec, err := evaluate(f.String())
		if err != nil {
			t.Fatalf("%q: %v\n%s", s, err, f)
		}
		got := []string{b.RunConfig.Labels["l"], b.RunConfig.Env[0], b.Args["A"], b.RunConfig.User, rec.copies[0].Src[0], rec.copies[0].Src[1], rec.copies[0].Dest, rec.runs[0].Args[0]}
		want := []string{line, "E=x y" + line + "x y", line, line, "a" + s, s + "b\n", "/" + s, s}
		if _, ok := b.RunConfig.Labels["k"+strings.ReplaceAll(line, "=", "")]; !ok || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: the builder has\n%q, want\n%q\n%s", s, got, want, f)
		}
	}
}

// TestPlainRandom holds our reading of quoted words against ProcessWord.
func TestPlainRandom(t *testing.T) {
	g := gen{rand.New(rand.NewPCG(7, 8))}
	good := 0
	for range 40000 {
		word := g.word("${X#x}", "${X/ /-}", `"a`, `'b`, "$1", "${X:+", "}")
		want, err := imagebuilder.ProcessWord(word, oracleEnv)
		p, ours := plain(word)
		if (err == nil) != (ours == nil) {
			t.Fatalf("%q: the builder says %v, plain %v", word, err, ours)
		}
		if err != nil {
			continue
		}
		good++
		if got := expand(t, p); got != want {
			t.Fatalf("%q is %q, which means %q; the builder has %q", word, p, got, want)
		}
		for _, inQuotes := range []bool{false, true} {
			text, err := source(p, inQuotes, inQuotes)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := plain(text); err != nil || again != p {
				t.Fatalf("%q prints as %q, which is %q, %v", p, text, again, err)
			}
		}
	}
	if good < 10000 {
		t.Errorf("only %d words were well-formed", good)
	}
}
