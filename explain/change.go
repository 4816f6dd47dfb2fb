package explain

import (
	"fmt"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
)

// The fields that order versions and groups, with the highest value that an APIService may have in each
// (kube-aggregator, pkg/apis/apiregistration/validation).
const (
	fieldVersionPriority    = "spec.versionPriority"
	fieldGroupPriority      = "spec.groupPriorityMinimum"
	highestVersionPriority  = 1000
	highestGroupPriority    = 20000
	lowestPriority          = 1
	discoveryAcceptedByKagg = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
)

// ranked is something that a priority orders, with the APIService whose field it is; "" where nobody can set it.
type ranked struct {
	apiService string
	priority   int32
}

// overtake returns what to set so that one comes before all others, or nil where the limits or what cannot be set
// leave no way. mine are the fields of which the highest counts.
func overtake(mine, others []ranked, field string, highest int32) []Setting {
	var top, own int32
	for _, o := range others {
		top = max(top, o.priority)
	}
	var raised *ranked
	for _, m := range mine {
		own = max(own, m.priority)
		if m.apiService != "" && (raised == nil || m.priority > raised.priority) {
			raised = &m
		}
	}
	to := min(top+1, highest)
	if raised == nil {
		to = own
	}
	var set []Setting
	for _, o := range others {
		if o.priority < to {
			continue
		}
		if o.apiService == "" || to <= lowestPriority {
			return nil
		}
		set = append(set, Setting{APIService: o.apiService, Field: field, Now: o.priority, To: to - 1})
	}
	if raised != nil && raised.priority != to {
		set = append(set, Setting{APIService: raised.apiService, Field: field, Now: raised.priority, To: to})
	}
	return set
}

// mendOf words settings.
func mendOf(set []Setting) string {
	words := make([]string, 0, len(set))
	for _, s := range set {
		words = append(words, fmt.Sprintf("set %s of APIService %s to %d, it is %d", s.Field, s.APIService, s.To, s.Now))
	}
	return strings.Join(words, "; ")
}

// aggregatedGroup is a group's entry in the aggregated document, and its place; nil when there is none.
func (e *explainer) aggregatedGroup(name string) (*apidiscoveryv2.APIGroupDiscovery, int) {
	items := e.snapshot.Discovery().Aggregated.Items
	for i := range items {
		if items[i].Name == name {
			return &items[i], i
		}
	}
	return nil, 0
}

// settable is the APIService whose fields order a group-version; "" when it is the server's own.
func settable(info discoverymerge.VersionInfo) string {
	if info.Source != discoverymerge.SourceAggregator {
		return ""
	}
	return info.Party.APIService
}

// changePreferred says how to make another version of a group the preferred one: only that one, or any where version
// is "" or is preferred already.
func (e *explainer) changePreferred(name, version string) {
	group, _ := e.aggregatedGroup(name)
	if group == nil {
		return
	}
	infos := make([]discoverymerge.VersionInfo, len(group.Versions))
	for i := range group.Versions {
		infos[i], _ = e.snapshot.Discovery().Version(name, group.Versions[i].Version)
	}
	if version == group.Versions[0].Version {
		version = ""
	}
	for i := range infos[1:] {
		wanted := infos[i+1]
		if version != "" && wanted.Party.Version != version {
			continue
		}
		var others []ranked
		for o := range infos {
			if o != i+1 {
				others = append(others, ranked{settable(infos[o]), infos[o].VersionPriority})
			}
		}
		set := overtake([]ranked{{settable(wanted), wanted.VersionPriority}}, others, fieldVersionPriority, highestVersionPriority)
		if len(set) > 0 {
			e.change(Change{Effect: fmt.Sprintf("%s becomes the preferred version of %s", wanted.Party.Version, groupTitle(name)), Mend: mendOf(set), Set: set})
		}
	}
}

// changeGroupOrder says how to list a group before the one that precedes it.
func (e *explainer) changeGroupOrder(name string) {
	_, place := e.aggregatedGroup(name)
	if place == 0 {
		return
	}
	before := e.snapshot.Discovery().Aggregated.Items[place-1].Name
	set := overtake(e.rankedGroup(name), e.rankedGroup(before), fieldGroupPriority, highestGroupPriority)
	if len(set) > 0 {
		e.change(Change{Effect: fmt.Sprintf("%s comes before %s", groupTitle(name), groupTitle(before)), Mend: mendOf(set), Set: set})
	}
}

// rankedGroup has the priorities of a group's versions, the highest of which orders the group.
func (e *explainer) rankedGroup(name string) []ranked {
	group, _ := e.aggregatedGroup(name)
	if group == nil {
		return nil
	}
	out := make([]ranked, 0, len(group.Versions))
	for i := range group.Versions {
		info, _ := e.snapshot.Discovery().Version(name, group.Versions[i].Version)
		out = append(out, ranked{settable(info), info.GroupPriority})
	}
	return out
}

// changeDiscovery says what would change a decision about a group-version's entry.
func (e *explainer) changeDiscovery(d *discoverymerge.Decision) {
	gv := groupVersion(d.Subject.Group, d.Subject.Version)
	path := availability.Path(d.Subject.Group, d.Subject.Version)
	name := d.Subject.Version + "." + d.Subject.Group
	c := Change{}
	switch d.Rule {
	case discoverymerge.RuleStale:
		if s := e.service(d.Winner.APIService); s == nil || s.Condition.Status != apiregistrationv1.ConditionTrue {
			return // what makes the APIService available is told with that
		}
		e.trouble(Trouble{Reason: d.Outcome, Mend: fmt.Sprintf("let %s answer GET /apis or, without aggregated discovery, GET %s with 200", d.Winner.Backend, path)})
	case discoverymerge.RuleNotListed:
		e.trouble(Trouble{Reason: d.Outcome, Mend: fmt.Sprintf("let %s list %s in /apis, or remove the APIService %s", d.Winner.Backend, gv, name)})
	case discoverymerge.RuleLegacyForm:
		c = Change{gv + " is read from one document with all others", fmt.Sprintf("let %s answer GET /apis with Accept: %s", d.Winner.Backend, discoveryAcceptedByKagg), nil, nil}
	case discoverymerge.RuleUnclaimed:
		if d.Winner.Backend == "" {
			c = Change{gv + " is served", fmt.Sprintf("write an APIService %s whose spec.service is %s", name, d.Losers[0].Backend), nil, nil}
		}
	case discoverymerge.RuleSourcePrecedence:
		if d.Winner.APIService != "" {
			c = Change{fmt.Sprintf("%s is what %s has", gv, d.Losers[0].Backend), "remove the APIService " + d.Winner.APIService, nil, nil}
		}
	case discoverymerge.RuleLocalNotServed:
		e.trouble(Trouble{Reason: d.Outcome, Mend: fmt.Sprintf("give the APIService %s a spec.service, or remove it", name)})
	default:
	}
	if c.Effect != "" {
		e.change(c)
	}
}
