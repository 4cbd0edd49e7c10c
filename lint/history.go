package lint

import "strings"

// derivedHistory is what the history says of layers and settings above the base.
func derivedHistory(f *Facts) []string {
	base := 0
	for _, l := range f.Layers {
		if l.Base {
			base++
		}
	}
	var out []string
	for _, h := range f.Config.History {
		if base == 0 {
			out = append(out, h.CreatedBy)
		}
		if !h.EmptyLayer {
			base = max(0, base-1)
		}
	}
	return out
}

// builtWith splits the entry of a RUN, "|2 A=b C=d /bin/sh -c script" or "/bin/sh -c script", into arguments and script.
func builtWith(created string) (args []string, script string) {
	created = strings.TrimPrefix(strings.TrimSuffix(created, "# buildkit"), "RUN ")
	before, script, ok := strings.Cut(created, "/bin/sh -c ")
	if !ok {
		return nil, created
	}
	if strings.HasPrefix(before, "|") {
		args = strings.Fields(before)[1:]
	}
	return args, strings.TrimPrefix(script, "#(nop) ")
}

// madeFrom is what made a layer, in brackets.
func madeFrom(l *Layer) string {
	_, text := builtWith(l.CreatedBy)
	if l.Step != nil {
		text = l.Step.Text
	}
	if text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\\\n", " ")), " "); text == "" {
		return ""
	}
	if text = redactAll(text); len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "") + "…"
	}
	return " (" + text + ")"
}
