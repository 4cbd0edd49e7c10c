package lint

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// factsOf are the facts about a root with these files; a value that begins with -> is a link.
func factsOf(t testing.TB, files map[string]string) *Facts {
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range files {
		file := &fstest.MapFile{Data: []byte(text), Mode: 0o644}
		if target, ok := strings.CutPrefix(text, "->"); ok {
			file.Data, file.Mode = []byte(target), fs.ModeSymlink|0o777
		}
		root[strings.TrimPrefix(name, "/")] = file
	}
	layer := &Layer{stage: InRoot}
	g := newGathering([]Rule{{Wants: Reading("/**")}}, small).layer(layer)
	must(t, g.readFS(t.Context(), root))
	g.done()
	return &Facts{Stages: InRoot, Layers: []*Layer{layer}, Root: newTree([]*Layer{layer}, true)}
}

// unitCases are trees of unit files; each file of a.service and its drop-ins sets a program of its own.
var unitCases = [][]string{
	{"/usr/lib/systemd/system/a-b.service"},
	{"/usr/lib/systemd/system/a-b.service", "/etc/systemd/system/a-b.service"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/local/lib/systemd/system/a-b.service"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-b.service.d/20-x.conf", "/usr/lib/systemd/system/service.d/10-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-b.service.d/20-x.conf", "/usr/lib/systemd/system/service.d/30-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-b.service.d/20-x.conf", "/usr/lib/systemd/system/service.d/20-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-b.service.d/20-x.conf", "/etc/systemd/system/a-b.service.d/20-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-b.service.d/20-x.conf", "/etc/systemd/system/a-b.service.d/10-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-b.service.d/20-x.conf", "/etc/systemd/system/service.d/20-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-.service.d/20-x.conf", "/usr/lib/systemd/system/service.d/20-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/usr/lib/systemd/system/a-.service.d/20-x.conf", "/usr/lib/systemd/system/a-b.service.d/20-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/etc/systemd/system/a-.service.d/20-x.conf", "/usr/lib/systemd/system/a-b.service.d/20-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/etc/systemd/system/a-.service.d/90-x.conf", "/usr/lib/systemd/system/a-b.service.d/20-x.conf"},
	{"/usr/lib/systemd/system/a-b.service", "/etc/systemd/system/a-b.service.d/90-x.txt"},
}

// TestUnitOracle has systemd-analyze say which file of a unit and its drop-ins counts.
func TestUnitOracle(t *testing.T) {
	var trees []map[string]string
	for _, names := range unitCases {
		tree := map[string]string{}
		for i, name := range names {
			tree[name] = fmt.Sprintf("[Service]\nExecStart=\nExecStart=/no/program-%d\n", i)
		}
		trees = append(trees, tree)
	}
	said, _ := oracle(t, "systemd-analyze verify --man=no a-b.service", trees)
	for i, tree := range trees {
		for _, u := range factsOf(t, tree).units() {
			if got := u.get("Service", "ExecStart"); u.name == "a-b.service" && !strings.Contains(said[i], "Command "+got+" is not executable") {
				t.Errorf("%q: %s, and systemd says %s", unitCases[i], got, said[i])
			}
		}
	}
}

// execCorpus are commands of units, with the program that is started; "" for a mistake.
var execCorpus = map[string]string{
	"/no/a -x": "/no/a", "-/no/a": "/no/a", "@/no/a b c": "/no/a", "-@:/no/a b": "/no/a", "!!/no/a": "/no/a", "+/no/a": "/no/a", `"/no/a" 'b c'`: "/no/a", `/no/\x61`: "/no/a", "/no/a ; /no/b": "/no/a", "/no/a b; c": "/no/a", `/no/a \; b`: "/no/a",
	`/no/a "open`: "", `/no/a \q`: "", "-": "", "/no/$A": "/no/$A", "/no/a $$x": "/no/a",
}

// TestExecOracle has systemd-analyze read commands: which program they start, and which are mistakes.
func TestExecOracle(t *testing.T) {
	values := slices.Sorted(maps.Keys(execCorpus))
	var trees []map[string]string
	for _, v := range values {
		trees = append(trees, map[string]string{"/usr/lib/systemd/system/a.service": "[Service]\nType=oneshot\nExecStart=" + v + "\n"})
	}
	said, _ := oracle(t, "systemd-analyze verify --man=no a.service", trees)
	for i, v := range values {
		got := ""
		if list, err := readExec(v); err == nil && len(list) > 0 {
			got = list[0].program
		}
		if want := execCorpus[v]; got != want || !strings.HasPrefix(v, "-") && (want != "") != strings.Contains(said[i], "Command "+want+" is not executable") {
			t.Errorf("%s: %q; systemd says %s", v, got, said[i])
		}
	}
}

func TestUnits(t *testing.T) {
	f := factsOf(t, map[string]string{
		"/usr/lib/systemd/system/a.service":                         "[Service]\nExecStart=/bin/a\nUser=a\n",
		"/usr/lib/systemd/system/a.service.d/20-b.conf":             "[Service]\nExecStart=\nExecStart=/bin/b\n",
		"/usr/lib/systemd/system/service.d/10-all.conf":             "[Service]\nUser=all\n",
		"/usr/lib/systemd/system/service.d/20-b.conf":               "[Service]\nUser=type\n",
		"/etc/systemd/system/a.service.d/30-c.conf":                 "[Service]\nUser=c\n",
		"/usr/lib/systemd/system/a.service.d/30-c.conf":             "[Service]\nUser=hidden\n",
		"/etc/systemd/system/masked.service":                        "->/dev/null",
		"/usr/lib/systemd/system/masked.service":                    "[Service]\nExecStart=/bin/m\n",
		"/etc/systemd/system/empty.service":                         "",
		"/usr/lib/systemd/system/alias.service":                     "->a.service",
		"/usr/lib/systemd/system/x-y-z.service":                     "[Service]\nExecStart=/bin/x\n",
		"/usr/lib/systemd/system/x-.service.d/1.conf":               "[Service]\nUser=x\n",
		"/usr/lib/systemd/system/t@.service":                        "[Service]\nUser=t\n",
		"/etc/systemd/system/t@.service.d/1.conf":                   "[Service]\nUser=u\n",
		"/usr/lib/systemd/system/other.service.d/1.conf":            "[Service]\nUser=other\n",
		"/usr/lib/systemd/system/multi-user.target.wants/a.service": "->../a.service",
		"/usr/lib/systemd/system/README":                            "no unit",
	})
	var b strings.Builder
	for _, u := range f.units() {
		b.WriteString(u.name)
		if u.masked {
			b.WriteString(" masked")
		}
		if u.file == nil {
			b.WriteString(" without a file")
		}
		for _, key := range []string{"ExecStart", "User"} {
			for _, s := range u.all("Service", key) {
				fmt.Fprintf(&b, " %s=%s:%d", key, s.value, s.line)
			}
		}
		b.WriteString("\n")
	}
	const want = `a.service ExecStart=/bin/b:3 User=a:3 User=all:2 User=c:2
alias.service ExecStart=/bin/a:2 User=a:3 User=all:2 User=type:2
empty.service masked User=all:2 User=type:2
masked.service masked User=all:2 User=type:2
other.service without a file User=other:2 User=all:2 User=type:2
t@.service User=t:2 User=u:2 User=all:2 User=type:2
x-y-z.service ExecStart=/bin/x:2 User=x:2 User=all:2 User=type:2
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// FuzzUnit reads any text as a unit, and any of its commands.
func FuzzUnit(f *testing.F) {
	f.Add("[Service]\nExecStart=-/bin/sh -c 'a > /etc/b; exec /usr/bin/c $D'\nExecStartPre=@/x y ; z \\; \"q\"\nExecStop=\nStateDirectory=a:b c/d %i\n[Unit]\nConditionPathExists=!/x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			return
		}
		facts := factsOf(t, map[string]string{"/usr/lib/systemd/system/a.service": text, "/etc/systemd/system/a.service.d/x.conf": text})
		lines := strings.Count(text, "\n") + 1
		for _, u := range facts.units() {
			for _, s := range u.all("Service", "ExecStart") {
				if s.line < 1 || s.line > lines {
					t.Errorf("line %d of %d", s.line, lines)
				}
				readExec(s.value)
			}
		}
	})
}
