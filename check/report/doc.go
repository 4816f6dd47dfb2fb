// Package report writes findings: as text for people, as JSON or YAML, as SARIF for code scanning, and as annotations of GitHub
// Actions. In come findings in the order in which they are to be told, out goes text; nothing is decided here.
package report
