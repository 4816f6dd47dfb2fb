package openapimerge

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/handler3"
)

// Owner says who serves a key of the /openapi/v3 index.
type Owner struct {
	// APIService is the APIService's name, or a delegate's.
	APIService string `json:"apiService"`
	Backend    string `json:"backend"`
	// Local says that a delegate serves it.
	Local bool `json:"local,omitempty"`
	// Converted says that nobody does: the document is V3Result.Conversions', made from the backend's v2.
	Converted bool `json:"converted,omitempty"`
}

// V3Result is what MergeV3 makes.
type V3Result struct {
	// Index is the merged index; its Paths are never nil.
	Index *handler3.OpenAPIV3Discovery
	// Owners has the owner of each key of Index.
	Owners map[string]Owner
	// Conversions has the documents of the keys whose owner is Converted; a document that several APIServices
	// share is one pointer.
	Conversions map[string]*Conversion
	// Decisions are sorted by subject.
	Decisions []Decision
}

// claim is one input's offer to serve a key.
type claim struct {
	input *Input
	// rank is the input's place in the order of the merge.
	rank       int
	url        string
	conversion *Conversion
	own        bool
}

// merger3 is the state of one MergeV3.
type merger3 struct {
	quirks      Quirks
	journal     *journal
	claims      map[string][]claim
	conversions map[*Document]*Conversion
	result      V3Result
}

// MergeV3 unites the backends' /openapi/v3 indexes, adds an entry for each APIService whose backend has
// OpenAPI v2 only, and says who serves each key. Where the kube-aggregator lets a map's order decide between
// backends with one key, the APIService that the key belongs to wins, then a local API, then the higher
// priority, then the name. What cannot be had or converted is left out and told in a decision.
func MergeV3(in []Input, q Quirks) V3Result {
	m := &merger3{
		quirks: q, journal: newJournal(), claims: map[string][]claim{}, conversions: map[*Document]*Conversion{},
		result: V3Result{
			Index:  &handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}},
			Owners: map[string]Owner{}, Conversions: map[string]*Conversion{},
		},
	}
	order := sorted(in, q)
	m.claimIndexes(order)
	for rank, input := range order {
		m.claimConverted(rank, input)
	}
	priorities := groupPriorities(in)
	for _, key := range slices.Sorted(maps.Keys(m.claims)) {
		m.settle(key, m.claims[key], priorities)
	}
	m.result.Decisions = m.journal.decisions()
	return m.result
}

// claimIndexes enters the claims of every index, each index once for the first input that has it and once
// more for the APIService that a key belongs to.
func (m *merger3) claimIndexes(order []*Input) {
	type holder struct {
		rank  int
		input *Input
	}
	owners := map[string][]holder{}
	for rank, input := range order {
		if key := input.ownKey(); key != "" {
			owners[key] = append(owners[key], holder{rank, input})
		}
	}
	seen := map[*handler3.OpenAPIV3Discovery]bool{}
	for rank, input := range order {
		if input.V3 == nil {
			m.withoutIndex(input)
			continue
		}
		if seen[input.V3] {
			continue
		}
		seen[input.V3] = true
		for key, entry := range input.V3.Paths {
			offer := claim{input: input, rank: rank, url: entry.ServerRelativeURL}
			for _, owner := range owners[key] {
				if owner.input.V3 == input.V3 {
					offer.input, offer.rank, offer.own = owner.input, owner.rank, true
					break
				}
			}
			m.claims[key] = append(m.claims[key], offer)
		}
	}
}

func (m *merger3) withoutIndex(input *Input) {
	subject := Subject{KindBackend, input.Backend}
	switch {
	case input.V3Failure != "":
		m.journal.add(Decision{Subject: subject, Rule: RuleV3Failed, Losers: []Party{input.party()},
			Outcome: input.Backend + " is left out of the index of /openapi/v3: " + input.V3Failure})
	case input.V2 == nil:
		m.journal.add(Decision{Subject: subject, Rule: RuleV3None, Losers: []Party{input.party()},
			Outcome: input.Backend + " is left out of the index of /openapi/v3: it serves neither /openapi/v3 nor /openapi/v2"})
	}
}

// claimConverted enters the claim of an input whose v2 document is converted.
func (m *merger3) claimConverted(rank int, input *Input) {
	if input.V3 != nil || input.V3Failure != "" || input.V2 == nil {
		return
	}
	key, quirk := m.convertedKey(input)
	subject := Subject{KindGroupVersion, key}
	if key == "" && quirk == "" {
		m.journal.add(Decision{Subject: Subject{KindBackend, input.Backend}, Rule: RuleV3NotConverted, Losers: []Party{input.party()},
			Outcome: "the OpenAPI v2 document of " + input.Backend + " is not converted: a local API has no group-version to serve it under"})
		return
	}
	conversion, err := m.convert(input)
	if err != nil {
		m.journal.add(Decision{Subject: subject, Rule: RuleV3NotConverted, Losers: []Party{input.party()}, Outcome: fmt.Sprintf("the OpenAPI v2 document of %s is not converted: %v", input.Backend, err)})
		return
	}
	if m.quirks.ConvertedWhole {
		quirk = cmp.Or(quirk, QuirkConvertedWhole)
	}
	m.journal.add(Decision{Subject: subject, Rule: RuleV3Converted, Winner: input.party(), Outcome: m.convertedOutcome(key, input), Quirk: quirk})
	m.claims[key] = append(m.claims[key], claim{
		input: input, rank: rank, url: V3URL(key, conversion.Hash), conversion: conversion,
		own: !input.Local,
	})
}

// convertedOutcome says what an input's converted document is made of.
func (m *merger3) convertedOutcome(key string, input *Input) string {
	part := "the whole"
	if !m.quirks.ConvertedWhole {
		part = "the group-version's part of the"
	}
	outcome := fmt.Sprintf("/openapi/v3/%s is converted from %s OpenAPI v2 document of %s", key, part, input.Backend)
	if m.quirks.ConvertedWhole && hasOthers(input) {
		outcome += ", other group-versions' paths with it"
	}
	return outcome
}

// hasOthers tells whether the v2 document has paths of another group-version than the input's.
func hasOthers(input *Input) bool {
	for _, path := range input.V2.paths {
		parts := strings.Split(strings.Trim(path, "/"), "/")
		group, version := "", ""
		switch {
		case len(parts) > 2 && parts[0] == "apis":
			group, version = parts[1], parts[2]
		case len(parts) > 1 && parts[0] == "api":
			version = parts[1]
		default:
			continue
		}
		if group != input.Group || version != input.Version {
			return true
		}
	}
	return false
}

// convertedKey is the key that an input's converted document is served under, and the quirk that made it.
func (m *merger3) convertedKey(input *Input) (key, quirk string) {
	if !m.quirks.ConvertedKeyUnchecked {
		return input.ownKey(), ""
	}
	switch {
	case input.Group == "" && input.Version == "":
		return "", QuirkConvertedKeyUnchecked
	case input.Group == "":
		return "apis//" + input.Version, QuirkConvertedKeyUnchecked
	default:
		return "apis/" + input.Group + "/" + input.Version, ""
	}
}

// convert converts an input's v2 document, each document once, and tells what that loses.
func (m *merger3) convert(input *Input) (*Conversion, error) {
	source := input.V2
	if !m.quirks.ConvertedWhole {
		part, err := filterV2(input.V2, "/apis/"+input.Group+"/"+input.Version+"/")
		if err != nil {
			return nil, err
		}
		source = prepare(part)
	}
	if done, ok := m.conversions[source]; ok {
		return done, nil
	}
	done := input.Conversion
	if done == nil || done.Source != source {
		var err error
		if done, err = Convert(source); err != nil {
			return nil, err
		}
	}
	m.conversions[source] = done
	subject := Subject{KindBackend, input.Backend}
	for _, lost := range done.losses {
		m.journal.add(Decision{Subject: subject, Rule: RuleV3ConversionLoss, Losers: []Party{input.party()}, Count: lost.count,
			Outcome: fmt.Sprintf("%s (for example: %s)", lost.what, lost.sample)})
	}
	if done.fixed > 0 {
		m.journal.add(Decision{Subject: subject, Rule: RuleV3ConversionFix, Losers: []Party{input.party()}, Count: done.fixed,
			Outcome: "operations of " + input.Backend + " without responses are converted as ones with none; the kube-aggregator crashes on them"})
	}
	return done, nil
}

// settle gives a key to one of its claims.
func (m *merger3) settle(key string, claims []claim, priorities map[string]int32) {
	slices.SortStableFunc(claims, func(a, b claim) int {
		if a.own != b.own {
			return compareBool(b.own, a.own)
		}
		return a.rank - b.rank
	})
	winner := claims[0]
	// One backend's index may have come as several pointers; it does not compete with itself.
	claims = append(claims[:1], slices.DeleteFunc(claims[1:], func(c claim) bool {
		return !c.input.Local && !winner.input.Local && c.input.Backend == winner.input.Backend && c.url == winner.url
	})...)
	m.result.Index.Paths[key] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: winner.url}
	m.result.Owners[key] = Owner{
		APIService: winner.input.APIService, Backend: winner.input.Backend, Local: winner.input.Local, Converted: winner.conversion != nil,
	}
	if winner.conversion != nil {
		m.result.Conversions[key] = winner.conversion
	}
	if len(claims) == 1 {
		if winner.conversion == nil {
			m.journal.add(Decision{Subject: Subject{KindBackend, winner.input.Backend}, Rule: RuleV3Served, Count: 1,
				Outcome: winner.input.Backend + " serves keys of the /openapi/v3 index that nobody else claims"})
		}
		return
	}
	d := Decision{Subject: Subject{KindGroupVersion, key}, Winner: winner.input.party()}
	for _, loser := range claims[1:] {
		d.Losers = append(d.Losers, loser.input.party())
	}
	second, served := claims[1].input, fmt.Sprintf("/openapi/v3/%s is served by %s", key, winner.input.Backend)
	switch {
	case winner.own && !claims[1].own:
		d.Rule, d.Outcome = RuleV3OwnGroupVersion, served+", the backend of the APIService that it belongs to"
	case winner.input.Local && !second.Local:
		d.Rule, d.Outcome = RuleV3Local, fmt.Sprintf("/openapi/v3/%s is served by the local APIs", key)
	case !winner.input.Local && priorities[winner.input.Group] != priorities[second.Group]:
		d.Rule, d.Outcome = RuleV3Priority, fmt.Sprintf("%s, for the higher groupPriorityMinimum, %d over %d", served,
			priorities[winner.input.Group], priorities[second.Group])
	default:
		d.Rule, d.Outcome = RuleV3Name, served+", the first by name"
	}
	m.journal.add(d)
}
