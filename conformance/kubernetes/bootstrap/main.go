// Command bootstrap prints the roles and bindings that a kube-apiserver makes at its start, as YAML: the
// content of delegate/rbac/bootstrap.yaml.
package main

import (
	"fmt"
	"os"

	"github.com/kagg-project/kagg/conformance/kubernetes/policy"
)

func main() {
	text, err := policy.YAML()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(text)
}
