package changes

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bootloom/bootloom/internal/tree"
)

const kargsDir = "usr/lib/bootc/kargs.d"

// kargs compares the kernel arguments as bootc does with an update: it adds those that only the new image has, and removes,
// whoever set them, those that only the old one has. The order does not matter, nor how often one is there.
// https://github.com/bootc-dev/bootc/blob/v1.7.0/crates/lib/src/bootc_kargs.rs
func (r *Report) kargs(from, to *tree.Tree) {
	old, err := readKargs(from, r.From.Platform)
	if err != nil {
		r.warn("bootc cannot read the kernel arguments of the old image, and so does not update a device that runs it: %v", err)
		return
	}
	new, err := readKargs(to, r.To.Platform)
	if err != nil {
		r.warn("bootc refuses the new image: %v", err)
		return
	}
	if d, ok := to.Lookup(kargsDir); !ok || !d.Mode.IsDir() {
		if len(old) > 0 {
			r.warn("the new image has no /%s, and without one bootc leaves the arguments of the old image in place: %s", kargsDir, strings.Join(texts(old), " "))
		}
		return
	}
	r.Kargs.Add, r.Kargs.Remove = texts(without(new, old)), texts(without(old, new))
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// karg is an argument: as it is written, and as bootc compares it.
type karg struct{ text, same string }

// readKargs reads the files of an image that are for its architecture.
func readKargs(t *tree.Tree, platform string) ([]karg, error) {
	entries, err := t.ReadDir(kargsDir)
	if err != nil {
		return nil, nil // none
	}
	var out []karg
	for _, e := range entries {
		if path.Ext(e.Name()) != ".toml" {
			continue
		}
		name := path.Join(kargsDir, e.Name())
		text, err := fs.ReadFile(t, t.Resolve(name))
		if err != nil {
			return nil, err
		}
		var f struct {
			Kargs []string `toml:"kargs"`
			Arch  []string `toml:"match-architectures"`
		}
		meta, err := toml.Decode(string(text), &f)
		if unknown := meta.Undecoded(); err == nil && len(unknown) > 0 {
			err = fmt.Errorf("key %s is unknown to bootc", unknown[0])
		}
		if err == nil && !meta.IsDefined("kargs") {
			err = errors.New("it has no key kargs")
		}
		if err != nil {
			return nil, fmt.Errorf("/%s: %w", name, err)
		}
		if meta.IsDefined("match-architectures") && !slices.Contains(f.Arch, rustArch(platform)) {
			continue
		}
		for _, text := range splitKargs(strings.Join(f.Kargs, " ")) {
			if k := newKarg(text); !slices.ContainsFunc(out, func(o karg) bool { return o.same == k.same }) {
				out = append(out, k)
			}
		}
	}
	return out, nil
}

// splitKargs takes a command line apart at spaces that are not in double quotes.
func splitKargs(line string) []string {
	quoted := false
	return strings.FieldsFunc(line, func(c rune) bool {
		quoted = quoted != (c == '"')
		return !quoted && strings.ContainsRune(" \t\n\f\r", c)
	})
}

// newKarg takes the quotes off, and - for _ in the key, which are the same to the kernel.
func newKarg(text string) karg {
	unquote := func(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`) }
	key, value, has := strings.Cut(unquote(text), "=")
	same := strings.ReplaceAll(key, "-", "_")
	if has {
		same += "=" + unquote(value)
	}
	return karg{text, same}
}

func without(a, b []karg) []karg {
	return slices.DeleteFunc(slices.Clone(a), func(k karg) bool {
		return slices.ContainsFunc(b, func(o karg) bool { return o.same == k.same })
	})
}

func texts(list []karg) []string {
	var out []string
	for _, k := range list {
		out = append(out, k.text)
	}
	return out
}

// rustArch is an architecture as bootc names it (https://doc.rust-lang.org/std/env/consts/constant.ARCH.html).
func rustArch(platform string) string {
	arch := strings.Split(platform+"/", "/")[1]
	return cmp.Or(map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "powerpc64", "loong64": "loongarch64", "386": "x86"}[arch], arch)
}
