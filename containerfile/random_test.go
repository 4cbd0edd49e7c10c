package containerfile

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// hostile is the alphabet of the generated values.
var hostile = []string{"a", "B1", " ", "  ", "\t", `"`, `'`, `\`, `\\`, `\$`, "$", "$X", "${X}", "${X:-d e}", `${N:-"q r"}`, "${X%y}", "`",
	"#", "# escape=`", "<<EOF", "<<", "EOF", "[", "]", `["a"]`, ",", "=", "--", "-", "{", "}", "\r", "\u00a0", "\uFEFF", "é", "漢", ";", "&&", "/",
	"<", "1", "\v", "\f", "\x7f", "\u0085", "\u2028", "|", "!", "%", "*", "\\\n", "\\\n  ", "~", ":"}

type gen struct{ *rand.Rand }

func (g gen) word(extra ...string) string {
	if g.IntN(3) == 0 {
		return []string{"a", "/usr/lib", "name", "$X", "b-c.d"}[g.IntN(5)]
	}
	alphabet := append(hostile[:len(hostile):len(hostile)], extra...)
	var b strings.Builder
	for range g.IntN(7) {
		b.WriteString(alphabet[g.IntN(len(alphabet))])
	}
	return b.String()
}

func (g gen) maybe(s string) string {
	if g.IntN(2) == 0 {
		return ""
	}
	return s
}

func (g gen) words(n int, extra ...string) []string {
	var list []string
	for range n {
		list = append(list, g.word(extra...))
	}
	return list
}

func (g gen) command() Command {
	if g.IntN(2) == 0 {
		return Command{Exec: append([]string{}, g.words(g.IntN(4), "\n")...)}
	}
	return Command{Shell: g.word()}
}

func (g gen) heredocs() []Heredoc {
	var docs []Heredoc
	if g.IntN(2) == 0 {
		for range 1 + g.IntN(2) {
			docs = append(docs, Heredoc{Name: g.pick("EOF", "f.txt", "A1", "x y", "-"), Body: g.pick("", "\n", "a\n", "\ta $X\n\t\tb\n", "EOF \n#c\n\\\n", "é'\n") + g.pick("", "z\n"), Literal: g.IntN(2) == 0, StripTabs: g.IntN(3) == 0})
		}
	}
	return docs
}

func (g gen) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g gen) mount() Mount {
	m := Mount{Type: g.pick("", "bind", "cache", "secret", "ssh", "tmpfs"), Target: g.maybe(g.word())}
	switch m.kind() {
	case "bind":
		m.From, m.Source, m.Writable = g.maybe("stage"), g.maybe(g.word()), g.IntN(2) == 0
	case "cache":
		m.ID, m.Sharing, m.ReadOnly, m.Mode = g.maybe(g.word()), g.maybe("locked"), g.IntN(2) == 0, g.maybe("0755")
	case "secret":
		m.ID, m.Env, m.Required, m.UID = g.maybe(g.word()), g.maybe("TOKEN"), g.IntN(2) == 0, g.maybe("0")
	case "ssh":
		m.ID, m.Required, m.GID = g.maybe("default"), g.IntN(2) == 0, g.maybe("$GID")
	case "tmpfs":
		m.Size, m.Mode, m.ReadOnly = g.maybe("1G"), g.maybe("1777"), g.IntN(2) == 0
	}
	if g.IntN(4) == 0 {
		m.Options = []string{g.pick("U", "relabel=shared", g.word())}
	}
	return m
}

func (g gen) step(depth int) Step {
	pairs := func() []Pair {
		var list []Pair
		for range 1 + g.IntN(3) {
			list = append(list, Pair{g.word(), g.word()})
		}
		return list
	}
	switch g.IntN(18 + depth) {
	case 0:
		r := Run{Command: g.command(), Network: g.pick("", "", "none", "host", "$NET")}
		for range g.IntN(3) {
			r.Mounts = append(r.Mounts, g.mount())
		}
		if r.Network == "$NET" {
			r.Network = "${E:-none}"
		}
		return r
	case 1:
		docs := g.heredocs()
		shell := g.word()
		for _, h := range docs {
			shell += g.pick(" ", " cat ") + h.marker()
		}
		return Run{Command: Command{Shell: strings.TrimSpace(shell)}, Heredocs: docs}
	case 2:
		return Copy{Sources: g.words(1+g.IntN(2), "\n"), Dest: g.word("\n"), From: g.maybe("build"), Chown: g.maybe(g.word()), Chmod: g.maybe("0644"), Link: g.IntN(2) == 0, Parents: g.IntN(2) == 0, Exclude: g.words(g.IntN(2))}
	case 3:
		return Copy{Sources: g.words(g.IntN(2)), Dest: "/" + g.word(), Heredocs: g.heredocs()}
	case 4:
		return Add{Sources: g.words(1+g.IntN(2), "\n"), Dest: "/" + g.word("\n"), Checksum: g.maybe("sha256:00"), KeepGitDir: g.IntN(2) == 0, Link: g.IntN(2) == 0}
	case 5:
		a := Arg{}
		for range 1 + g.IntN(3) {
			d := ArgDecl{Name: g.word(), HasDefault: g.IntN(2) == 0}
			if d.HasDefault {
				d.Default = g.word()
			}
			a = append(a, d)
		}
		return a
	case 6, 7:
		return Env(pairs())
	case 8, 9:
		return Label(pairs())
	case 10:
		return Cmd{g.command()}
	case 11:
		return Entrypoint{g.command()}
	case 12:
		return Shell(g.words(g.IntN(3), "\n"))
	case 13:
		return User(g.word())
	case 14:
		return Workdir(g.word())
	case 15:
		return Volume(g.words(g.IntN(3), "\n"))
	case 16:
		return Healthcheck{Command: g.command(), Interval: g.maybe("5m"), StartInterval: g.maybe("1s"), Retries: g.IntN(3)}
	case 17:
		return Maintainer(g.word())
	case 18:
		return OnBuild{g.step(0)}
	}
	return g.steps()
}

func (g gen) steps() Step {
	switch g.IntN(3) {
	case 0:
		return Expose(strings.Fields(g.pick("80", "80 443/tcp", "1000-1002/udp 53")))
	case 1:
		return StopSignal(g.pick("SIGTERM", "9", "RTMIN+3"))
	}
	return Healthcheck{None: true}
}

// TestRoundTripRandom prints random files and compares what comes back, from Parse and from the builder.
func TestRoundTripRandom(t *testing.T) {
	g := gen{rand.New(rand.NewPCG(1, 2))}
	valid := map[string][2]int{}
	for range 10000 {
		s := g.step(2)
		f := File{Stages: []Stage{{From: "scratch", Steps: []Step{s}}}}
		if g.IntN(3) == 0 {
			f.Directives = []Directive{{"escape", "`"}}
		}
		kind := reflect.TypeOf(s).Name()
		count := valid[kind]
		count[0]++
		if err := f.Validate(); err == nil {
			count[1]++
			back, err := Parse("random", strings.NewReader(f.String()))
			if err != nil {
				t.Fatalf("%#v\n%s\n%v", f, f, err)
			}
			if !reflect.DeepEqual(back.File, f) {
				t.Fatalf("%#v\n%s\n%#v", f, f, back.File)
			}
			checkSplit(t, f.String())
			checkStep(t, s, f.String())
		}
		valid[kind] = count
	}
	for kind, n := range valid {
		t.Logf("%-12s %5d of %5d valid", kind, n[1], n[0])
		if n[1]*5 < n[0] {
			t.Errorf("%s: only %d of %d random values were valid", kind, n[1], n[0])
		}
	}
}
