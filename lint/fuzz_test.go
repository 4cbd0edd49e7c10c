package lint

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// small limits keep a fuzzer from spending its time on size alone.
var small = Limits{Entries: 2000, Bytes: 8 << 20, Ratio: 20, Content: 1 << 20}

// FuzzLayer reads any bytes as the blob of a layer.
func FuzzLayer(f *testing.F) {
	add := func(h ...*tar.Header) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range h {
			if w.WriteHeader(h) == nil {
				w.Write(bytes.Repeat([]byte("x"), int(h.Size)))
			}
		}
		w.Close()
		f.Add(b.Bytes())
	}
	add(&tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Size: 4}, &tar.Header{Name: "../../etc/x", Typeflag: tar.TypeReg})
	add(&tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "a"}, &tar.Header{Name: "b", Typeflag: tar.TypeLink, Linkname: "../c"})
	add(&tar.Header{Name: "etc/.wh.passwd", Typeflag: tar.TypeReg}, &tar.Header{Name: "etc/.wh..wh..opq", Typeflag: tar.TypeReg}, &tar.Header{Name: ".wh..wh.plnk/1.2", Typeflag: tar.TypeReg})
	add(&tar.Header{Name: "sysroot/ostree/repo/objects/0.file", Typeflag: tar.TypeReg, Size: 3},
		&tar.Header{Name: "usr/lib/bootc/kargs.d/x.toml", Typeflag: tar.TypeLink, Linkname: "sysroot/ostree/repo/objects/0.file"})
	add(&tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, &tar.Header{Name: strings.Repeat("d/", 3000) + "x", Typeflag: tar.TypeReg})
	add(&tar.Header{Name: "x\xff", Typeflag: tar.TypeSymlink, Linkname: "\xfe", Format: tar.FormatGNU},
		&tar.Header{Name: "p", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01"}})
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	rules := Rules()
	f.Fuzz(func(t *testing.T, blob []byte) {
		g := newGathering(rules, small)
		layer := &Layer{stage: InLayers}
		in := g.layer(layer)
		img := Image{Layer: func(context.Context, int) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(blob)), nil }}
		if err := in.readBlob(t.Context(), 0, img); err != nil {
			in.problem("", false, err)
		}
		in.done()
		sound(t, layer.Files)
		if len(layer.Files) > small.Entries || g.content.Load() > small.Content {
			t.Errorf("%d entries with %d bytes", len(layer.Files), g.content.Load())
		}
		facts := &Facts{Stages: InRoot | InLayers, Layers: []*Layer{layer}, Root: newTree([]*Layer{layer}, true)}
		for _, found := range (Linter{}).run("x", facts, rules, nil).Findings {
			if strings.Contains(found.Message, "a bug of the rule") {
				t.Error(found)
			}
		}
		copied := &Layer{}
		if err := newGathering(rules, small).layer(copied).decode(encode(layer)); err != nil && len(layer.problems) < maxProblems {
			t.Errorf("the cache does not read what it wrote: %v", err)
		}
	})
}

// sound wants absolute, clean paths, each once, in order.
func sound(t *testing.T, files []File) {
	t.Helper()
	for i, file := range files {
		if !path.IsAbs(file.Path) || path.Clean(file.Path) != file.Path {
			t.Errorf("path %q", file.Path)
		}
		if i > 0 && files[i-1].Path >= file.Path {
			t.Errorf("%q before %q", files[i-1].Path, file.Path)
		}
	}
}

// FuzzContainerfile lints any text as a Containerfile, twice.
func FuzzContainerfile(f *testing.F) {
	for _, r := range Rules() {
		for _, c := range []string{r.Bad, r.Good} {
			if _, text, ok := strings.Cut(c, "-- Containerfile --\n"); ok {
				f.Add(text)
			}
		}
	}
	f.Add("ARG A=b\nFROM x AS y\nENV C=${A:-d}\nWORKDIR /w/$C\nCOPY --chown=1:2 --chmod=4755 a $C/\nADD https://x/y.tar z\nFROM y\nCOPY --from=y /w /v\nRUN <<A cat <<B\nx\nA\ny\nB\n")
	f.Add("# escape=`\nFROM x\nRUN a `\n  # c\n  b\n# bootloom ignore=BL1 until=x\nFOO\nRUN [\"sh\",\"-c\",\"x>$y\"]\n")
	context := fstest.MapFS{"a": {Data: []byte("x"), Mode: 0o4755}, "d/b": {Data: []byte("y")}, "l": {Data: []byte("../../x"), Mode: fs.ModeSymlink}}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		lint := func() Report {
			return Linter{Limits: small}.Containerfile(Containerfile{Text: []byte(text), Context: context})
		}
		first := lint()
		if second := lint(); !reflect.DeepEqual(first.Findings, second.Findings) {
			t.Errorf("not the same twice:\n%v\n%v", first.Findings, second.Findings)
		}
		lines := strings.Count(text, "\n") + 1
		for _, found := range first.Findings {
			if strings.Contains(found.Message, "a bug of the rule") || found.Source != nil && (found.Source.Start < 0 || found.Source.End > lines+1) {
				t.Errorf("%+v %+v", found, found.Source)
			}
		}
	})
}

// FuzzShell reads any text as a script.
func FuzzShell(f *testing.F) {
	for _, s := range []string{"a && b || c; d | e &", "for i in a b; do cp $i /x/; done > /y", "f() { f; }; f", "cat <<A >/x\n$B\nA\n", "x=$(y); echo {a,b{c,d}} ${x:-z} \"$x\" 'y' ~/z",
		"sh -c 'sh -c \"sh -c x\"'", "eval eval eval x", strings.Repeat("(", 500), strings.Repeat("sh -c '", 20), "sed -i s/a/b/ /etc/x; install -Dm755 a /b", "case x in y) z;; esac", "if a; then b; elif c; then d; else e; fi"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 16<<10 {
			return
		}
		commands, _ := ReadShell(script)
		lines := strings.Count(script, "\n") + 1
		for _, c := range commands {
			if c.Line < 1 || c.Line > lines {
				t.Errorf("line %d of %d: %s", c.Line, lines, c.Text)
			}
			for _, w := range c.Writes {
				if !path.IsAbs(w.Path) || path.Clean(w.Path) != w.Path {
					t.Errorf("writes %q", w.Path)
				}
			}
		}
	})
}

// FuzzKeyFile reads any text as a key file, and wants lines that exist.
func FuzzKeyFile(f *testing.F) {
	f.Add("[Unit]\nA=b \\\n# c\n  d\nA=\n;\nx\n[\n]\n=\n")
	f.Fuzz(func(t *testing.T, text string) {
		k, line, err := parseKeyFile(text)
		lines := strings.Count(text, "\n") + 1
		if err != nil && (line < 1 || line > lines) {
			t.Errorf("line %d of %d: %v", line, lines, err)
		}
		for _, g := range k {
			for _, v := range g.keys {
				if v.line < 1 || v.line > lines || v.key == "" {
					t.Errorf("%+v", v)
				}
			}
		}
	})
}

// FuzzTOML reads any text as kernel arguments and as an install configuration.
func FuzzTOML(f *testing.F) {
	f.Add("kargs = [\"a\"]\nmatch-architectures = [\"x\"]\n")
	f.Add("[install]\nblock = [\"x\"]\n[install.filesystem.root]\ntype = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		if _, line, err := parseKargs(text); err != nil && (line < 0 || line > lines) {
			t.Errorf("line %d of %d: %v", line, lines, err)
		}
		var c installConfig
		if _, line, err := decodeTOML(text, &c); err == nil {
			c.check()
		} else if line < 0 || line > lines {
			t.Errorf("line %d of %d: %v", line, lines, err)
		}
	})
}

// FuzzFacts reads any bytes as a file of the cache.
func FuzzFacts(f *testing.F) {
	f.Add(encode(&Layer{Bytes: 1, Files: []File{{Path: "/a", Link: "b", more: &more{content: []byte("x"), has: hasContent, digest: "sha256:0", hard: "/c", dev: 259, xattrs: map[string]string{"security.capability": "x"}}},
		{Path: "/b", more: &more{whiteout: true}}}, problems: []problem{{"/x", errEntries, true}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		layer := &Layer{}
		if newGathering(nil, small).layer(layer).decode(data) == nil {
			for i, file := range layer.Files {
				if i > 0 && layer.Files[i-1].Path >= file.Path {
					t.Errorf("%q before %q", layer.Files[i-1].Path, file.Path)
				}
			}
		}
	})
}

// FuzzCompose makes layers from bytes, and compares each grouping of them with the plain way of unpacking one after the other.
func FuzzCompose(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x33\x44\x91\xa2\xff\x10\x20"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 200 {
			return
		}
		names := []string{"/a", "/a-b", "/a/b", "/a/b/c", "/a/b-c", "/a/b0", "/a.d", "/b", "/b/c"}
		g := newGathering(nil, small)
		var layers []*Layer
		in := g.layer(&Layer{})
		flush := func() {
			in.done()
			layers = append(layers, in.layer)
			in = g.layer(&Layer{Index: len(layers)})
		}
		for _, b := range data {
			file := File{Path: names[int(b&0xf)%len(names)]}
			switch b >> 4 % 6 {
			case 0, 1:
				file.Mode = fs.ModeDir | 0o755
			case 2:
				file.more = &more{whiteout: true}
			case 3:
				file.more = &more{whiteout: true, opaque: true}
			case 4:
				flush()
				continue
			}
			in.add(file, nil)
		}
		flush()
		var lists [][]*File
		for _, l := range layers {
			sound(t, l.Files)
			if !possible(l) {
				return
			}
			var list []*File
			for i := range l.Files {
				list = append(list, &l.Files[i])
			}
			lists = append(lists, list)
		}
		var left []*File
		for _, l := range lists {
			left = compose(left, l)
		}
		want := unpack(layers)
		for name, got := range map[string][]*File{"pairs": merge(lists), "one by one": left} {
			if names := pathsOf(visible(got)); !slices.Equal(names, want) {
				t.Errorf("%s: %q, want %q", name, names, want)
			}
		}
	})
}

// possible says whether a layer is one that a builder can make: nothing is below a file.
func possible(l *Layer) bool {
	for i := range l.Files {
		for dir := parent(l.Files[i].Path); dir != "" && dir != "/"; dir = parent(dir) {
			if up := l.File(dir); up != nil && !up.IsDir() && !l.Files[i].Whiteout() {
				return false
			}
		}
	}
	return true
}

// unpack is what is there when layers are unpacked one after the other.
func unpack(layers []*Layer) []string {
	root := map[string]*File{}
	remove := func(p string, itself bool) {
		for name := range root {
			if name == p && itself || name != p && under(name, p) {
				delete(root, name)
			}
		}
	}
	for _, l := range layers {
		for i := range l.Files {
			if f := &l.Files[i]; cuts(f) {
				remove(f.Path, true)
			}
		}
		for i := range l.Files {
			if f := &l.Files[i]; !f.Whiteout() {
				root[f.Path] = f
			}
		}
	}
	var out []string
	for _, f := range root {
		out = append(out, fmt.Sprintf("%s %v", f.Path, f.IsDir()))
	}
	slices.Sort(out)
	return out
}

func pathsOf(files []*File) []string {
	var out []string
	for _, f := range files {
		out = append(out, fmt.Sprintf("%s %v", f.Path, f.IsDir()))
	}
	slices.Sort(out)
	return out
}
