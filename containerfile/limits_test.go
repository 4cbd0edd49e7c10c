package containerfile

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func one(s Step) File { return File{Stages: []Stage{{From: "scratch", Steps: []Step{s}}}} }

func TestLargeHeredoc(t *testing.T) {
	for name, line := range map[string]string{"lines": strings.Repeat("x", 63) + "\n", "short": "#\n", "one line": strings.Repeat("é ", 1<<10)} {
		body := strings.TrimSuffix(strings.Repeat(line, 1<<20/len(line)), "\n") + "\n"
		for _, s := range []Step{Script(body), Copy{Dest: "/x", Heredocs: []Heredoc{{Name: "f", Body: body, Literal: true}}}} {
			f := one(s)
			var out strings.Builder
			n, err := f.WriteTo(&out)
			if err != nil || n != int64(out.Len()) {
				t.Fatal(name, n, err)
			}
			back, err := Parse("large", strings.NewReader(out.String()))
			if err != nil || !reflect.DeepEqual(back.File, f) {
				t.Fatalf("%s: %T of 1 MiB came back differently: %v", name, s, err)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	for name, test := range map[string]struct {
		file File
		want error
	}{
		"label":        {one(Label{{"a", strings.Repeat("x", MaxInstruction)}}), errInstruction},
		"command":      {one(Run{Command: Command{Shell: strings.Repeat("x", MaxInstruction)}}), errInstruction},
		"line":         {one(Script(strings.Repeat("x", 2<<20))), errLine},
		"file":         {one(Script(strings.Repeat("line\n", MaxSize/5))), errSize},
		"instructions": {File{Stages: []Stage{{From: "scratch", Steps: many(User(strings.Repeat("x", 100<<10)), 5)}}}, errWork},
	} {
		if err := test.file.Validate(); !errors.Is(err, test.want) {
			t.Errorf("%s: Validate says %.300v, want %v", name, err, test.want)
		}
	}
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"instruction": {"FROM scratch\nRUN " + strings.Repeat("x", MaxInstruction), errInstruction},
		"continued":   {"FROM scratch\nRUN " + strings.Repeat("x\\\n", MaxInstruction), errInstruction},
		"line":        {"FROM scratch\nRUN <<E\n" + strings.Repeat("x", 2<<20) + "\nE\n", errLine},
		"file":        {strings.Repeat("#\n", MaxSize/2+1), errSize},
		"many":        {"FROM scratch\n" + strings.Repeat("ENV A="+strings.Repeat("x", 100<<10)+"\n", 10), errWork},
		"NUL":         {"FROM scratch\nRUN a\x00b\n", errNUL},
		"UTF-8":       {"FROM scratch\nRUN a\xffb\n", errUTF8},
	} {
		_, err := Parse(name, strings.NewReader(test.text))
		var syntax *SyntaxError
		if !errors.Is(err, test.want) || !errors.As(err, &syntax) {
			t.Errorf("%s: Parse says %.300v, want %v", name, err, test.want)
		}
	}
}

func many(s Step, n int) []Step {
	var list []Step
	for range n {
		list = append(list, s)
	}
	return list
}

// The longest value that Validate accepts is one that the builder's parser takes.
func TestLongestLine(t *testing.T) {
	f := one(Script(strings.Repeat("x", maxLine-2)))
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	checkStep(t, f.Stages[0].Steps[0], f.String())
}

// TestHostileSize feeds shapes that are slow to parse carelessly; the bound is some ten times what they take.
func TestHostileSize(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for name, text := range map[string]string{
		"unknown":       strings.Repeat("A\n", 8<<20),
		"continuations": "RUN " + strings.Repeat("\\\n", 8<<20),
		"comments":      "RUN \\\n" + strings.Repeat("#\n", 2<<20),
		"heredocs":      "FROM a\nRUN <<E\n" + strings.Repeat("\n", 15<<20) + "E\n",
		"onbuild":       "FROM a\n" + strings.Repeat("ONBUILD ", 15<<10) + "RUN x\n",
		"markers":       "FROM a\nRUN " + strings.Repeat("<<E ", 30<<10) + "\n",
		"json":          "FROM a\nRUN " + strings.Repeat("[", 120<<10) + "\n",
		"braces":        "FROM a\nENV a=" + strings.Repeat("${a:-", 20<<10) + "\n",
		"NUL":           strings.Repeat("\x00", 16<<20),
	} {
		start := time.Now()
		_, err := Parse(name, strings.NewReader(text))
		took := time.Since(start)
		t.Logf("%-14s %8.3fs %.80v", name, took.Seconds(), err)
		if took > 40*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func TestManyErrors(t *testing.T) {
	_, err := Parse("x", strings.NewReader(strings.Repeat("FRUM\n", 1000)))
	if n := strings.Count(err.Error(), "\n") + 1; n != maxErrors {
		t.Errorf("%d errors", n)
	}
}

func TestReaderError(t *testing.T) {
	if _, err := Parse("x", iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if _, err := one(User("root")).WriteTo(failing{}); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestFieldErrors gives every mistake its path.
func TestFieldErrors(t *testing.T) {
	sh := Command{Shell: "x"}
	for _, test := range []struct {
		step Step
		path string
	}{
		{nil, ""},
		{Run{}, ".shell"},
		{Run{Command: Command{Exec: []string{}}}, ".exec"},
		{Run{Command: Command{Shell: "a", Exec: []string{"b"}}}, ""},
		{Run{Command: Command{Exec: []string{"a", "b\xff"}}}, ".exec[1]"},
		{Run{Command: Command{Shell: `["a"] && b`}}, ".shell"},
		{Run{Command: Command{Shell: "a\nb"}}, ".shell"},
		{Run{Command: Command{Shell: "a \\\n # b \\\n c"}}, ".shell"},
		{Run{Command: Command{Shell: "a \\\n\\\n c\n"}}, ".shell"},
		{Run{Command: Command{Shell: `dir \`}}, ".shell"},
		{Run{Command: Command{Shell: "cat <<EOF"}}, ".heredocs"},
		{Run{Command: Command{Shell: "echo it's <<EOF"}, Heredocs: []Heredoc{{Name: "EOF"}}}, ".heredocs"},
		{Run{Command: Command{Shell: "cat <<EOF"}, Heredocs: []Heredoc{{Name: "EOF", Body: "EOF\n"}}}, ".heredocs[0]"},
		{Run{Command: Command{Shell: "cat <<EOF"}, Heredocs: []Heredoc{{Name: "EOF", Body: "a\r\n"}}}, ".heredocs[0]"},
		{Run{Command: Command{Shell: "cat <<-EOF"}, Heredocs: []Heredoc{{Name: "EOF", Body: "\tEOF\n", StripTabs: true}}}, ".heredocs[0]"},
		{Run{Command: Command{Shell: "cat <<EOF"}, Heredocs: []Heredoc{{Name: "EOF", Body: "no newline"}}}, ".heredocs[0]"},
		{Run{Command: Command{Shell: "cat <<A"}, Heredocs: []Heredoc{{Name: "B", Body: "x\n"}}}, ""},
		{Run{Command: sh, Mounts: []Mount{{}, {Type: "nfs"}}}, ".mounts[0]"},
		{Run{Command: sh, Mounts: []Mount{{Type: "secret", Target: "/a", From: "b"}}}, ".mounts[0].from"},
		{Run{Command: sh, Mounts: []Mount{{Type: "secret", ID: "é"}}}, ".mounts[0]"},
		{Run{Command: sh, Mounts: []Mount{{Target: "/x", Options: []string{"z", "target=/y"}}}}, ".mounts[0].options[1]"},
		{Run{Command: sh, Network: "bridge"}, ".network"},
		{Copy{Dest: "/x"}, ".sources"},
		{Copy{Sources: []string{"a", ""}, Dest: "/x"}, ".sources[1]"},
		{Copy{Sources: []string{"a"}}, ".dest"},
		{Copy{Sources: []string{"a b"}, Dest: "/", Heredocs: []Heredoc{{Name: "x", Body: "y\n"}}}, ".sources[0]"},
		{Copy{Sources: []string{"a"}, Dest: "/", Exclude: []string{"x", ""}}, ".exclude[1]"},
		{Copy{Sources: []string{"a"}, Dest: "/", From: "a b"}, ".from"},
		{Add{Sources: []string{"a"}, Dest: "/", Chmod: "u+x"}, ".chmod"},
		{Add{Sources: []string{"a"}, Dest: "/", Chown: "ü"}, ".chown"},
		{Arg{}, ""},
		{Arg{{Name: ""}}, "[0].name"},
		{Arg{{Name: "A", Default: "b"}}, "[0].default"},
		{Env{{"A", "b"}, {"B", "a\nb"}}, "[1].value"},
		{Env{{"A=B", "b"}}, "[0].key"},
		{Label{{"A", "${x"}}, "[0].value"},
		{Label{{"A", "\x00"}}, "[0].value"},
		{Expose{"80", "90 91"}, "[1]"},
		{Volume{" /x"}, "[0]"},
		{User("a\nb"), ""},
		{Maintainer("a\nb"), ""},
		{StopSignal(""), ""},
		{Shell{}, ""},
		{Healthcheck{None: true, Retries: 1}, ".none"},
		{Healthcheck{Command: sh, StartPeriod: "5"}, ".startperiod"},
		{Healthcheck{Command: sh, Retries: -1}, ".retries"},
		{Comment("a\nb"), ""},
		{Raw("RUN a \\"), ""},
		{Raw("RUN <<E\n"), ""},
		{Raw("FROM x"), ""},
		{OnBuild{Script("x")}, ".step.heredocs"},
		{OnBuild{Label{{"a", "\n"}}}, ".step[0].value"},
		{OnBuild{}, ".step"},
	} {
		f := one(test.step)
		var field *FieldError
		if err := f.Validate(); !errors.As(err, &field) || field.Path != "stages[0].steps[0]"+test.path {
			t.Errorf("%#v: %v, want a mistake at %q", test.step, err, test.path)
		}
		if n, err := f.WriteTo(failing{}); n != 0 || err == nil {
			t.Errorf("%#v: something was written", test.step)
		}
		if _, err := Parse("x", strings.NewReader(f.String())); err == nil {
			t.Errorf("%#v: String can be built:\n%s", test.step, f)
		}
	}
	for path, f := range map[string]File{
		"directives[0]":      {Directives: []Directive{{"escape", "x"}}},
		"directives[1]":      {Directives: []Directive{{"syntax", "x"}, {"escape", "`"}}},
		"preamble[0]":        {Preamble: []Step{User("x")}},
		"stages[0].from":     {Stages: []Stage{{}}},
		"stages[1].name":     {Stages: []Stage{{From: "a"}, {From: "a", Name: "b c"}}},
		"stages[0].platform": {Stages: []Stage{{From: "a", Platform: "ü"}}},
		"stages[0].after":    {Stages: []Stage{{From: "a", After: []string{"b", "c"}}}},
		"stages[1].steps[1]": {Stages: []Stage{{From: "a"}, {From: "b", Steps: []Step{User("x"), nil}}}},
	} {
		var field *FieldError
		if err := f.Validate(); !errors.As(err, &field) || field.Path != path {
			t.Errorf("%v, want a mistake at %s", err, path)
		}
	}
	if err := (File{}).Validate(); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(File{}); got != "" {
		t.Errorf("%q", got)
	}
}

func TestRaw(t *testing.T) {
	f := one(Raw("# note\nRUN --security=insecure x \\\n  y\nFROB x"))
	want := "FROM scratch\n# note\nRUN --security=insecure x \\\n  y\nFROB x\n"
	if err := f.Validate(); err != nil || f.String() != want {
		t.Errorf("%v\n%s", err, f)
	}
}
