package containerfile

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// FuzzParse holds Parse against the builder's parser, and a file that was parsed against what is printed of it.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(archive.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkSplit(t, text)
		src, err := Parse("fuzz", strings.NewReader(text))
		if err != nil || src.File.Validate() != nil {
			return
		}
		printed := src.File.String()
		again, err := Parse("printed", strings.NewReader(printed))
		if err != nil {
			t.Fatalf("%q prints as\n%s\n%v", text, printed, err)
		}
		if !reflect.DeepEqual(again.File, src.File) || again.File.String() != printed {
			t.Fatalf("%q prints as\n%s\nwhich is\n%#v\nnot\n%#v", text, printed, again.File, src.File)
		}
		if len(text) < 1000 && utf8.ValidString(text) && !strings.ContainsRune(text, 0) { // else the builder is noisy
			checkBuild(t, text, printed)
		}
	})
}

// FuzzRoundTrip puts two strings into each kind of step, and compares what comes back from Parse and from the builder.
func FuzzRoundTrip(f *testing.F) {
	for kind := range uint8(18) {
		f.Add(kind, false, "a b", `"$X\`)
		f.Add(kind, true, "`", `\$'`)
	}
	f.Fuzz(func(t *testing.T, kind uint8, tick bool, a, b string) {
		steps := []Step{
			Run{Command: Command{Shell: a}, Mounts: []Mount{{Type: "cache", Target: b}}},
			Run{Command: Command{Exec: []string{a, b}}},
			Run{Command: Command{Shell: "cat <<" + a}, Heredocs: []Heredoc{{Name: a, Body: b}}},
			Script(a + b),
			Copy{Sources: []string{a}, Dest: "/" + b},
			Copy{Sources: []string{"x"}, Dest: "/", Chown: a, Exclude: []string{b}},
			Copy{Dest: "/", Heredocs: []Heredoc{{Name: a, Body: b, Literal: true}}},
			Add{Sources: []string{a, b}, Dest: "/"},
			Arg{{Name: a, Default: b, HasDefault: true}},
			Env{{a, b}},
			Label{{a, b}, {b, a}},
			Cmd{Command{Shell: a}},
			Healthcheck{Command: Command{Shell: a}},
			Volume{a, b},
			Workdir("/" + a),
			User(a),
			Maintainer(a),
			OnBuild{Label{{a, b}}},
		}
		s := steps[int(kind)%len(steps)]
		file := File{Stages: []Stage{{From: "scratch", Steps: []Step{s}}}}
		if tick {
			file.Directives = []Directive{{"escape", "`"}}
		}
		if file.Validate() != nil {
			return
		}
		back, err := Parse("fuzz", strings.NewReader(file.String()))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back.File, file) {
			t.Fatalf("%#v\n%s\n%#v", file, file, back.File)
		}
		if len(strings.TrimRight(a+b, "$")) < 1000 && strings.Trim(a, "/") != "" {
			checkStep(t, s, file.String())
		}
	})
}
