package launch

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The flags of a server that is built on k8s.io/apiserver (pkg/server/options, RecommendedOptions).
const (
	flagSecurePort               = "secure-port"
	flagBindAddress              = "bind-address"
	flagCertFile                 = "tls-cert-file"
	flagKeyFile                  = "tls-private-key-file"
	flagCertDir                  = "cert-dir"
	flagKubeconfig               = "kubeconfig"
	flagAuthenticationKubeconfig = "authentication-kubeconfig"
	flagAuthorizationKubeconfig  = "authorization-kubeconfig"
)

// flagValue is one flag that the child is to be given.
type flagValue struct{ name, value string }

// String is the flag as an argument.
func (f flagValue) String() string { return "--" + f.name + "=" + f.value }

// find returns the value of a flag in a command line, the last where it is repeated, and whether it is there.
func find(command []string, name string) (found string, given bool) {
	for i, arg := range command {
		if i == 0 {
			continue
		}
		written, value, hasValue := strings.Cut(arg, "=")
		if written != "--"+name && written != "-"+name {
			continue
		}
		if !hasValue && i+1 < len(command) {
			value = command[i+1]
		}
		found, given = value, true
	}
	return found, given
}

// givenPort returns the port that the command line asks for; 0 when it names none.
func givenPort(command []string) (int, error) {
	value, given := find(command, flagSecurePort)
	if !given {
		return 0, nil
	}
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("--%s %q of the command: kagg has to know the port: give one from 1 to 65535, or leave the flag out and kagg chooses one", flagSecurePort, value)
	}
	return int(port), nil
}

// missing returns those of the wanted flags that the command line does not have. A certificate and its key count as
// one, and as given when a folder of them is.
func missing(command []string, wanted []flagValue) []flagValue {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, ok := find(command, name); return ok })
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(f flagValue) bool {
		if f.name == flagCertFile || f.name == flagKeyFile {
			return has(flagCertFile, flagKeyFile, flagCertDir)
		}
		return has(f.name)
	})
}

// refusal is how programs say that they do not know a flag, in the words of pflag, of Go's flag, and of others'.
var refusal = regexp.MustCompile(`(?i)unknown|not defined|unrecogni[sz]ed|unexpected argument|no such option`)

var flagName = regexp.MustCompile(`(?:^|[^\w-])--?([a-z][\w-]*)`)

// refused returns those of the flags that a program which printed this did not know.
func refused(printed string, flags []flagValue) []string {
	var names []string
	for line := range strings.Lines(printed) {
		if !refusal.MatchString(line) {
			continue
		}
		for _, match := range flagName.FindAllStringSubmatch(line, -1) {
			known := slices.ContainsFunc(flags, func(f flagValue) bool { return f.name == match[1] })
			if known && !slices.Contains(names, match[1]) {
				names = append(names, match[1])
			}
		}
	}
	return names
}

// without returns the flags but those of the names.
func without(flags []flagValue, names []string) []flagValue {
	return slices.DeleteFunc(slices.Clone(flags), func(f flagValue) bool { return slices.Contains(names, f.name) })
}

// arguments are the flags as arguments.
func arguments(flags []flagValue) []string {
	args := make([]string, len(flags))
	for i, f := range flags {
		args[i] = f.String()
	}
	return args
}
