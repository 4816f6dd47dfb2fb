package manifest

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// chunk is a part of a YAML stream between two "---" lines, and the number of lines before it.
type chunk struct {
	data   []byte
	before int
}

// splitYAML cuts a stream at its "---" lines, so that a syntax error in one document does not hide the
// errors of the next ones. YAML forbids such a line in any value, so looking at the line is enough. The
// line itself begins the later chunk: it may carry content. Directives (%YAML) stay with what follows.
func splitYAML(data []byte) []chunk {
	var chunks []chunk
	start, startLine, line := 0, 0, 0
	directive, content := false, false
	for pos := 0; pos < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		text := data[pos:end]
		switch trimmed := bytes.TrimSpace(text); {
		case isSeparator(text):
			if !directive || content {
				chunks = append(chunks, chunk{data[start:pos], startLine})
				start, startLine = pos, line
			}
			directive, content = false, true
		case len(trimmed) == 0 || trimmed[0] == '#':
		case text[0] == '%' && !content:
			directive = true
		case bytes.Equal(trimmed, []byte("...")):
			content = false
		default:
			content = true
		}
		pos = end
	}
	return append(chunks, chunk{data[start:], startLine})
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// readYAML returns the documents of a YAML stream that hold anything.
func readYAML(data []byte, r *report) []*value {
	var docs []*value
	b := &builder{report: r, left: maxValues}
	for _, c := range splitYAML(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		b.before = c.before
		nodes, err := parseYAML(c.data)
		if err != nil {
			b.syntaxError(c, err)
		}
		for _, n := range nodes {
			v := b.build(n, "", 0)
			if v != nil && v.kind != kindNull {
				docs = append(docs, v)
			}
		}
	}
	return docs
}

// parseYAML returns the roots of the documents up to the first syntax error.
func parseYAML(data []byte) ([]*yaml.Node, error) {
	var nodes []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nodes, err
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			nodes = append(nodes, n.Content[0])
		}
	}
}

var yamlErrorLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntaxError reports a YAML syntax error at the line that brings it. The parser's own line is often
// that of the enclosing value; the line after the longest beginning that parses is the better one.
func (b *builder) syntaxError(c chunk, err error) {
	text := err.Error()
	m := yamlErrorLine.FindStringSubmatch(text)
	problem := strings.TrimPrefix(text, m[0])
	line, convErr := strconv.Atoi(m[1])
	if convErr != nil {
		line = 1
	}
	if found, ok := firstBadLine(c.data, problem); ok {
		line = found
	}
	b.add(c.before+line, "", "YAML syntax error: "+problem, mendSyntax(problem, lineAt(c.data, line)))
}

// firstBadLine searches for the 1-based line with which data starts to have the problem.
func firstBadLine(data []byte, problem string) (int, bool) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	good, bad := 0, len(lines)
	var last error
	for bad-good > 1 {
		middle := (good + bad) / 2
		if _, err := parseYAML(bytes.Join(lines[:middle], nil)); err != nil {
			bad, last = middle, err
		} else {
			good = middle
		}
	}
	if last == nil {
		_, last = parseYAML(bytes.Join(lines[:bad], nil))
	}
	return bad, last != nil && strings.HasSuffix(last.Error(), problem)
}

func lineAt(data []byte, line int) string {
	lines := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(lines) {
		return ""
	}
	return string(lines[line-1])
}

// mendSyntax says what to do about the parser's more frequent complaints.
func mendSyntax(problem, line string) string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		return "indent with spaces: YAML allows no tabs there"
	case strings.Contains(problem, "mapping values are not allowed"):
		return `check the indentation of this line and the one above, and quote a value that has ": " in it`
	case strings.Contains(problem, "cannot start any token"):
		return "quote a value that begins with one of @ ` % and indent with spaces"
	case strings.Contains(problem, "unknown anchor"):
		return "define the anchor (&name) in the same document, above its use"
	case strings.Contains(problem, "end of stream"):
		return "close the quote or bracket that this line opens"
	case strings.Contains(problem, "could not find expected ':'"):
		return `write "key: value", with a space after the colon`
	case strings.Contains(problem, "expected ',' or"):
		return "close the bracket, or put a comma between its elements"
	case strings.Contains(problem, "control characters"), strings.Contains(problem, "UTF-8"):
		return "save the file as UTF-8 text"
	}
	return "check that this line is indented as its neighbours are, and that brackets and quotes are closed"
}
