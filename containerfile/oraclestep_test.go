package containerfile

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	docker "github.com/fsouza/go-dockerclient"
	"github.com/openshift/imagebuilder"
)

// unsetVariable is what the builder says when a variable of the random input turns out to be empty.
var unsetVariable = regexp.MustCompile(`can not be an empty string|no value specified for|requires a non-empty argument`)

// checkStep compares what the builder takes from a stage of one step with what the step means.
func checkStep(t *testing.T, s Step, text string) {
	t.Helper()
	b, _, rec, err := evaluate(text)
	if err != nil && unsetVariable.MatchString(err.Error()) {
		return
	}
	if err != nil {
		t.Fatalf("the builder refuses %#v: %v\n%s", s, err, text)
	}
	argv := func(c Command) []string {
		if c.Exec != nil {
			return append([]string{}, c.Exec...)
		}
		return []string{"/bin/sh", "-c", c.Line()}
	}
	files := func(docs []Heredoc, run bool) []imagebuilder.File {
		var list []imagebuilder.File
		for _, h := range docs {
			if h.Body != "" {
				h.Body = "\n" + strings.TrimSuffix(h.Body, "\n")
			}
			if h.StripTabs {
				h.Body = regexp.MustCompile(`(?m)^\t+`).ReplaceAllString(h.Body, "")
			}
			if !run && !h.Literal {
				h.Body = strings.NewReplacer("$X", "x y").Replace(h.Body)
			}
			list = append(list, imagebuilder.File{Name: h.Name, Data: h.Body})
		}
		return list
	}
	abs := func(dest string) string {
		if dest = expand(t, dest); filepath.IsAbs(dest) {
			return dest
		}
		slash := strings.HasSuffix(dest, "/") || strings.HasSuffix(dest, "/.") || dest == "."
		if dest = filepath.Join("/", dest); slash && dest != "/" || slash && dest == "/" && strings.HasSuffix(dest, "//") {
			dest += "/"
		}
		return dest
	}
	withMarkers := func(docs []Heredoc, sources []string) []string {
		var list []string
		for _, h := range docs {
			h.Literal = false
			list = append(list, h.marker())
		}
		return append(list, expandAll(t, sources)...)
	}
	switch s := s.(type) {
	case Run:
		same(t, "runs", len(rec.runs), 1)
		run := rec.runs[0]
		same(t, "shell", run.Shell, s.Exec == nil)
		same(t, "network", run.Network, expand(t, s.Network))
		same(t, "files", run.Files, files(s.Heredocs, true))
		want := argv(s.Command)
		if run.Shell {
			want = want[2:]
		}
		same(t, "args", run.Args, want)
		same(t, "mounts", len(run.Mounts), len(s.Mounts))
		for i, m := range s.Mounts {
			var want []string
			for _, token := range m.tokens(func(_ string, err error) { t.Error(err) }) {
				want = append(want, expand(t, token))
			}
			same(t, "mount", strings.Split(run.Mounts[i], ","), want)
		}
	case Copy:
		same(t, "copies", len(rec.copies), 1)
		c := rec.copies[0]
		same(t, "from", c.From, expand(t, s.From))
		same(t, "sources", c.Src, withMarkers(s.Heredocs, s.Sources))
		if strings.HasPrefix(s.Dest, "/") {
			same(t, "dest", c.Dest, expand(t, s.Dest))
		} else {
			same(t, "dest", strings.TrimSuffix(c.Dest, "/"), strings.TrimSuffix(abs(s.Dest), "/"))
		}
		same(t, "flags", []any{c.Chown, c.Chmod, c.Link, c.Parents, c.Excludes, c.Download},
			[]any{expand(t, s.Chown), expand(t, s.Chmod), s.Link, s.Parents, expandAll(t, s.Exclude), false})
		same(t, "files", c.Files, files(s.Heredocs, false))
	case Add:
		same(t, "copies", len(rec.copies), 1)
		c := rec.copies[0]
		same(t, "sources", c.Src, withMarkers(s.Heredocs, s.Sources))
		same(t, "flags", []any{c.Chown, c.Chmod, c.Checksum, c.Link, c.KeepGitDir, c.Excludes, c.Download},
			[]any{expand(t, s.Chown), expand(t, s.Chmod), expand(t, s.Checksum), s.Link, s.KeepGitDir, expandAll(t, s.Exclude), true})
		same(t, "files", c.Files, files(s.Heredocs, false))
	case Arg:
		for i, d := range s {
			name := expand(t, d.Name)
			last := !slices.ContainsFunc(s[i+1:], func(o ArgDecl) bool { return expand(t, o.Name) == name })
			same(t, "arg "+name, b.AllowedArgs[name], true)
			if d.HasDefault && last {
				same(t, "default", b.Args[name], expand(t, d.Default))
			}
		}
	case Env:
		want := map[string]string{}
		for _, p := range s {
			want[expand(t, p.Key)] = expand(t, p.Value)
		}
		got := map[string]string{}
		for _, kv := range b.RunConfig.Env {
			k, v, _ := strings.Cut(kv, "=")
			got[k] = v
		}
		same(t, "env", got, want)
	case Label:
		want := map[string]string{}
		for _, p := range s {
			want[expand(t, p.Key)] = expand(t, p.Value)
		}
		same(t, "labels", b.RunConfig.Labels, want)
	case Cmd:
		same(t, "cmd", []string(b.RunConfig.Cmd), argv(s.Command))
	case Entrypoint:
		same(t, "entrypoint", append([]string{}, b.RunConfig.Entrypoint...), argv(s.Command))
	case Shell:
		same(t, "shell", []string(b.RunConfig.Shell), []string(s))
	case User:
		same(t, "user", b.RunConfig.User, expand(t, string(s)))
	case Workdir:
		dir := expand(t, string(s))
		if !strings.HasPrefix(dir, "/") {
			dir = filepath.Join("/", dir)
		}
		if dir != "/" {
			dir = strings.TrimSuffix(dir, "/")
		}
		same(t, "workdir", b.RunConfig.WorkingDir, dir)
	case Expose:
		for _, port := range s {
			if _, ok := b.RunConfig.ExposedPorts[docker.Port(port)]; !ok && strings.Contains(port, "/") {
				t.Errorf("port %s is not exposed: %v", port, b.RunConfig.ExposedPorts)
			}
		}
	case Volume:
		for _, v := range s {
			if _, ok := b.RunConfig.Volumes[strings.TrimSpace(expand(t, v))]; !ok {
				t.Errorf("volume %q is missing in %q", v, b.RunConfig.Volumes)
			}
		}
	case StopSignal:
		same(t, "signal", b.RunConfig.StopSignal, expand(t, string(s)))
	case Maintainer:
		same(t, "author", b.Author, strings.ReplaceAll(string(s), "\\\n", ""))
	case Healthcheck:
		h := b.RunConfig.Healthcheck
		switch want := argv(s.Command); {
		case s.None:
			same(t, "none", h.Test, []string{"NONE"})
		case s.Command.Exec != nil:
			same(t, "healthcheck", h.Test, append([]string{"CMD"}, want...))
		default:
			same(t, "healthcheck", h.Test, []string{"CMD-SHELL", want[2]})
		}
		same(t, "retries", h.Retries, s.Retries)
	case OnBuild:
		same(t, "triggers", len(b.RunConfig.OnBuild), 1)
		checkStep(t, s.Step, "FROM scratch\n"+b.RunConfig.OnBuild[0]+"\n")
	default:
		t.Fatalf("no oracle for %T", s)
	}
	if t.Failed() {
		t.Fatalf("%#v\n%s", s, text)
	}
}
