package main

// Formats of what a command prints.
const (
	outputText = "text"
	outputJSON = "json"
	outputYAML = "yaml"
)
