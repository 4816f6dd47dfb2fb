package launch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistration "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/discoverymerge"
)

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// groupPriority is the groupPriorityMinimum of made-up APIServices, as kube-apiservers give it to groups that they do
// not know.
const groupPriority = 1000

// register asks the child for its group-versions, and makes an APIService for each. It returns their names, sorted.
func (s *Server) register(ctx context.Context, behind service, r readiness) ([]string, error) {
	groupVersions, err := s.groupVersions(ctx, r)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(s.running.State().ClusterCA.CertFile)
	if err != nil {
		return nil, err
	}
	if err := verify(behind, r.chain, ca); err != nil {
		ca = nil
		s.options.Progress(fmt.Sprintf("the certificate of %s is not verified: %v", s.options.Command[0], err))
	}
	config, err := clientcmd.BuildConfigFromFlags("", s.running.State().Kubeconfig)
	if err != nil {
		return nil, err
	}
	client, err := apiregistration.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	var names []string
	elsewhere := false
	for _, a := range apiServices(groupVersions, behind, ca, s.options.Command[0]) {
		_, err := client.ApiregistrationV1().APIServices().Create(ctx, a, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			why := "kagg serves it itself"
			if by := servedBy(ctx, client, a.Name); by != nil {
				why, elsewhere = fmt.Sprintf("the objects have it served by the Service %s/%s", by.Namespace, by.Name), true
			}
			s.options.Progress(fmt.Sprintf("%s of %s is left out: %s", a.Name, s.options.Command[0], why))
			continue
		}
		if err != nil {
			return nil, s.failed("serves %s/%s, for which no APIService can be made: %w", a.Spec.Group, a.Spec.Version, err)
		}
		names = append(names, a.Name)
	}
	switch {
	case len(names) > 0:
	case elsewhere:
		return nil, s.failed("serves nothing that the objects do not have served at other addresses: take the addresses of its Services out of them, or give the command their port with --%s", flagSecurePort)
	default:
		return nil, s.failed("serves nothing that kagg does not serve itself: give the APIServices with -f")
	}
	slices.Sort(names)
	return names, nil
}

// servedBy returns the Service of an APIService; nil when it is Local.
func servedBy(ctx context.Context, client apiregistration.Interface, name string) *apiregistrationv1.ServiceReference {
	have, err := client.ApiregistrationV1().APIServices().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return have.Spec.Service
}

// groupVersions asks the child what it serves: /apis, in both forms at once, and where that gives nothing, as with many
// a server that was written by hand, its OpenAPI documents.
func (s *Server) groupVersions(ctx context.Context, r readiness) ([]schema.GroupVersion, error) {
	var lacks []string
	for _, source := range []struct {
		path, accept string
		read         func([]byte) ([]schema.GroupVersion, error)
	}{
		{"/apis", discovery.AcceptV2 + "," + runtime.ContentTypeJSON, listed},
		{"/openapi/v3", runtime.ContentTypeJSON, described},
		{"/openapi/v2", runtime.ContentTypeJSON, described},
	} {
		a, err := s.get(ctx, r.client, source.path, source.accept)
		switch {
		case err != nil:
			lacks = append(lacks, err.Error())
			continue
		case a.code != http.StatusOK:
			lacks = append(lacks, fmt.Sprintf("answers %s with %s: %s", source.path, a.status, failedChecks(a.body)))
			continue
		}
		found, err := source.read(a.body)
		switch {
		case err != nil:
			lacks = append(lacks, fmt.Sprintf("answers %s with what cannot be read: %v", source.path, err))
		case len(found) == 0:
			lacks = append(lacks, fmt.Sprintf("names no group-version at %s", source.path))
		default:
			return found, nil
		}
	}
	return nil, s.failed("does not say which group-versions it serves (%s): give the APIServices with -f", strings.Join(lacks, "; "))
}

// described returns the group-versions that the paths of an OpenAPI v2 document, or of an OpenAPI v3 index, are of.
func described(body []byte) ([]schema.GroupVersion, error) {
	var document struct {
		Paths map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, err
	}
	found := map[schema.GroupVersion]bool{}
	for path := range document.Paths {
		parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
		if len(parts) >= 3 && parts[0] == "apis" && parts[1] != "" && parts[2] != "" {
			found[schema.GroupVersion{Group: parts[1], Version: parts[2]}] = true
		}
	}
	return slices.Collect(maps.Keys(found)), nil
}

// listed returns the group-versions in a discovery document of either form.
func listed(body []byte) ([]schema.GroupVersion, error) {
	var kind metav1.TypeMeta
	if err := json.Unmarshal(body, &kind); err != nil {
		return nil, err
	}
	if kind.Kind != "APIGroupList" {
		entries, err := discoverymerge.DecodeAggregated(body)
		return slices.Collect(maps.Keys(entries)), err
	}
	var groups metav1.APIGroupList
	if err := json.Unmarshal(body, &groups); err != nil {
		return nil, err
	}
	var found []schema.GroupVersion
	for _, g := range groups.Groups {
		for _, v := range g.Versions {
			found = append(found, schema.GroupVersion{Group: g.Name, Version: v.Version})
		}
	}
	return found, nil
}

// apiServices makes an APIService for each group-version: groups alike, versions of a group in the order in which
// Kubernetes puts those of equal priority. The core group cannot have one of a custom apiserver. Without a CA the
// child's certificate is not verified. They are marked as made up for the command.
func apiServices(groupVersions []schema.GroupVersion, behind service, ca []byte, command string) []*apiregistrationv1.APIService {
	sorted := slices.SortedFunc(slices.Values(groupVersions), func(a, b schema.GroupVersion) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), version.CompareKubeAwareVersionStrings(b.Version, a.Version))
	})
	sorted = slices.DeleteFunc(slices.Compact(sorted), func(gv schema.GroupVersion) bool { return gv.Group == "" || gv.Version == "" })
	out := make([]*apiregistrationv1.APIService, 0, len(sorted))
	for i, gv := range sorted {
		// From the first version of the group on, down.
		priority := int32(100)
		if i > 0 && sorted[i-1].Group == gv.Group {
			priority = max(1, out[i-1].Spec.VersionPriority-1)
		}
		out = append(out, &apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{
				Name: gv.Version + "." + gv.Group, Annotations: map[string]string{aggregator.MadeUpAnnotation: filepath.Base(command)},
			},
			Spec: apiregistrationv1.APIServiceSpec{
				Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: groupPriority, VersionPriority: priority,
				Service:               &apiregistrationv1.ServiceReference{Namespace: behind.namespace, Name: behind.name},
				CABundle:              ca,
				InsecureSkipTLSVerify: ca == nil,
			},
		})
	}
	return out
}
