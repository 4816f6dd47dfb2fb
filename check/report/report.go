package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/internal/visible"
)

// Format is a form of output.
type Format string

// The formats.
const (
	FormatText   Format = "text"
	FormatJSON   Format = "json"
	FormatYAML   Format = "yaml"
	FormatSARIF  Format = "sarif"
	FormatGitHub Format = "github"
)

// Formats returns all formats. The slice is the caller's.
func Formats() []Format {
	return []Format{FormatText, FormatJSON, FormatYAML, FormatSARIF, FormatGitHub}
}

// Parse reads the name of a format.
func Parse(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q: use text, json, yaml, sarif or github", name)
}

// Report is what is written.
type Report struct {
	Findings []check.Finding
	// Checks are those that were run.
	Checks []check.Check
	// Version is kagg's, for SARIF.
	Version string
	// Folder is the absolute path of the folder that SARIF is to name files below; "" leaves names as they are. It is
	// the checkout's, where that is what the command runs in.
	Folder string
	// Fallback is the file that SARIF places findings at which have none, for a result without a file is refused by code
	// scanning; "" is the file kagg, which need not exist.
	Fallback string
	// Colour makes text coloured.
	Colour bool
}

// Write writes the report.
func (r Report) Write(w io.Writer, f Format) error {
	switch f {
	case FormatJSON:
		return encode(w, r.document())
	case FormatYAML:
		data, err := yaml.Marshal(r.document())
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	case FormatSARIF:
		return r.writeSARIF(w)
	case FormatGitHub:
		return r.writeGitHub(w)
	case FormatText:
	}
	return r.writeText(w)
}

// document is what JSON and YAML have.
type document struct {
	Findings []check.Finding        `json:"findings"`
	Counts   map[check.Severity]int `json:"counts"`
}

func (r Report) document() document {
	d := document{Findings: r.Findings, Counts: map[check.Severity]int{}}
	for _, s := range check.Severities() {
		d.Counts[s] = 0
	}
	for _, f := range r.Findings {
		d.Counts[f.Severity]++
	}
	if d.Findings == nil {
		d.Findings = []check.Finding{}
	}
	return d
}

func encode(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// placed is where a finding is, from the file to the field, without what is not known.
func placed(at check.Where) string {
	file := at.File
	if at.Line > 0 {
		file = fmt.Sprintf("%s:%d", file, at.Line)
	}
	parts := []string{file, at.APIService, at.Backend + at.Path, at.Object}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// writeGitHub writes workflow commands, which GitHub Actions shows beside the lines of a change.
func (r Report) writeGitHub(w io.Writer) error {
	levels := map[check.Severity]string{check.SeverityError: "error", check.SeverityWarning: "warning", check.SeverityInfo: "notice"}
	var b strings.Builder
	for _, f := range r.Findings {
		var properties []string
		if f.Where.File != "" && f.Where.File != "-" {
			properties = append(properties, "file="+escapeProperty(f.Where.File))
			if f.Where.Line > 0 {
				properties = append(properties, fmt.Sprintf("line=%d", f.Where.Line))
			}
		}
		properties = append(properties, "title="+escapeProperty(f.Code+" "+f.Name))
		text := f.Message
		if f.Where.File == "" {
			text = placed(f.Where) + ": " + text
		}
		fmt.Fprintf(&b, "::%s %s::%s\n", levels[f.Severity], strings.Join(properties, ","), escapeData(visible.Text(text+"\n"+f.Why+"\n"+f.Mend)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
