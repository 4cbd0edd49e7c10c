package lint

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
)

// Finding is one thing that a rule found. A rule makes it with the Finding method of what it is about (a File, Step,
// Command, Layer or Facts), which fills in where that is; the engine adds what follows from the rule.
type Finding struct {
	// Rule is the ID of the rule, Slug its name for people, and URL where to read on.
	Rule string `json:"rule"`
	Slug string `json:"slug"`
	URL  string `json:"url,omitempty"`
	// Severity is the rule's unless the rule or the caller say otherwise.
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	// Stage is where the facts came from.
	Stage Stage `json:"stage"`
	// Message is a sentence without the position: what is wrong and what comes of it.
	Message string `json:"message"`
	// Path is the file in the image, absolute; empty if it is not about one. Bytes that are not UTF-8 are escaped, \xff.
	Path string `json:"path,omitempty"`
	// Line in the file at Path, counted from 1; 0 if there is none to name.
	Line int `json:"line,omitempty"`
	// Layer that the file is in, for images.
	Layer *LayerRef `json:"layer,omitempty"`
	// Source is the place in the Containerfile and Spec that made it, if that is known.
	Source *Source `json:"source,omitempty"`
	// Evidence is what was found there, with secrets taken out.
	Evidence string `json:"evidence,omitempty"`
	// Fix says what to do about it.
	Fix Fix `json:"fix,omitzero"`
	// Fingerprint tells the finding from others, and stays the same when lines move. A baseline is a set of them.
	Fingerprint string `json:"fingerprint"`
	// Suppressed says who has accepted the finding; nil if nobody has.
	Suppressed *Suppressed `json:"suppressed,omitempty"`

	key string // for the fingerprint: the instruction, without its place
}

// LayerRef names a layer of an image.
type LayerRef struct {
	// Index from the lowest layer, which is 0.
	Index int `json:"index"`
	// DiffID is the digest of the layer's tar.
	DiffID digest.Digest `json:"diffID,omitempty"`
	// CreatedBy is what the image's history says of it.
	CreatedBy string `json:"createdBy,omitempty"`
	// Base says that the layer comes with the base image.
	Base bool `json:"base,omitempty"`
}

// Source is a place in what the image is made from.
type Source struct {
	// File is the name of the Containerfile.
	File string `json:"file,omitempty"`
	// Start and End are lines of it, counted from 1, both inclusive; Column is counted from 1 in bytes, 0 if unknown.
	Start  int `json:"start,omitempty"`
	End    int `json:"end,omitempty"`
	Column int `json:"column,omitempty"`
	// Fields of the Spec that made the step, such as Features[2].Packages.
	Fields []string `json:"fields,omitempty"`
}

// Fix is advice that can be acted on.
type Fix struct {
	// Text says what to do, in a sentence or as the lines to write.
	Text string `json:"text,omitempty"`
	// Path is a file of the image to write, and Content what to write into it; empty if that is not the way.
	Path    string `json:"path,omitempty"`
	Content string `json:"content,omitempty"`
}

// Suppressed says how a finding was accepted.
type Suppressed struct {
	// By is "inline", "config" or "baseline".
	By string `json:"by"`
	// Reason as its author gave it.
	Reason string `json:"reason,omitempty"`
}

// Fixed returns the finding with advice what to do.
func (f Finding) Fixed(format string, args ...any) Finding {
	f.Fix.Text = sprintf(format, args)
	return f
}

// FixedBy returns the finding with a file to add to the image, by its path and whole content, and with text as the advice.
func (f Finding) FixedBy(path, content, text string) Finding {
	f.Fix = Fix{Text: text, Path: path, Content: content}
	return f
}

// As returns the finding with another severity than the rule's.
func (f Finding) As(s Severity) Finding {
	f.Severity = s
	return f
}

// Unsure returns the finding with at most this confidence.
func (f Finding) Unsure(c Confidence) Finding {
	f.Confidence = max(f.Confidence, c)
	return f
}

// Showing returns the finding with what was found, cut to a line of moderate length. Secrets that can be told by their form or
// by the flag before them are taken out; others go through Redact first.
func (f Finding) Showing(evidence string) Finding {
	f.Evidence = clip(redactAll(evidence))
	return f
}

// OnLine returns the finding with the line of the file that it is about.
func (f Finding) OnLine(n int) Finding {
	f.Line = n
	return f
}

// Redact returns what may be shown of a secret: its first characters where they tell the kind of secret, and its length.
func Redact(secret string) string {
	shown := 4
	if len(secret) < 12 {
		shown = 0
	}
	return fmt.Sprintf("%s…[%d bytes]", printable(secret[:shown]), len(secret))
}

// clean escapes what is no text, line by line.
func (f Fix) clean() Fix {
	lines := func(s string) string {
		var b strings.Builder
		for line := range strings.SplitAfterSeq(s, "\n") {
			text := strings.TrimRight(line, "\n")
			for part := range strings.SplitAfterSeq(text, "\t") {
				b.WriteString(printable(strings.TrimSuffix(part, "\t")))
				b.WriteString(part[len(strings.TrimSuffix(part, "\t")):])
			}
			b.WriteString(line[len(text):])
		}
		return b.String()
	}
	return Fix{lines(f.Text), printable(f.Path), lines(f.Content)}
}

// fingerprint is over what stays when lines move, layers are rebuilt and sentences are polished. It is the same before and
// after the build.
func (f Finding) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule, cmp.Or(f.Path, f.key), cmp.Or(f.Evidence, f.Message)}, "\x00")))
	return hex.EncodeToString(sum[:12])
}

func sprintf(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// clip keeps hostile input from flooding a report.
func clip(s string) string {
	const most = 200
	s = printable(s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// printable escapes what a terminal or a JSON reader would not take as text.
func printable(s string) string {
	plain := func(r rune, size int) bool {
		return r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) && !(r == utf8.RuneError && size == 1)
	}
	clean := true
	for i := 0; i < len(s) && clean; {
		r, n := utf8.DecodeRuneInString(s[i:])
		clean = plain(r, n)
		i += n
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case plain(r, n):
			b.WriteString(s[i : i+n])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		default:
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
		i += n
	}
	return b.String()
}
