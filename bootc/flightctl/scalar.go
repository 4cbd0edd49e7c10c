package flightctl

import (
	"encoding/base64"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

func (d *decoder) scalar(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fail(path, n, "%s where one value is wanted", kindOf(n))
		return
	}
	if isNull(n) {
		d.fail(path, n, "has no value: leave the key out for the agent's default")
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *PEM:
		*p = PEM(d.base64(path, n))
	case *PrivateKey:
		*p = KeyFromPEM(d.base64(path, n))
	case *time.Duration:
		t, err := time.ParseDuration(n.Value)
		switch {
		case err != nil || n.ShortTag() != "!!str":
			d.fail(path, n, "%s is not a duration with its unit, such as 90s or 1m30s", shown(n.Value))
		case t == 0 && !d.pointed:
			d.fail(path, n, "0 is not possible: leave the key out for the agent's default")
		}
		*p = t
	case *bool:
		switch {
		case n.Style != 0 || !slices.Contains([]string{"true", "false"}, n.Value):
			d.fail(path, n, "%s is not true or false", shown(n.Value))
		case n.Value == "false" && d.root == reflect.TypeFor[Settings]() && !d.pointed:
			d.fail(path, n, "false changes nothing in conf.d: the agent takes it as if it were not there")
		}
		*p = n.Value == "true"
	case *int:
		i, err := strconv.Atoi(n.Value)
		if err != nil || n.Style != 0 || strconv.Itoa(i) != n.Value {
			d.fail(path, n, "%s is not a whole number", shown(n.Value))
		} else if i == 0 {
			d.fail(path, n, "0 is not possible: leave the key out for the agent's default")
		}
		*p = i
	default: // a string
		if !staysText(n) {
			d.fail(path, n, `%s is no text to the agent, whose YAML makes something else of it: write "%s"`, n.Value, n.Value)
		}
		v.SetString(n.Value)
	}
}

// staysText tells whether YAML 1.1, which the agent reads, sees in n the same text.
func staysText(n *yaml.Node) bool {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return true
	}
	switch n.ShortTag() {
	case "!!str":
		return !slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(n.Value))
	case "!!timestamp":
		return true
	case "!!bool":
		return n.Value == "true" || n.Value == "false"
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 10, 64)
		return err == nil && strconv.FormatInt(i, 10) == n.Value
	case "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		return err == nil && strconv.FormatFloat(f, 'g', -1, 64) == n.Value
	}
	return false
}

func (d *decoder) base64(path string, n *yaml.Node) []byte {
	if strings.Contains(n.Value, "-----BEGIN") {
		d.fail(path, n, "is PEM text as it is; the agent wants it in base64 (base64 -w0 FILE), or as a file by the key without -data")
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(n.Value)
	if err != nil {
		d.fail(path, n, "is not base64") // not what it is: it may be a secret
	}
	return data
}

// shown quotes a value for a message, in short.
func shown(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}
