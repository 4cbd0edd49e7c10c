package lint_test

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/tools/txtar"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/lint"
)

// testCase is a parsed case: see doc.go of package lint for its format.
type testCase struct {
	linter        lint.Linter
	containerfile *lint.Containerfile
	spec          *bootc.Spec
	base          bootc.Base
	layers        []*caseLayer
	config        v1.Image
	isImage       bool
	manifest      v1.Manifest
	old           *testCase // the image that is replaced
	rules         []string  // to be shown; empty for all
}

// caseLayer is one layer, in the order in which its entries go into the tar.
type caseLayer struct{ entries []*caseEntry }

type caseEntry struct {
	tar.Header
	content string
	opaque  bool
	void    bool // a whiteout
}

func parseCase(t testing.TB, files []txtar.File) *testCase {
	t.Helper()
	c := &testCase{}
	c.config.OS, c.config.Architecture = "linux", "amd64"
	c.config.Config.Labels = map[string]string{"containers.bootc": "1", "org.opencontainers.image.version": "1"}
	context, baseFiles := fstest.MapFS{}, fstest.MapFS{}
	for _, f := range files {
		decode := func(v any) {
			d := json.NewDecoder(bytes.NewReader(f.Data))
			d.DisallowUnknownFields()
			if err := d.Decode(v); err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
		}
		switch name := f.Name; {
		case name == "Containerfile":
			c.containerfile = &lint.Containerfile{Name: name, Text: f.Data}
		case name == "built-from":
			c.linter.BuiltFrom = &lint.Containerfile{Name: "Containerfile", Text: f.Data, Context: context}
		case strings.HasPrefix(name, "context/"):
			context[strings.TrimPrefix(name, "context/")] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		case name == "spec.json":
			c.spec = &bootc.Spec{}
			decode(c.spec)
		case name == "base.json":
			decode(&c.base)
		case strings.HasPrefix(name, "base/"):
			baseFiles[strings.TrimPrefix(name, "base/")] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
		case name == "config.json":
			c.config.Config.Labels = nil
			decode(&c.config)
			c.isImage = true
		case name == "manifest.json":
			decode(&c.manifest)
			c.isImage = true
		case name == "linter.json":
			decode(&c.linter)
		case name == "rules":
			c.rules = strings.Fields(string(f.Data))
		case strings.HasPrefix(name, "layer "), strings.HasPrefix(name, "old "):
			into := c
			if rest, ok := strings.CutPrefix(name, "old "); ok {
				if c.old == nil {
					c.old = parseCase(t, nil)
				}
				into, name = c.old, rest
			}
			into.isImage = true
			if name == "config.json" {
				into.config.Config.Labels = nil
				decode(&into.config)
				continue
			}
			into.section(t, strings.TrimPrefix(name, "layer "), string(f.Data))
		default:
			t.Fatalf("a case has no section %q", name)
		}
	}
	if c.containerfile != nil {
		c.containerfile.Context = context
	}
	if len(baseFiles) > 0 {
		c.base.Files = baseFiles
	}
	return c
}

// section reads "N", a list of entries, or "N:/path", the content of a file.
func (c *testCase) section(t testing.TB, name, data string) {
	t.Helper()
	number, file, isFile := strings.Cut(name, ":")
	n, err := strconv.Atoi(number)
	if err != nil || n > 100 {
		t.Fatalf("layer %q: want a number", number)
	}
	for len(c.layers) <= n {
		c.layers = append(c.layers, &caseLayer{})
	}
	if isFile {
		words := caseWords(t, file)
		e := &caseEntry{Header: tar.Header{Typeflag: tar.TypeReg, Name: words[0], Mode: 0o644}, content: data}
		e.attributes(words[1:])
		c.put(n, e)
		return
	}
	for line := range strings.Lines(data) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			c.directive(t, n, line)
		}
	}
}

func (c *testCase) directive(t testing.TB, n int, line string) {
	t.Helper()
	words := caseWords(t, line)
	if len(words) < 2 {
		t.Fatalf("%q: want a word and a path", line)
	}
	verb, words := words[0], words[1:]
	e := &caseEntry{Header: tar.Header{Name: words[0], Mode: 0o644}}
	rest := words[1:]
	device := func(kind byte) {
		e.Typeflag = kind
		major, minor, _ := strings.Cut(strings.Join(rest, ""), ":")
		e.Devmajor, _ = strconv.ParseInt(major, 10, 64)
		e.Devminor, _ = strconv.ParseInt(minor, 10, 64)
	}
	switch verb {
	case "dir":
		e.Typeflag, e.Mode = tar.TypeDir, 0o755
		e.attributes(rest)
	case "file":
		e.Typeflag = tar.TypeReg
		if text := e.attributes(rest); len(text) > 0 {
			e.content = strings.Join(text, " ") + "\n"
		}
	case "link":
		e.Typeflag, e.Linkname, e.Mode = tar.TypeSymlink, rest[1], 0o777
	case "hard":
		e.Typeflag, e.Linkname = tar.TypeLink, rest[1]
	case "fifo":
		e.Typeflag = tar.TypeFifo
	case "char":
		device(tar.TypeChar)
	case "block":
		device(tar.TypeBlock)
	case "whiteout":
		e.void = true
	case "opaque":
		e.opaque, e.Typeflag, e.Mode = true, tar.TypeDir, 0o755
	case "xattr":
		name, value, _ := strings.Cut(rest[0], "=")
		if b64, ok := strings.CutPrefix(value, "0s"); ok {
			b, err := base64.StdEncoding.DecodeString(b64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			value = string(b)
		}
		for _, old := range c.layers[n].entries {
			if old.Name == e.Name {
				if old.PAXRecords == nil {
					old.PAXRecords = map[string]string{}
				}
				old.PAXRecords["SCHILY.xattr."+name] = value
				return
			}
		}
		t.Fatalf("%q: the file must come first", line)
	case "use":
		for line := range strings.Lines(fixtures[words[0]]) {
			if line = strings.TrimSpace(line); line != "" {
				c.directive(t, n, line)
			}
		}
		return
	default:
		t.Fatalf("%q: a layer has no %s", line, verb)
	}
	c.put(n, e)
}

// fixtures are what "use NAME" stands for.
var fixtures = map[string]string{
	// what any bootable image has; nothing is to be found in it
	"bootable": `
		dir /boot
		dir /dev
		dir /etc
		file /etc/machine-id
		dir /proc
		dir /run
		dir /sys
		dir /sysroot
		dir /tmp 1777
		dir /usr
		dir /var
		link /ostree -> sysroot/ostree
		file /usr/lib/modules/6.12.0/vmlinuz kernel
		file /usr/lib/modules/6.12.0/initramfs.img initramfs
		file /usr/lib/ostree/prepare-root.conf [composefs]\nenabled\x20=\x20true\n
		file /usr/bin/bootc 0755
		file /usr/bin/ostree 0755
		file /usr/bin/podman 0755
		file /usr/bin/skopeo 0755
		file /usr/lib/os-release ID=acme\nVERSION_ID=1\nNAME=Acme\n
		file /usr/lib/bootc/install/00-acme.toml [install]\nfilesystem.root.type\x20=\x20"ext4"\n
	`,
}

var octal, owners = regexp.MustCompile(`^[0-7]{3,4}$`), regexp.MustCompile(`^\d+:\d+$`)

// attributes takes "[MODE] [UID:GID]" and returns what follows.
func (e *caseEntry) attributes(words []string) []string {
	if len(words) > 0 && octal.MatchString(words[0]) {
		e.Mode, _ = strconv.ParseInt(words[0], 8, 64)
		words = words[1:]
	}
	if len(words) > 0 && owners.MatchString(words[0]) {
		uid, gid, _ := strings.Cut(words[0], ":")
		e.Uid, _ = strconv.Atoi(uid)
		e.Gid, _ = strconv.Atoi(gid)
		words = words[1:]
	}
	return words
}

// put adds an entry, after the directories above it that neither this layer nor one below has.
func (c *testCase) put(n int, e *caseEntry) {
	if !strings.Contains(e.Name, "..") {
		for _, dir := range parentsOf(e.Name) {
			if !slices.ContainsFunc(c.layers[:n+1], func(l *caseLayer) bool {
				return slices.ContainsFunc(l.entries, func(o *caseEntry) bool { return o.Name == dir && !o.void })
			}) {
				c.layers[n].entries = append(c.layers[n].entries, directory(dir))
			}
		}
	}
	c.layers[n].entries = append(c.layers[n].entries, e)
}

func directory(name string) *caseEntry {
	return &caseEntry{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}}
}

// parentsOf are the directories above a path, the topmost first.
func parentsOf(name string) []string {
	var out []string
	for dir := path.Dir(name); dir != "/" && dir != "."; dir = path.Dir(dir) {
		out = append([]string{dir}, out...)
	}
	return out
}

// caseWords splits at spaces. A word in double quotes is as in Go; elsewhere \n, \x20 and so on are as in Go too.
func caseWords(t testing.TB, line string) []string {
	t.Helper()
	var out []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		word, rest, _ := strings.Cut(line, " ")
		if strings.HasPrefix(line, `"`) {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			word, rest = quoted, line[len(quoted):]
			word, _ = strconv.Unquote(word)
		} else if strings.Contains(word, `\`) {
			plain, err := strconv.Unquote(`"` + strings.ReplaceAll(word, `"`, `\"`) + `"`)
			if err != nil {
				t.Fatalf("%s: %v", word, err)
			}
			word = plain
		}
		out = append(out, word)
		line = rest
	}
	return out
}

// tar is the layer as a tar file.
func (l *caseLayer) tar(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	write := func(h tar.Header, content string) {
		h.Name = strings.TrimPrefix(h.Name, "/")
		if h.Typeflag == tar.TypeLink {
			h.Linkname = strings.TrimPrefix(h.Linkname, "/")
		}
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		h.Size = int64(len(content))
		h.Format = tar.FormatPAX
		if !isUTF8(h.Name) || !isUTF8(h.Linkname) {
			h.Format = tar.FormatGNU
		}
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		if _, err := tw.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range l.entries {
		h := e.Header
		h.PAXRecords = maps.Clone(h.PAXRecords)
		switch {
		case e.void:
			h.Name = path.Join(path.Dir(h.Name), ".wh."+path.Base(h.Name))
			h.Typeflag = tar.TypeReg
		case e.opaque:
			h.Name = path.Join(h.Name, ".wh..wh..opq")
			h.Typeflag = tar.TypeReg
		}
		write(h, e.content)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func isUTF8(s string) bool { return strings.ToValidUTF8(s, "") == s }

// shown are the findings of a report that a case is about, one a line.
func (c *testCase) shown(r lint.Report) []string {
	var out []string
	for _, f := range r.Findings {
		if len(c.rules) > 0 && !slices.Contains(c.rules, f.Rule) {
			continue
		}
		line := f.String()
		if f.Suppressed != nil {
			line += fmt.Sprintf(" [%s: %s]", f.Suppressed.By, f.Suppressed.Reason)
		}
		out = append(out, line)
	}
	return out
}
