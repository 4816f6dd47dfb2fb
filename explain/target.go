package explain

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Kind is what a Target names.
type Kind string

// The kinds of a Target.
const (
	KindGroup      Kind = "group"
	KindVersion    Kind = "version"
	KindResource   Kind = "resource"
	KindDefinition Kind = "definition"
	KindPath       Kind = "path"
	KindAPIService Kind = "apiservice"
	KindRequest    Kind = "request"
)

// Kinds returns every kind. The slice is the caller's own.
func Kinds() []Kind {
	return []Kind{KindGroup, KindVersion, KindResource, KindDefinition, KindPath, KindAPIService, KindRequest}
}

// coreGroup is what a target calls the group without a name.
const coreGroup = "core"

// Target is one thing to explain.
type Target struct {
	Kind Kind
	// Name is the resource as a client would type it with its group, NAME[.GROUP]; the definition; the path; or the
	// APIService. It is the path of a request, which may have a query.
	Name string
	// Group and Version are those of KindGroup and KindVersion; "core" is the group without a name.
	Group, Version string
	// Method is that of KindRequest, As who it is made for.
	Method string
	As     Impersonation
}

// Impersonation is whom a request asks to be taken for; the zero value is nobody else.
type Impersonation struct {
	User, UID string
	Groups    []string
}

// String is what ParseTarget reads; that of a request is "request METHOD PATH" with its flags.
func (t Target) String() string {
	switch t.Kind {
	case KindGroup:
		return string(t.Kind) + "/" + t.Group
	case KindVersion:
		return string(t.Kind) + "/" + t.Group + "/" + t.Version
	case KindRequest:
		words := []string{string(t.Kind), t.Method, t.Name}
		if t.As.User != "" {
			words = append(words, "--as", t.As.User)
		}
		if t.As.UID != "" {
			words = append(words, "--as-uid", t.As.UID)
		}
		for _, group := range t.As.Groups {
			words = append(words, "--as-group", group)
		}
		return strings.Join(words, " ")
	case KindPath:
		return string(t.Kind) + t.Name
	case KindResource, KindDefinition, KindAPIService:
	}
	return string(t.Kind) + "/" + t.Name
}

// forms are how targets are written, for errors and help.
const forms = "group/NAME, version/GROUP/VERSION, resource/NAME[.GROUP], definition/NAME, path/URL-PATH, apiservice/NAME, or request METHOD URL-PATH"

// ParseTarget reads one target that is one word, so none of KindRequest. The group without a name is written core, or
// left out in version/VERSION.
func ParseTarget(word string) (Target, error) {
	kind, name, ok := strings.Cut(word, "/")
	if !ok || name == "" {
		return Target{}, fmt.Errorf("target %q: write %s", word, forms)
	}
	t := Target{Kind: Kind(kind), Name: name}
	switch t.Kind {
	case KindGroup:
		return Target{Kind: KindGroup, Group: name}, nil
	case KindVersion:
		group, version, ok := strings.Cut(name, "/")
		if !ok {
			group, version = coreGroup, name
		}
		if group == "" {
			group = coreGroup
		}
		if version == "" || strings.Contains(version, "/") {
			return Target{}, fmt.Errorf("target %q: write version/GROUP/VERSION, as in version/apps/v1 or version/core/v1", word)
		}
		return Target{Kind: KindVersion, Group: group, Version: version}, nil
	case KindPath:
		// A path begins with a slash, whether the word has one slash between or two.
		t.Name = "/" + strings.TrimPrefix(name, "/")
		return t, nil
	case KindResource, KindDefinition, KindAPIService:
		return t, nil
	case KindRequest:
		return Target{}, fmt.Errorf("target %q: write a request as words of their own, as in request GET /apis/apps/v1", word)
	}
	return Target{}, fmt.Errorf("target %q: there is no kind %q: write %s", word, kind, forms)
}

// pathOf leaves the scheme and the host of a URL away, as kubectl -v=8 prints one; what is no URL stays as it is.
func pathOf(word string) string {
	u, err := url.Parse(word)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return word
	}
	return u.RequestURI()
}

// Parse reads targets. The word request takes the two words after it as its method and its path, or a URL with that; as applies to every
// request. No target at all, an impersonation without a request or without a user, and a word that is no target are
// errors.
func Parse(words []string, as Impersonation) ([]Target, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("name what to explain: %s", forms)
	}
	var targets []Target
	words = slices.Clone(words)
	for len(words) > 0 {
		if words[0] != string(KindRequest) {
			t, err := ParseTarget(words[0])
			if err != nil {
				return nil, err
			}
			targets, words = append(targets, t), words[1:]
			continue
		}
		if len(words) > 2 {
			words[2] = pathOf(words[2])
		}
		if len(words) < 3 || !strings.HasPrefix(words[2], "/") {
			return nil, fmt.Errorf("target %q: write request METHOD URL-PATH, as in request GET /apis/apps/v1", strings.Join(words[:min(len(words), 3)], " "))
		}
		targets = append(targets, Target{Kind: KindRequest, Method: strings.ToUpper(words[1]), Name: words[2], As: as})
		words = words[3:]
	}
	asked := as.User != "" || as.UID != "" || len(as.Groups) > 0
	if asked && !slices.ContainsFunc(targets, func(t Target) bool { return t.Kind == KindRequest }) {
		return nil, fmt.Errorf("whom a request is made for says nothing about %s: name a request too, or leave it out", targets[0])
	}
	if asked && as.User == "" {
		return nil, fmt.Errorf("groups or a UID to be taken for need a user: name one as well")
	}
	return targets, nil
}
