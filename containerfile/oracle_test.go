package containerfile

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	docker "github.com/fsouza/go-dockerclient"
	"github.com/openshift/imagebuilder"
	"github.com/openshift/imagebuilder/dockerfile/parser"
)

// The oracle is what buildah builds with: imagebuilder's parser, its evaluator, and a recorder as executor.

var oracleEnv = []string{"X=x y", "HOME=/home", "E="}

type recorder struct {
	copies []imagebuilder.Copy
	runs   []imagebuilder.Run
}

func (r *recorder) Preserve(string) error                                    { return nil }
func (r *recorder) EnsureContainerPath(string) error                         { return nil }
func (r *recorder) EnsureContainerPathAs(string, string, *os.FileMode) error { return nil }
func (r *recorder) UnrecognizedInstruction(s *imagebuilder.Step) error {
	return fmt.Errorf("unknown %v", s)
}
func (r *recorder) Copy(_ []string, c ...imagebuilder.Copy) error {
	r.copies = append(r.copies, c...)
	return nil
}
func (r *recorder) Run(run imagebuilder.Run, _ docker.Config) error {
	r.runs = append(r.runs, run)
	return nil
}

// evaluate runs the last stage of a Containerfile through the builder's front end.
func evaluate(text string) (*imagebuilder.Builder, imagebuilder.Stage, *recorder, error) {
	node, err := imagebuilder.ParseDockerfile(strings.NewReader(text))
	if err != nil {
		return nil, imagebuilder.Stage{}, nil, err
	}
	stages, err := imagebuilder.NewStages(node, imagebuilder.NewBuilder(nil))
	if err != nil {
		return nil, imagebuilder.Stage{}, nil, err
	}
	if len(stages) == 0 {
		return nil, imagebuilder.Stage{}, nil, imagebuilder.ErrNoFROM
	}
	stage := stages[len(stages)-1]
	b := stage.Builder
	b.Env = oracleEnv
	rec := &recorder{}
	if _, err := b.From(stage.Node); err != nil {
		return nil, stage, nil, err
	}
	for _, child := range stage.Node.Children {
		step := b.Step()
		if err := step.Resolve(child); err != nil {
			return nil, stage, nil, err
		}
		if err := b.Run(step, rec, false); err != nil {
			return nil, stage, nil, err
		}
	}
	return b, stage, rec, nil
}

// expand says what a plain word means; only substitutions are left to the builder.
func expand(t *testing.T, word string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(word); {
		n := 1
		switch {
		case strings.HasPrefix(word[i:], `\$`), strings.HasPrefix(word[i:], `\\`):
			b.WriteByte(word[i+1])
			n = 2
		case word[i] == '$':
			var err error
			if n, err = substitution(word[i:]); err != nil {
				t.Fatal(err)
			}
			value, err := imagebuilder.ProcessWord(word[i:i+n], oracleEnv)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(value)
		default:
			b.WriteByte(word[i])
		}
		i += n
	}
	return b.String()
}

func expandAll(t *testing.T, words []string) []string {
	var list []string
	for _, w := range words {
		list = append(list, expand(t, w))
	}
	return list
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("%s: the builder has\n%#v, the step means\n%#v", what, got, want)
	}
}

// checkBuild compares what the builder makes of the last stage of two files that should say the same.
func checkBuild(t *testing.T, in, out string) {
	t.Helper()
	want, _, wantRec, err := evaluate(in)
	if err != nil {
		return
	}
	got, _, gotRec, err := evaluate(out)
	if err != nil {
		t.Fatalf("%s\nprints as\n%s\n%v", in, out, err)
	}
	for _, b := range []*imagebuilder.Builder{want, got} {
		b.RunConfig.OnBuild = nil // kept as text, which may differ
		slices.Sort(b.GlobalAllowedArgs)
	}
	for _, c := range slices.Concat(wantRec.copies, gotRec.copies) {
		slices.Sort(c.Src) // the builder itself takes here-documents apart from other sources
	}
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotRec, wantRec) {
		t.Fatalf("%s\nbuilds as\n%+v\n%+v\nwhat is printed of it is\n%s\n%+v\n%+v", in, want, wantRec, out, got, gotRec)
	}
}

// checkSplit compares our split into instructions with that of the builder's parser on the whole file.
func checkSplit(t *testing.T, text string) {
	t.Helper()
	p := parsing{src: &Source{at: make([][]Range, 1)}}
	r := &lineReader{rest: []byte(text)}
	var ours []logicalLine
	escape := p.directives(r)
	for l := range logicalLines(r, escape) {
		if l.err != nil {
			return
		}
		if !l.comment {
			ours = append(ours, l)
		}
	}
	if len(p.errs) > 0 {
		return
	}
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("the builder's parser refuses %q: %v", text, err)
	}
	if len(ours) != len(result.AST.Children) {
		t.Fatalf("%q: %d instructions, the builder finds %d", text, len(ours), len(result.AST.Children))
	}
	for i, n := range result.AST.Children {
		l := ours[i]
		same(t, "text", l.text, n.Original)
		same(t, "lines", l.Range, Range{n.StartLine, n.EndLine})
		same(t, "node", l.node.Value+fmt.Sprint(l.node.Flags, values(l.node.Next)), n.Value+fmt.Sprint(n.Flags, values(n.Next)))
		same(t, "heredocs", len(l.heredocs), len(n.Heredocs))
		for j, h := range n.Heredocs {
			want := strings.TrimPrefix(h.Content, "\n")
			if h.Content != "" {
				want += "\n"
			}
			same(t, "heredoc", l.heredocs[j], Heredoc{h.Name, want, !h.Expand, h.Chomp})
		}
	}
	if t.Failed() {
		t.Fatalf("%q", text)
	}
}
