package report

import (
	"io"
	"net/url"
	"path/filepath"

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
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
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
	for _, f := range r.Findings {
		result := sarifResult{
			RuleID: f.Code, RuleIndex: index[f.Code], Level: levelOf(f.Severity), Message: sarifText{f.Message + ". " + f.Mend},
		}
		if l := locationOf(f.Where); l.Physical != nil || l.Logical != nil {
			result.Locations = []sarifLocation{l}
		}
		run.Results = append(run.Results, result)
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

func locationOf(at check.Where) sarifLocation {
	var l sarifLocation
	if at.File != "" && at.File != "-" {
		l.Physical = &sarifPhysical{Artifact: sarifArtifact{fileURI(at.File)}}
		if at.Line > 0 {
			l.Physical.Region = &sarifRegion{at.Line}
		}
	}
	at.File, at.Line = "", 0
	if name := placed(at); name != "" {
		l.Logical = []sarifLogical{{Name: name, Kind: "resource"}}
	}
	return l
}

// fileURI is a file's name as a URI: relative where the name is.
func fileURI(file string) string {
	u := url.URL{Path: filepath.ToSlash(filepath.Clean(file))}
	if filepath.IsAbs(file) {
		u.Scheme = "file"
	}
	return u.String()
}
