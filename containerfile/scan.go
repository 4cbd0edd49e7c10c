package containerfile

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openshift/imagebuilder/dockerfile/command"
	"github.com/openshift/imagebuilder/dockerfile/parser"
)

const (
	// MaxSize is the size in bytes beyond which Parse and WriteTo refuse a Containerfile.
	MaxSize = 16 << 20
	// MaxInstruction is the size in bytes beyond which they refuse one instruction, here-documents not counted. It is
	// also the size of the longest argument that Linux passes to a program, so no longer command could run.
	MaxInstruction = 128 << 10

	// maxLine is what the builder's parser takes in one line; it uses bufio.Scanner with a buffer of 2 MiB.
	maxLine = 2<<20 - 1
	// maxWork bounds the sum of the squares of the lengths of all instructions, because the builder's parser spends
	// time in that proportion: some seconds at this bound.
	maxWork = 1 << 35
)

var (
	errSize        = fmt.Errorf("larger than %d MiB", MaxSize>>20)
	errInstruction = fmt.Errorf("instruction of more than %d KiB; put long text into a here-document or a file", MaxInstruction>>10)
	errLine        = errors.New("line of more than 2 MiB, which the builder's parser does not take")
	errWork        = errors.New("too many long instructions for the builder's parser; put long text into here-documents or files")
	errUnknown     = errors.New("unknown instruction")
	errDangling    = errors.New("the line is continued, but nothing follows")
)

// logicalLine is one instruction or comment of a file: the unit that the builder's parser turns into a node.
type logicalLine struct {
	Range
	comment  bool
	text     string       // the comment, or the instruction with its continuations joined
	joints   []int        // offsets in text where lines were joined
	node     *parser.Node // what the builder's parser makes of text
	heredocs []Heredoc
	inner    []innerComment
	open     bool // the file ends, though the last line is continued
	err      error
}

// innerComment stands between the lines of an instruction.
type innerComment struct {
	line int
	text string
}

// directive is the grammar of parser directives; of imagebuilder's the name must be escape, and of BuildKit's these.
var directive = regexp.MustCompile(`^#[ \t]*(?i:(escape|syntax|check))[ \t]*=[ \t]*([^ \t].*?|[ \t])[ \t]*$`)

// lineReader splits a file into physical lines as bufio.ScanLines does.
type lineReader struct {
	rest []byte
	line int // number of the last line that next returned
	work int // spent so far, see maxWork
}

func (r *lineReader) next() ([]byte, bool) {
	if len(r.rest) == 0 {
		return nil, false
	}
	line, rest, _ := bytes.Cut(r.rest, []byte("\n"))
	r.rest = rest
	r.line++
	if r.line == 1 {
		line = bytes.TrimPrefix(line, []byte(bom))
	}
	return bytes.TrimSuffix(line, []byte("\r")), true
}

// logicalLines splits what r has left the way imagebuilder's parser.Parse does, and keeps what that drops: comments
// and the places of continuations.
func logicalLines(r *lineReader, escape byte) iter.Seq[logicalLine] {
	return func(yield func(logicalLine) bool) {
		for {
			raw, ok := r.next()
			if !ok {
				return
			}
			trimmed := bytes.TrimLeftFunc(raw, unicode.IsSpace)
			l := logicalLine{Range: Range{r.line, r.line}}
			switch {
			case len(trimmed) == 0:
				continue
			case trimmed[0] == '#':
				l.comment, l.text = true, commentText(trimmed)
			default:
				l.join(r, trimmed, escape)
				l.readHeredocs(r)
				l.EndLine = r.line
			}
			if !yield(l) {
				return
			}
		}
	}
}

// join reads the instruction that begins with first up to the line that is not continued.
func (l *logicalLine) join(r *lineReader, first []byte, escape byte) {
	var text strings.Builder
	piece, more := continued(first, escape)
	for {
		if len(piece) > maxLine {
			l.err = errLine
		}
		if text.Len() <= MaxInstruction { // the rest is read for its end only
			text.Write(piece)
		}
		var next []byte
		for more {
			var ok bool
			if next, ok = r.next(); !ok {
				more, l.open = false, true
				break
			}
			inner := bytes.TrimLeftFunc(next, unicode.IsSpace)
			if len(inner) == 0 {
				continue
			}
			if inner[0] != '#' {
				break
			}
			l.inner = append(l.inner, innerComment{r.line, commentText(inner)})
		}
		if !more {
			break
		}
		l.joints = append(l.joints, text.Len())
		piece, more = continued(next, escape)
	}
	l.text = text.String()
	if l.err == nil {
		l.err = checkInstruction(l.text, escape)
	}
	if r.work += len(l.text) * len(l.text); l.err == nil && r.work > maxWork {
		l.err = errWork
	}
	if l.err == nil {
		l.node, l.err = parseNode(l.text, escape)
	}
}

// checkInstruction refuses what the builder's parser would not read as one whole instruction.
func checkInstruction(text string, escape byte) error {
	switch {
	case len(text) > MaxInstruction:
		return errInstruction
	case strings.ContainsRune(text, 0):
		return errNUL
	case !utf8.ValidString(text):
		return errUTF8
	}
	if _, more := continued([]byte(text), escape); more || strings.TrimSpace(text) == "" {
		return errDangling
	}
	return nil
}

// continued strips the escape character that ends a continued line, with the blanks after it.
func continued(line []byte, escape byte) ([]byte, bool) {
	end := bytes.TrimRight(line, " \t")
	if len(end) > 0 && end[len(end)-1] == escape {
		return end[:len(end)-1], true
	}
	return line, false
}

// commentText strips # and one space.
func commentText(line []byte) string {
	return strings.TrimPrefix(string(line[1:]), " ")
}

// readHeredocs reads the bodies of the markers that the builder's parser found.
func (l *logicalLine) readHeredocs(r *lineReader) {
	if l.err != nil {
		return
	}
	for _, doc := range l.node.Heredocs {
		h := Heredoc{Name: doc.Name, Literal: !doc.Expand, StripTabs: doc.Chomp}
		var body bytes.Buffer
		for {
			line, ok := r.next()
			if !ok {
				l.err = fmt.Errorf("no line %q ends the here-document", h.Name)
				return
			}
			if h.endedBy(string(line)) {
				break
			}
			if len(line) > maxLine {
				l.err = errLine
			}
			body.Write(line)
			body.WriteByte('\n')
		}
		h.Body = body.String()
		l.heredocs = append(l.heredocs, h)
	}
}

// parseNode gives one instruction to the parser that buildah builds with. Bodies of here-documents are left out.
func parseNode(text string, escape byte) (*parser.Node, error) {
	word, rest := keyword(text)
	if word == command.Onbuild {
		word, rest = keyword(rest)
	}
	if _, ok := command.Commands[word]; !ok {
		return nil, fmt.Errorf("%w %q", errUnknown, strings.ToUpper(word))
	}
	var src strings.Builder
	if escape == '`' {
		src.WriteString("# escape=`\n")
	}
	src.WriteString(text + "\r\n") // as one CR is dropped, one that text ends in is kept
	if strings.Contains(rest, "<<") {
		docs, err := markers(text)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			src.WriteString(doc.Name + "\n")
		}
	}
	result, err := parser.Parse(strings.NewReader(src.String()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.ToUpper(word), err)
	}
	return result.AST.Children[0], nil
}

// keyword splits off the first word, in lower case.
func keyword(text string) (word, rest string) {
	text = strings.TrimSpace(text)
	if i := strings.IndexAny(text, "\t\v\f\r "); i >= 0 {
		return strings.ToLower(text[:i]), strings.TrimSpace(text[i:])
	}
	return strings.ToLower(text), ""
}
