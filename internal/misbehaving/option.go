package misbehaving

import (
	"fmt"
	"slices"
	"strings"
)

// Option is one fault. Without any, the server behaves well.
type Option string

// Faults of the connection and of whom the server believes.
const (
	Closed                     Option = "closed"                        // connections are closed at once
	PlainHTTP                  Option = "plain-http"                    // no TLS
	CertificateOtherName       Option = "certificate-other-name"        // for another name; the common name is right
	CertificateExpired         Option = "certificate-expired"           // since an hour
	CertificateExpiring        Option = "certificate-expiring"          // in ten days
	CertificateNotYetValid     Option = "certificate-not-yet-valid"     // for an hour more
	CertificateOtherCA         Option = "certificate-other-ca"          // signed by a CA that is not handed out
	CertificateNoServerAuth    Option = "certificate-no-server-auth"    // for clients only
	NoClientCertificateRequest Option = "no-client-certificate-request" // the handshake asks for none
	OtherClientCA              Option = "other-client-ca"               // the handshake names another CA than the front proxy's
	RefusesFrontProxy          Option = "refuses-front-proxy"           // the handshake ends when the front proxy's certificate comes
	ObeysForgedHeaders         Option = "obeys-forged-headers"          // X-Remote-* count without a certificate
	BelievesAnyCertificate     Option = "believes-any-certificate"      // X-Remote-* count with any certificate
	OpenToAll                  Option = "open-to-all"                   // nobody is asked who they are
	AnswersAsAnonymous         Option = "answers-as-anonymous"          // everybody is system:anonymous
	AnswersUnauthorized        Option = "answers-unauthorized"          // everybody gets 401
	AnswersAsProxy             Option = "answers-as-proxy"              // everybody is whom the certificate names
	AllowsEverybody            Option = "allows-everybody"              // no fault: who is authenticated may do all
	UnauthorizedForForbidden   Option = "unauthorized-for-forbidden"    // no fault that is seen here: who may not gets 401
	RequiresClientCertificate  Option = "requires-client-certificate"   // no fault: the handshake ends without one
	NamesNoClientCA            Option = "names-no-client-ca"            // no fault: the handshake asks for any certificate
	DiscoveryOpenToAll         Option = "discovery-open-to-all"         // no fault: all but objects is for everybody
	InitialEventsRefused       Option = "initial-events-refused"        // no fault: sendInitialEvents is answered with 422
	InitialEventsErrorEvent    Option = "initial-events-error-event"    // no fault: it is refused in the stream
	OldVersionReplayed         Option = "old-version-replayed"          // no fault: all of history is still known
	NoOpenAPI                  Option = "no-openapi"                    // no fault that is seen here: 404
	ResourceVersionsOpaque     Option = "resource-versions-opaque"      // no fault: they are no numbers
	LikeMetrics                Option = "like-metrics"                  // no fault: no watch, no resourceVersions, nothing to write
)

// Faults of discovery.
const (
	AggregatedNotFound      Option = "aggregated-not-found"      // 404
	AggregatedNotAcceptable Option = "aggregated-not-acceptable" // 406
	AggregatedLegacyList    Option = "aggregated-legacy-list"    // an APIGroupList instead
	AggregatedOtherKind     Option = "aggregated-other-kind"     // the right content type, and a Status in it
	AggregatedUnavailable   Option = "aggregated-unavailable"    // 503
	AggregatedHangs         Option = "aggregated-hangs"          // no answer
	LegacyDiffers           Option = "legacy-differs"            // another short name, no delete, no watch
	LegacyOrdersOtherwise   Option = "legacy-orders-otherwise"   // no fault: verbs in another order
	NoETagDiscovery         Option = "no-etag-discovery"         // on /apis
	NoETagOpenAPIV2         Option = "no-etag-openapi-v2"        // on /openapi/v2
	NoETagOpenAPIV3         Option = "no-etag-openapi-v3"        // on /openapi/v3
	IgnoresIfNoneMatch      Option = "ignores-if-none-match"     // 200 and the whole document
	ETagChanges             Option = "etag-changes"              // with each answer, of the same content
	ETagStays               Option = "etag-stays"                // though the content changes
	ContentChanges          Option = "content-changes"           // no fault: and the ETag with it
	SlowDiscovery           Option = "slow-discovery"            // more than a second
	SlowAtTimes             Option = "slow-at-times"             // no fault: every other answer
	Hangs                   Option = "hangs"                     // nothing is answered
	OpenAPIHangs            Option = "openapi-hangs"             // /openapi/v2 is not answered
	AnswersCut              Option = "answers-cut"               // /openapi/v2 ends before its length
)

// Faults of the resource.
const (
	ListFails                    Option = "list-fails"                      // 500
	ListHangs                    Option = "list-hangs"                      // no answer
	ListWithoutResourceVersion   Option = "list-without-resource-version"   //
	ItemsWithoutResourceVersion  Option = "items-without-resource-version"  //
	WatchRefused                 Option = "watch-refused"                   // 405
	WatchExpiredAtOnce           Option = "watch-expired-at-once"           // 410 for the list's own resourceVersion
	WatchAnswersList             Option = "watch-answers-list"              // a list instead of events
	WatchSilent                  Option = "watch-silent"                    // no headers before the first event
	WatchReplays                 Option = "watch-replays"                   // what the list had comes again
	InitialEventsWithoutBookmark Option = "initial-events-without-bookmark" //
	InitialEventsCut             Option = "initial-events-cut"              // the stream ends before the bookmark
	BookmarkOfOtherKind          Option = "bookmark-of-other-kind"          //
	BookmarkWithoutVersion       Option = "bookmark-without-version"        //
	BookmarkUnasked              Option = "bookmark-unasked"                //
	OldVersionSilent             Option = "old-version-silent"              // neither events nor 410
	LimitCuts                    Option = "limit-cuts"                      // no continue token on a cut list
	LimitRepeats                 Option = "limit-repeats"                   // continue begins anew
	ContinueRefused              Option = "continue-refused"                // 400
	LimitIgnored                 Option = "limit-ignored"                   // the whole list
	NoTable                      Option = "no-table"                        // a list instead
	TableRefused                 Option = "table-refused"                   // 406, though JSON would do
	DryRunIgnored                Option = "dry-run-ignored"                 // the object is created
	UnknownFieldsIgnored         Option = "unknown-fields-ignored"          // fieldValidation=Strict is not heeded
)

// Options returns all options, sorted.
func Options() []Option {
	all := []Option{
		Closed, PlainHTTP, CertificateOtherName, CertificateExpired, CertificateExpiring, CertificateNotYetValid,
		CertificateOtherCA, CertificateNoServerAuth, NoClientCertificateRequest, OtherClientCA, RefusesFrontProxy,
		ObeysForgedHeaders, BelievesAnyCertificate, OpenToAll, AnswersAsAnonymous, AnswersUnauthorized, AnswersAsProxy,
		AllowsEverybody, UnauthorizedForForbidden, RequiresClientCertificate, NamesNoClientCA, DiscoveryOpenToAll, InitialEventsRefused,
		InitialEventsErrorEvent, OldVersionReplayed, NoOpenAPI, ResourceVersionsOpaque,
		LikeMetrics, AggregatedNotFound, AggregatedNotAcceptable, AggregatedLegacyList, AggregatedOtherKind,
		AggregatedUnavailable, AggregatedHangs, LegacyDiffers, LegacyOrdersOtherwise, NoETagDiscovery, NoETagOpenAPIV2,
		NoETagOpenAPIV3, IgnoresIfNoneMatch, ETagChanges, ETagStays, ContentChanges, SlowDiscovery, SlowAtTimes, Hangs,
		OpenAPIHangs, AnswersCut, ListFails, ListHangs, ListWithoutResourceVersion, ItemsWithoutResourceVersion,
		WatchRefused, WatchExpiredAtOnce, WatchAnswersList, WatchSilent, WatchReplays, InitialEventsWithoutBookmark,
		InitialEventsCut, BookmarkOfOtherKind, BookmarkWithoutVersion, BookmarkUnasked, OldVersionSilent, LimitCuts,
		LimitRepeats, ContinueRefused, LimitIgnored, NoTable, TableRefused, DryRunIgnored, UnknownFieldsIgnored,
	}
	slices.Sort(all)
	return all
}

// faults are the options of one server.
type faults map[Option]bool

func newFaults(options []Option) (faults, error) {
	all := Options()
	f := faults{}
	for _, o := range options {
		if !slices.Contains(all, o) {
			names := make([]string, 0, len(all))
			for _, known := range all {
				names = append(names, string(known))
			}
			return nil, fmt.Errorf("option %q is none; the options are %s", o, strings.Join(names, ", "))
		}
		f[o] = true
	}
	return f, nil
}
