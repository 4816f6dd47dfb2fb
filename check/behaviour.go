package check

import "slices"

// behaviourChecks are about how backends answer requests.
func behaviourChecks() []Check { return slices.Concat(listChecks(), watchChecks(), requestChecks()) }

// listChecks are about lists and their pages.
func listChecks() []Check {
	const list = "k8s.io/client-go/tools/cache/reflector.go, list"
	return []Check{
		{
			Code: "KAGG085", Name: "list-fails", Area: AreaBehaviour, Severity: SeverityError,
			Title:    "a resource with the verb list that cannot be listed",
			Why:      "What lists all resources fails or waits: the deletion of every namespace hangs, kubectl get all and garbage collection miss the kind.",
			Mend:     "Serve the list over all namespaces, or leave the verb out of discovery.",
			find:     eachBehaviour(findListFails),
			Upstream: "k8s.io/kubernetes/pkg/controller/namespace/deletion/namespaced_resources_deleter.go, deleteAllContent",
			Failing:  "GET /apis/g/v1/things\n500",
			Mended:   "GET /apis/g/v1/things\n200 {\"kind\": \"ThingList\", …}",
		},
		{
			Code: "KAGG086", Name: "list-without-version", Area: AreaBehaviour, Severity: SeverityError,
			Title:    "a list of a watchable resource without metadata.resourceVersion",
			Why:      "An informer lists, and watches from the list's resourceVersion on. Without one it watches from any moment, and misses changes or sees them twice.",
			Mend:     "Set metadata.resourceVersion of the list to the version of the store at that moment.",
			find:     eachBehaviour(findListVersion),
			Upstream: list,
			Failing:  `{"kind": "ThingList", "metadata": {}, "items": […]}`,
			Mended:   `{"kind": "ThingList", "metadata": {"resourceVersion": "4711"}, "items": […]}`,
		},
		{
			Code: "KAGG087", Name: "items-without-version", Area: AreaBehaviour, Severity: SeverityWarning,
			Title:    "objects of a watchable resource without metadata.resourceVersion",
			Why:      "Controllers compare it to tell a change from a resync, and send it with an update so that no other's is overwritten: without it changes are lost.",
			Mend:     "Set metadata.resourceVersion of every object, to another value with each change.",
			find:     eachBehaviour(findItemVersions),
			Upstream: "k8s.io/apiserver/pkg/storage/api_object_versioner.go, UpdateObject",
			Failing:  `{"metadata": {"name": "a"}}`,
			Mended:   `{"metadata": {"name": "a", "resourceVersion": "4710"}}`,
		},
		{
			Code: "KAGG094", Name: "pages-broken", Area: AreaBehaviour, Severity: SeverityError,
			Title:    "a list in pages that is not the list",
			Why:      "kubectl and most controllers list with limit=500: they miss objects, or see them twice, as soon as there are so many.",
			Mend:     "Give metadata.continue with every page that is not the last, and go on after it where it comes back. Or ignore limit: that is allowed.",
			find:     eachBehaviour(findPages),
			Upstream: "k8s.io/client-go/tools/pager/pager.go, eachListChunkBuffered",
			Failing:  "GET …/things?limit=1   one item of three, no continue",
			Mended:   "GET …/things?limit=1   one item of three, metadata.continue: abc",
		},
		{
			Code: "KAGG095", Name: "limit-ignored", Area: AreaBehaviour, Severity: SeverityInfo,
			Title:   "a list that is longer than the limit asked for",
			Why:     "That is allowed, and costs memory at both ends where there are many objects.",
			Mend:    "Heed limit and continue, if there can be more than some hundred objects.",
			find:    eachBehaviour(findLimitIgnored),
			Failing: "GET …/things?limit=1   three items",
			Mended:  "GET …/things?limit=1   one item, metadata.continue: abc",
		},
	}
}

// watchChecks are about watches.
func watchChecks() []Check {
	const reflector = "k8s.io/client-go/tools/cache/reflector.go, "
	return []Check{
		{
			Code: "KAGG088", Name: "watch-refused", Area: AreaBehaviour, Severity: SeverityError,
			Title:    "a resource with the verb watch that cannot be watched from where its list ends",
			Why:      "Informers list and watch again and again, and never see a change in time: their controllers do not sync.",
			Mend:     "Serve ?watch=true&resourceVersion=N as a stream of events, or leave the verb out of discovery.",
			find:     eachBehaviour(findWatchRefused),
			Upstream: reflector + "watch",
			Failing:  "GET …/things?watch=true&resourceVersion=4711\n405",
			Mended:   "GET …/things?watch=true&resourceVersion=4711\n200 and an event for each change",
		},
		{
			Code: "KAGG089", Name: "watch-silent", Area: AreaBehaviour, Severity: SeverityWarning,
			Title:    "a watch without headers until there is an event",
			Why:      "Clients and proxies take it for a request that is not answered: they wait, and end it after their timeout.",
			Mend:     "Send the headers of a watch at once: in Go, flush before the first event.",
			find:     eachBehaviour(findWatchSilent),
			Upstream: "k8s.io/apiserver/pkg/endpoints/handlers/watch.go, HandleHTTP",
			Failing:  "for event := range events { encode(w, event); flush(w) }",
			Mended:   "w.WriteHeader(200); flush(w)\nfor event := range events { encode(w, event); flush(w) }",
		},
		{
			Code: "KAGG090", Name: "watch-replays", Area: AreaBehaviour, Severity: SeverityWarning,
			Title:   "a watch from the list's resourceVersion that begins with what the list had",
			Why:     "Every reconnection is a storm of events: controllers work on all objects anew, and kubectl get -w prints them twice.",
			Mend:    "Send only what came after the resourceVersion that is asked for; all objects only where it is empty or 0, or sendInitialEvents=true.",
			find:    eachBehaviour(findWatchReplays),
			Failing: "GET …/things?watch=true&resourceVersion=4711\n{\"type\": \"ADDED\", \"object\": {\"metadata\": {\"resourceVersion\": \"4710\"}}}",
			Mended:  "GET …/things?watch=true&resourceVersion=4711\n(nothing until something changes)",
		},
		{
			Code: "KAGG091", Name: "initial-events-endless", Area: AreaBehaviour, Severity: SeverityError,
			Title: "a watch that takes sendInitialEvents and never says that the initial events are over",
			Why: "Informers of client-go 0.35 and later begin with such a watch, and wait for the bookmark with the annotation " +
				"k8s.io/initial-events-end. They never sync, without an error: their controllers hang for ever.",
			Mend:     "Refuse sendInitialEvents with 400 or 422, and informers list instead; or end the initial events with a BOOKMARK whose object has the annotation k8s.io/initial-events-end: \"true\" and a resourceVersion.",
			find:     eachBehaviour(findInitialEvents),
			Upstream: reflector + "watchList",
			Failing:  "GET …/things?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true\n{\"type\": \"ADDED\", …}",
			Mended: "{\"type\": \"ADDED\", …}\n{\"type\": \"BOOKMARK\", \"object\": {\"kind\": \"Thing\", \"apiVersion\": \"g/v1\", \"metadata\": " +
				"{\"resourceVersion\": \"4711\", \"annotations\": {\"k8s.io/initial-events-end\": \"true\"}}}}",
		},
		{
			Code: "KAGG092", Name: "bookmark-wrong", Area: AreaBehaviour, Severity: SeverityError,
			Title:    "a bookmark that is of another kind, has no resourceVersion, or was not asked for",
			Why:      "Informers drop events of another kind, the end of the initial events too; they watch from the bookmark's resourceVersion on; and clients that asked for none do not know the type.",
			Mend:     "Send bookmarks only with allowWatchBookmarks=true, with an object of the watched kind that has nothing but a resourceVersion.",
			find:     eachBehaviour(findBookmarks),
			Upstream: reflector + "handleAnyWatch",
			Failing:  `{"type": "BOOKMARK", "object": {"kind": "Bookmark", "apiVersion": "v1"}}`,
			Mended:   `{"type": "BOOKMARK", "object": {"kind": "Thing", "apiVersion": "g/v1", "metadata": {"resourceVersion": "4711"}}}`,
		},
		{
			Code: "KAGG093", Name: "old-version-silent", Area: AreaBehaviour, Severity: SeverityWarning,
			Title: "a watch from a resourceVersion of long ago that gives neither events nor 410",
			Why: "A client that was away watches from where it was. It must get what happened since, or 410 Gone (reason Expired), upon which it lists anew: " +
				"otherwise it works on old objects for as long as it runs.",
			Mend:     "Answer with 410 and the reason Expired, or an ERROR event with that Status, to every resourceVersion whose changes are not known any more.",
			find:     eachBehaviour(findOldVersion),
			Upstream: "k8s.io/apiserver/pkg/storage/cacher/watch_cache.go, getAllEventsSinceLocked",
			Failing:  "GET …/things?watch=true&resourceVersion=1\n200 and nothing, though the list has objects of later versions",
			Mended:   "GET …/things?watch=true&resourceVersion=1\n{\"type\": \"ERROR\", \"object\": {\"kind\": \"Status\", \"reason\": \"Expired\", \"code\": 410}}",
		},
	}
}

// requestChecks are about other requests.
func requestChecks() []Check {
	return []Check{
		{
			Code: "KAGG096", Name: "no-table", Area: AreaBehaviour, Severity: SeverityInfo,
			Title:    "a list that is not given as a table",
			Why:      "kubectl get prints the columns NAME and AGE, and nothing of the objects.",
			Mend:     "Answer with a Table of meta.k8s.io/v1 where the Accept header asks for as=Table.",
			find:     eachBehaviour(findNoTable),
			Upstream: "k8s.io/apiserver/pkg/endpoints/handlers/response.go, asTable",
			Failing:  "NAME   AGE\nfram   3d",
			Mended:   "NAME   MASTS   AGE\nfram   3       3d",
		},
		{
			Code: "KAGG097", Name: "table-refused", Area: AreaBehaviour, Severity: SeverityError,
			Title:    "a list that is refused because a table is asked for",
			Why:      "kubectl get always asks for a table first and names JSON as well: it fails.",
			Mend:     "Answer with the first form of the Accept header that can be served; application/json without parameters is among them.",
			find:     eachBehaviour(findTableRefused),
			Upstream: "k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go, NegotiateMediaTypeOptions",
			Failing:  "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\n406",
			Mended:   "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\n200 {\"kind\": \"ThingList\", …}",
		},
		{
			Code: "KAGG098", Name: "dry-run-ignored", Area: AreaBehaviour, Severity: SeverityError,
			Title:    "an object that is created by a request with dryRun=All",
			Why:      "kubectl diff and kubectl apply --dry-run=server change what they are only to look at.",
			Mend:     "Do everything but the write, or answer 400 where that cannot be.",
			find:     eachBehaviour(findDryRun),
			Upstream: "k8s.io/apiserver/pkg/registry/generic/registry/dryrun.go, Create",
			Failing:  "POST …/things?dryRun=All\n201, and GET …/things/NAME answers 200",
			Mended:   "POST …/things?dryRun=All\n201, and GET …/things/NAME answers 404",
		},
		{
			Code: "KAGG099", Name: "unknown-field-taken", Area: AreaBehaviour, Severity: SeverityWarning,
			Title:    "an object with an unknown field that is taken though fieldValidation=Strict",
			Why:      "kubectl create and apply leave validation to the server: a mistyped field is dropped without a word.",
			Mend:     "Answer 400 to an object with a field that its kind has not, where fieldValidation=Strict.",
			find:     eachBehaviour(findStrict),
			Upstream: "k8s.io/apiserver/pkg/endpoints/handlers/create.go, createHandler",
			Failing:  "POST …/things?fieldValidation=Strict  {\"specc\": {}}\n201",
			Mended:   "POST …/things?fieldValidation=Strict  {\"specc\": {}}\n400 strict decoding error: unknown field \"specc\"",
		},
	}
}
