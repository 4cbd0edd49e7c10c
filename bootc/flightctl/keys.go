package flightctl

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// field is a struct field with the key that it has in the agent's YAML, as its tag says; embedded structs are part of the
// struct they are in.
type field struct {
	key   string
	since string // the release whose agents know the key, "" for all
	until string // the release since which the key is without effect, "" for none
	index []int
	typ   reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for _, f := range reflect.VisibleFields(t) {
		if key, ok := f.Tag.Lookup("key"); ok {
			out = append(out, field{key, f.Tag.Get("since"), f.Tag.Get("until"), f.Index, f.Type})
		}
	}
	return out
}

// isMapping tells a struct that stands as keys with values from one that stands as one value.
func isMapping(t reflect.Type) bool { return t.Kind() == reflect.Struct && len(fieldsOf(t)) > 0 }

// paths lists the path of every key below t, such as enrollment-service.service.server.
func paths(t reflect.Type, prefix string) []string {
	var out []string
	for _, f := range fieldsOf(t) {
		path := dotted(prefix, f.key)
		out = append(out, path)
		if isMapping(f.typ) {
			out = append(out, paths(f.typ, path)...)
		}
	}
	return out
}

func dotted(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// clientKeys are keys of the same Go type in the agent's source that only the command line client uses.
var clientKeys = []string{"access-token", "access-token-expiry", "refresh-token", "id-token", "token-to-use", "auth-provider",
	"organizations-enabled", "imageBuilderService"}

// aliases are names that documents and other programs have for keys.
var aliases = map[string]string{
	"cafile":             "certificate-authority",
	"cacert":             "certificate-authority",
	"ca":                 "certificate-authority",
	"cadata":             "certificate-authority-data",
	"certfile":           "client-certificate",
	"clientcertfile":     "client-certificate",
	"clientcert":         "client-certificate",
	"clientcertdata":     "client-certificate-data",
	"keyfile":            "client-key",
	"insecureskiptls":    "insecureSkipVerify",
	"insecure":           "insecureSkipVerify",
	"url":                "server",
	"endpoint":           "server",
	"labels":             "default-labels",
	"loglevel":           "log-level",
	"custominfo":         "system-info-custom",
	"labelsfromsysinfo":  "label-from-systeminfo",
	"labelfromsysteminf": "label-from-systeminfo",
}

// hint says what to do about a key that stands at path below root, where only those of siblings can stand.
func hint(root reflect.Type, path string) string {
	at, key := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		at, key = path[:i], path[i+1:]
	}
	if slices.Contains(clientKeys, key) {
		return "it is of the command line client's client.yaml; leave it out"
	}
	best, bestCost := "", 1<<30
	for _, p := range paths(root, "") {
		parent, name := "", p
		if i := strings.LastIndexByte(p, '.'); i >= 0 {
			parent, name = p[:i], p[i+1:]
		}
		cost := unlike(key, name)
		if cost < 0 {
			continue
		}
		if parent != at {
			cost += 10 + distance(at, parent)
		}
		if cost < bestCost {
			best, bestCost = p, cost
		}
	}
	switch parent, name, _ := cutLast(best); {
	case best == "":
		return ""
	case parent == at:
		return "did you mean " + name + "?"
	case parent == "":
		return fmt.Sprintf("%s goes to the top level", name)
	default:
		return fmt.Sprintf("%s goes under %s", name, parent)
	}
}

func cutLast(path string) (parent, name string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// unlike is how much a key differs from the known one that it may stand for, -1 for too much.
func unlike(key, known string) int {
	a, b := folded(key), folded(known)
	switch {
	case a == b:
		return 0
	case aliases[a] == known:
		return 1
	case strings.TrimSuffix(strings.TrimSuffix(a, "file"), "path") == b:
		return 1
	}
	if d := distance(a, b); d <= max(1, min(len(a), len(b))/4) {
		return 1 + d
	}
	return -1
}

func folded(key string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(key))
}

// distance is how many letters must be added, taken away or changed to make b of a.
func distance(a, b string) int {
	if len(a) > 100 { // no key of anybody's is that long
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
