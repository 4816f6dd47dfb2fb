package discoverymerge

import "fmt"

// parts is the inputs by what they are good for, each list in canonical order.
type parts struct {
	// aggregated is what goes into the aggregated document: remote APIServices, and what the delegate serves.
	aggregated []claim
	// unaggregated is what goes into the unaggregated list: APIServices.
	unaggregated []claim
	// unclaimed is what backends list without an APIService.
	unclaimed []*Input
	// core is what the delegate serves at /api.
	core []*Input
}

// divide tells the inputs apart and drops all but the first of those that mean the same.
func divide(inputs []*Input, q Quirks, rec *recorder) parts {
	var p parts
	for start := 0; start < len(inputs); {
		end := start + 1
		for end < len(inputs) && sameVersion(inputs[start], inputs[end]) &&
			inputs[start].effectiveSource() == inputs[end].effectiveSource() {
			end++
		}
		p.take(inputs[start:end], q, rec)
		start = end
	}
	return p
}

// take adds the inputs of one group, version and source. The delegate's entry and the local APIService may be one
// input or two, so each document has its own first.
func (p *parts) take(run []*Input, q Quirks, rec *recorder) {
	var served, listed *Input
	var dropped []Party
	for _, in := range run {
		switch {
		case in.unclaimed():
			p.unclaimed = append(p.unclaimed, in)
			continue
		case in.Group == "" && in.Local:
			p.core = append(p.core, in)
			continue
		case in.APIService == "" && in.Entry == nil:
			continue
		}
		useful := false
		if served == nil && (!in.Local || in.Entry != nil) {
			served, useful = in, true
		}
		if listed == nil && in.APIService != "" {
			listed, useful = in, true
		}
		if !useful {
			dropped = append(dropped, inputParty(in))
		}
	}
	if rec != nil && len(dropped) > 0 {
		rec.add(duplicateDecision(run, served, listed, dropped))
	}
	if served != nil && served.Group == "" {
		if rec != nil {
			rec.add(coreGroupDecision(served, q))
		}
		if !q.CoreGroupInAggregated {
			return
		}
	}
	if served != nil {
		p.aggregated = append(p.aggregated, newAggregatedClaim(served))
	}
	if listed != nil && listed.Group != "" {
		p.unaggregated = append(p.unaggregated, newClaim(listed))
	}
}

func duplicateDecision(run []*Input, served, listed *Input, dropped []Party) Decision {
	winner := served
	if winner == nil {
		winner = listed
	}
	return Decision{
		Subject: versionSubject(run[0]),
		Rule:    RuleDuplicateInput,
		Outcome: fmt.Sprintf("%s came %d times from source %s; only the first is used",
			run[0].groupVersion(), len(dropped)+1, run[0].effectiveSource()),
		Winner: inputParty(winner),
		Losers: dropped,
	}
}

func coreGroupDecision(in *Input, q Quirks) Decision {
	d := Decision{
		Subject:  versionSubject(in),
		Rule:     RuleCoreGroup,
		Document: DocumentAggregated,
		Outcome: fmt.Sprintf("%s sends the core group to %s; it is left out of /apis, where it does not belong",
			in.APIService, in.Backend),
		Winner: inputParty(in),
	}
	if q.CoreGroupInAggregated {
		d.Outcome = fmt.Sprintf("%s sends the core group to %s; /apis lists it as a group without a name",
			in.APIService, in.Backend)
		d.Quirk = quirkCoreGroupInAggregated
	}
	return d
}

// groupVersion is "group/version", or the version alone in the core group.
func (in *Input) groupVersion() string {
	if in.Group == "" {
		return in.Version
	}
	return in.Group + "/" + in.Version
}
