package bootc_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bootloom/bootloom/bootc"
)

// TestBranches grows many specs from one stem at once: under -race, and by the result, none writes where another reads.
func TestBranches(t *testing.T) {
	stem := bootc.From("quay.io/a/b:1").Label("stem", "yes").Annotate("stem", "yes")
	for i := range 5 { // leaves room behind the slice's end
		stem = stem.File(fmt.Sprintf("/usr/lib/stem/%d", i), "")
	}
	var branches [8]bootc.Spec
	var grow sync.WaitGroup
	for i := range branches {
		grow.Go(func() {
			name := fmt.Sprint(i)
			s := stem
			for range 3 {
				s = s.File("/usr/lib/"+name, name).Label("name", name).Annotate("name", name)
			}
			branches[i] = s
		})
	}
	grow.Wait()
	for i, s := range branches {
		want := bootc.File{Path: fmt.Sprintf("/usr/lib/%d", i), Content: bootc.Text(fmt.Sprint(i))}
		if len(s.Features) != 8 {
			t.Fatalf("branch %d has %d features", i, len(s.Features))
		}
		for _, f := range s.Features[5:] {
			if !reflect.DeepEqual(f, want) {
				t.Errorf("branch %d has %v", i, f)
			}
		}
		if s.Labels["name"] != fmt.Sprint(i) || s.Annotations["name"] != fmt.Sprint(i) || s.Labels["stem"] != "yes" {
			t.Errorf("branch %d has labels %v", i, s.Labels)
		}
	}
	if len(stem.Features) != 5 || len(stem.Labels) != 1 || len(stem.Annotations) != 1 {
		t.Errorf("the stem changed: %v", stem)
	}
}

func TestID(t *testing.T) {
	id := func(s bootc.Spec) string {
		t.Helper()
		d, err := s.ID()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	disk := fstest.MapFS{"motd": {Data: []byte("<hi> & bye\n")}}
	epoch := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	chain := bootc.From("quay.io/a/b:1").Install("tmux", "jq").File("/etc/motd", "<hi> & bye\n").
		Label("a", "1").Label("b", "2").At(epoch)
	text, err := json.Marshal(chain)
	if err != nil {
		t.Fatal(err)
	}
	var decoded bootc.Spec
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(decoded)
	if err != nil || string(again) != string(text) {
		t.Errorf("the round trip gives\n%s, not\n%s (%v)", again, text, err)
	}
	packages := bootc.Packages{Install: []string{"tmux", "jq"}, Remove: []string{}}
	motd := bootc.File{Path: "/etc/motd", Content: bootc.FromFS(disk, "motd")}
	literal := bootc.Spec{
		Base:        "quay.io/a/b:1",
		Features:    []bootc.Feature{&packages, motd},
		Labels:      map[string]string{"b": "2", "a": "1"},
		Annotations: map[string]string{},
		Epoch:       epoch.In(time.FixedZone("east", 3600)).Add(time.Millisecond),
	}
	want := id(chain)
	for name, s := range map[string]bootc.Spec{"JSON": decoded, "literal": literal} {
		if got := id(s); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
	tree := func(fsys fstest.MapFS) bootc.Spec { return chain.Tree("/usr/lib/acme", fsys) }
	for name, other := range map[string]bootc.Spec{
		"base":       {Base: "quay.io/a/b:2", Features: chain.Features, Labels: chain.Labels, Epoch: chain.Epoch},
		"feature":    chain.Install("vim"),
		"label":      chain.Label("a", "2"),
		"annotation": chain.Annotate("a", "1"),
		"epoch":      chain.At(epoch.Add(time.Second)),
		"no epoch":   chain.At(time.Time{}),
		"content":    bootc.Spec{Base: chain.Base, Features: []bootc.Feature{packages, bootc.File{Path: "/etc/motd", Content: bootc.Text("x")}}, Labels: chain.Labels, Epoch: epoch},
		"tree":       tree(disk),
		"other tree": tree(fstest.MapFS{"motd": {Data: []byte("x")}}),
		"foreign":    chain.With(probe{URL: "http://a"}),
	} {
		if got := id(other); got == want {
			t.Errorf("another %s has the same ID", name)
		} else if again := id(other); again != got {
			t.Errorf("%s: the ID changes from %s to %s", name, got, again)
		}
	}
	if id(tree(disk)) == id(tree(fstest.MapFS{"motd": {Data: []byte("x")}})) {
		t.Error("trees of different content have the same ID")
	}
	if _, err := chain.With(bootc.File{Path: "/etc/a", Content: bootc.FromFS(disk, "nope")}).ID(); err == nil || !strings.Contains(err.Error(), "Features[2]") {
		t.Errorf("missing content: got %v", err)
	}
}

// probe is a feature as a caller writes one.
type probe struct {
	URL   string
	Every time.Duration `json:",omitzero"`
}

func (p probe) Contribute(d *bootc.Draft) error {
	if p.URL == "" {
		return bootc.Errorf("URL", "is empty")
	}
	d.Put(bootc.PhaseFiles, bootc.Entry{Path: "/usr/lib/acme/probe.conf", Mode: 0o644, Content: bootc.Text(p.URL + "\n")})
	return nil
}

func TestCodec(t *testing.T) {
	codec := bootc.Codec{Kinds: map[string]bootc.Feature{"acme.Probe": probe{}, "acme.Pointer": (*pointer)(nil)}}
	spec := bootc.From("quay.io/a/b:1").With(probe{URL: "http://a", Every: time.Minute}, &pointer{N: 3}, bootc.Release{Version: "1"})
	text, err := codec.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Base":"quay.io/a/b:1","Features":[{"kind":"acme.Probe","URL":"http://a","Every":60000000000},{"kind":"acme.Pointer","N":3},{"kind":"Release","Version":"1"}]}`
	if string(text) != want {
		t.Errorf("got\n%s, want\n%s", text, want)
	}
	got, err := codec.Unmarshal(text)
	if err != nil || !reflect.DeepEqual(got, spec) {
		t.Errorf("got %#v (%v), want %#v", got, err, spec)
	}

	for _, c := range []struct {
		name string
		err  error
		path string // of the FieldError; "-" for another error
		want string
	}{
		{"kind without codec", second(json.Marshal(bootc.From("a").With(probe{}))), "Features[0]", "Kinds of a Codec"},
		{"decode without codec", json.Unmarshal([]byte(`{"Features": [{"kind": "acme.Probe"}]}`), new(bootc.Spec)), "Features[0]", `unknown kind "acme.Probe": known are `},
		{"nil feature", second(json.Marshal(bootc.From("a").With(nil))), "Features[0]", "is nil"},
		{"nil pointer", second(json.Marshal(bootc.From("a").With((*bootc.Release)(nil)))), "Features[0]", "is nil"},
		{"unknown field", json.Unmarshal([]byte(`{"Bass": "x"}`), new(bootc.Spec)), "", `unknown field "Bass"`},
		{"wrong type", json.Unmarshal([]byte(`{"Labels": {"a": 1}}`), new(bootc.Spec)), "Labels", "number where string is wanted"},
		{"trailing", second(codec.Unmarshal([]byte(`{} {}`))), "", "more after the end"},
		{"name taken", second(bootc.Codec{Kinds: map[string]bootc.Feature{"Release": probe{}}}.Marshal(spec)), "-", `Codec.Kinds["Release"]`},
		{"nil kind", second(bootc.Codec{Kinds: map[string]bootc.Feature{"x": nil}}.Unmarshal([]byte(`{}`))), "-", `Codec.Kinds["x"] is nil`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
				t.Fatalf("got %v, want %q in it", c.err, c.want)
			}
			fields := bootc.FieldErrors(c.err)
			if c.path == "-" {
				if len(fields) != 0 {
					t.Errorf("got a FieldError: %v", c.err)
				}
			} else if len(fields) != 1 || fields[0].Path != c.path {
				t.Errorf("got %q, want the path %q", fields, c.path)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

type pointer struct{ N int }

func (*pointer) Contribute(*bootc.Draft) error { return nil }

// TestKinds holds each built-in feature to what JSON needs of it.
func TestKinds(t *testing.T) {
	for kind, f := range bootc.Kinds() {
		spec := bootc.From("quay.io/a/b:1").With(f)
		if kind == "Tree" { // has no zero value: a nil FS is a mistake
			spec = bootc.From("quay.io/a/b:1").Tree("/usr/lib/x", fstest.MapFS{})
		}
		text, err := json.Marshal(spec)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		var got bootc.Spec
		if err := json.Unmarshal(text, &got); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(text) {
			t.Errorf("%s: the round trip gives %s, not %s (%v)", kind, again, text, err)
		}
		if _, err := got.ID(); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
