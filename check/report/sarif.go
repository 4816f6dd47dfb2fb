package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/kagg-project/kagg/check"
)

// documentURL is where the checks are described.
const documentURL = "https://github.com/kagg-project/kagg/blob/main/docs/checks.md"

// The parts of SARIF 2.1.0 that findings need.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		Name             string       `json:"name"`
		ShortDescription sarifText    `json:"shortDescription"`
		FullDescription  sarifText    `json:"fullDescription"`
		Help             sarifHelp    `json:"help"`
		HelpURI          string       `json:"helpUri"`
		Default          sarifLevel   `json:"defaultConfiguration"`
		Properties       sarifRuleBag `json:"properties"`
	}
	sarifRuleBag struct {
		Tags []string `json:"tags"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		// Fingerprints are by which a finding is known again when lines or words change.
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI    string `json:"uri"`
		BaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)

func (r Report) writeSARIF(w io.Writer) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "kagg", Version: r.Version, InformationURI: "https://github.com/kagg-project/kagg", Rules: []sarifRule{},
		}},
		Results: []sarifResult{},
	}
	index := map[string]int{}
	for i, c := range r.Checks {
		index[c.Code] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: c.Code, Name: c.Name, ShortDescription: sarifText{c.Title}, FullDescription: sarifText{c.Why},
			Help: sarifHelp{Text: c.Why + " " + c.Mend, Markdown: c.Page()}, HelpURI: documentURL + "#" + c.Anchor(),
			Default: sarifLevel{levelOf(c.Severity)}, Properties: sarifRuleBag{[]string{string(c.Area)}},
		})
	}
	same := map[string]int{}
	for _, f := range r.Findings {
		key := r.identity(f)
		same[key]++
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Code, RuleIndex: index[f.Code], Level: levelOf(f.Severity), Message: sarifText{f.Message + ". " + f.Mend},
			Locations: []sarifLocation{r.locationOf(f.Where)}, Fingerprints: map[string]string{"kagg/v1": fingerprint(key, same[key])},
		})
	}
	return encode(w, sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

// levelOf is a severity in SARIF's words.
func levelOf(s check.Severity) string {
	if s == check.SeverityInfo {
		return "note"
	}
	return string(s)
}

// identity is what a finding is known by: its code and place, without the line and what was found.
func (r Report) identity(f check.Finding) string {
	return strings.Join([]string{f.Code, r.artifact(f.Where.File).URI, f.Where.APIService, f.Where.Backend, f.Where.Path, f.Where.Object}, "\n")
}

// fingerprint is a digest of an identity, and of how many findings had it so far.
func fingerprint(identity string, nth int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d", identity, nth))
	return hex.EncodeToString(sum[:16])
}

func (r Report) locationOf(at check.Where) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: r.artifact(at.File), Region: sarifRegion{1}}}
	if at.Line > 0 && !unnamed(at.File) {
		l.Physical.Region.StartLine = at.Line
	}
	at.File, at.Line = "", 0
	if name := placed(at); name != "" {
		l.Logical = []sarifLogical{{Name: name, Kind: "resource"}}
	}
	return l
}

// unnamed tells whether there is no file: none is known, or it is standard input.
func unnamed(file string) bool { return file == "" || file == "-" }

// artifact names a file, or what stands for none: below the folder that the report is made in where it is there.
func (r Report) artifact(file string) sarifArtifact {
	if unnamed(file) {
		file = cmp.Or(r.Fallback, "kagg")
	}
	file = filepath.Clean(file)
	if r.Folder != "" {
		if !filepath.IsAbs(file) {
			file = filepath.Join(r.Folder, file)
		}
		if below, err := filepath.Rel(r.Folder, file); err == nil && filepath.IsLocal(below) {
			file = below
		}
	}
	u := url.URL{Path: filepath.ToSlash(file)}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
		return sarifArtifact{URI: u.String()}
	}
	return sarifArtifact{URI: u.String(), BaseID: "%SRCROOT%"}
}
