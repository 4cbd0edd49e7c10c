package flightctl

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// field is a struct field with the key that it has in the agent's YAML, as its tags say. Embedded structs are part of the
// struct they are in.
type field struct {
	key      string
	since    string // the release whose agents know the key, "" for all
	until    string // the release since which the key is without effect, "" for none
	nonempty bool   // that "" means something else to the agent than no key
	index    []int
	typ      reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		if key, ok := f.Tag.Lookup("key"); ok {
			out = append(out, field{key, f.Tag.Get("since"), f.Tag.Get("until"), f.Tag.Get("empty") == "no", f.Index, f.Type})
		}
	}
	return out
}

// isMapping tells a struct that stands as keys with values from one that stands as one value.
func isMapping(t reflect.Type) bool { return t.Kind() == reflect.Struct && len(fieldsOf(t)) > 0 }

// paths lists the path of every key below t, such as enrollment-service.service.server, with [] for any element.
func paths(t reflect.Type, prefix string) []string {
	switch {
	case t.Kind() == reflect.Slice:
		return paths(t.Elem(), prefix+"[]")
	case !isMapping(t):
		return nil
	}
	var out []string
	for _, f := range fieldsOf(t) {
		path := dotted(prefix, f.key)
		out = append(append(out, path), paths(f.typ, path)...)
	}
	return out
}

func dotted(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// cutLast splits a path before its last key.
func cutLast(path string) (parent, key string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(0, i)], path[i+1:]
}

var element = lazyregexp.New(`\[[^\]]*\]`)

// unknown says what to do about a key that stands at path in a file of type root, and must not.
func unknown(root reflect.Type, path string) string {
	parent, key := cutLast(element.ReplaceAllString(path, "[]"))
	switch {
	case slices.Contains(clientKeys, key):
		return "unknown key: it is of the command line client's client.yaml, and the agent does not use it"
	case root == reflect.TypeFor[Settings]() && slices.Contains(paths(reflect.TypeFor[Config](), ""), path):
		return "the agent takes this key from config.yaml only, and ignores it in conf.d"
	}
	best, cost := "", 1<<30
	for _, p := range paths(root, "") {
		at, name := cutLast(p)
		c := unlike(key, name)
		if c < 0 {
			continue
		}
		if at != parent {
			c += 10 + distance(at, parent)
		}
		if c < cost {
			best, cost = p, c
		}
	}
	const text = "unknown key, which the agent ignores"
	switch at, name := cutLast(best); {
	case best == "":
		return text
	case at == parent && strings.EqualFold(key, name):
		return fmt.Sprintf("the key is written %s", name) // agents take it for that, with sigs.k8s.io/yaml as they have it
	case at == parent:
		return fmt.Sprintf("%s: did you mean %s?", text, name)
	case at == "":
		return fmt.Sprintf("%s: %s stands at the top level", text, name)
	default:
		return fmt.Sprintf("%s: %s goes under %s", text, name, at)
	}
}

// clientKeys are in the same Go type of the agent's source, but only the command line client uses them.
var clientKeys = []string{"access-token", "access-token-expiry", "refresh-token", "id-token", "token-to-use", "auth-provider",
	"organizations-enabled", "imageBuilderService"}

// otherNames are names that documents and other programs have for keys, without regard to case, - and _.
var otherNames = map[string]string{
	"ca":         "certificate-authority",
	"cacert":     "certificate-authority",
	"cafile":     "certificate-authority",
	"cadata":     "certificate-authority-data",
	"clientcert": "client-certificate",
	"command":    "run",
	"env":        "envVars",
	"endpoint":   "server",
	"insecure":   "insecureSkipVerify",
	"labels":     "default-labels",
	"custominfo": "system-info-custom",
	"url":        "server",
	"workingdir": "workDir",
	"ops":        "op",
	"skipverify": "insecureSkipVerify",
}

// unlike is how much a key differs from the one that it may stand for, -1 for too much.
func unlike(key, known string) int {
	a, b := folded(key), folded(known)
	a = strings.TrimSuffix(strings.TrimSuffix(a, "file"), "path")
	switch d := distance(a, b); {
	case folded(key) == b:
		return 0
	case a == b, otherNames[a] == known, otherNames[folded(key)] == known:
		return 1
	case d <= min(len(a), len(b))/4:
		return 1 + d
	}
	return -1
}

func folded(key string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(key))
}

// distance is how many letters must be added, taken away or changed to make b of a.
func distance(a, b string) int {
	if len(a) > 100 { // nobody means one of our keys
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
