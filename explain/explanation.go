package explain

// Explanation is why one thing is as it is. It is a plain value; Text, JSON and YAML say the same.
type Explanation struct {
	// Target is what is explained, in the form that Parse reads.
	Target string `json:"target"`
	// Outcome is one sentence: what became of it.
	Outcome string `json:"outcome"`
	// Code is the HTTP status with which kagg itself, its local APIs included, refuses a request; 0 where it does not.
	Code int `json:"code,omitempty"`
	// Troubles are what is wrong now, each with its mend; empty where nothing is.
	Troubles []Trouble `json:"troubles,omitempty"`
	// Facts are what a request meets, in its order; empty for other targets.
	Facts []Fact `json:"facts,omitempty"`
	// Decisions led to the outcome, the most telling first.
	Decisions []Decision `json:"decisions"`
	// Changes are what would make the outcome another one.
	Changes []Change `json:"changes,omitempty"`
}

// Trouble is something that is wrong, and what mends it.
type Trouble struct {
	// Reason is what is wrong and why, as a sentence without its full stop; "" where the outcome says it.
	Reason string `json:"reason,omitempty"`
	// Mend is what to do, as a sentence without its full stop; "" where that is not known.
	Mend string `json:"mend,omitempty"`
	// Commands do it.
	Commands []string `json:"commands,omitempty"`
}

// Fact is something that a request meets or brings.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Area is which of kagg's parts decided.
type Area string

// The areas.
const (
	AreaAvailability  Area = "availability"
	AreaDiscovery     Area = "discovery"
	AreaOpenAPIV2     Area = "openapi-v2"
	AreaOpenAPIV3     Area = "openapi-v3"
	AreaRouting       Area = "routing"
	AreaAuthorization Area = "authorization"
	AreaResolution    Area = "resolution"
	AreaProxy         Area = "proxy"
)

// Decision is one thing that was decided, and why.
type Decision struct {
	Area Area `json:"area"`
	// About is what was decided about, "group apps" for example.
	About string `json:"about"`
	// Outcome is a sentence without its full stop.
	Outcome string `json:"outcome"`
	// Rule decided; Meaning is the rule in one sentence.
	Rule    string `json:"rule"`
	Meaning string `json:"meaning"`
	// Document is which of the discovery documents has it so, "" for both.
	Document string `json:"document,omitempty"`
	Winner   *Party `json:"winner,omitempty"`
	// Losers are in the order of the document.
	Losers []Party `json:"losers,omitempty"`
	// Renamed is the name that the losers' definition or parameter has now.
	Renamed string `json:"renamed,omitempty"`
	// Count is how many things the decision sums up; 0 when it is about one.
	Count int `json:"count,omitempty"`
	// Diff has what differs line by line, "-" the winner's and "+" the losers'.
	Diff string `json:"diff,omitempty"`
	// Since is when it came to be so, in UTC, RFC 3339; "" where that is not known.
	Since string `json:"since,omitempty"`
	// Upstream is where the real kube-aggregator decides the same.
	Upstream string `json:"upstream,omitempty"`
	// Quirk names the bug of upstream that the outcome reproduces.
	Quirk string `json:"quirk,omitempty"`
}

// Party is one side of a Decision.
type Party struct {
	// Name says who it is, "apples of v1.orchard.example" for example.
	Name       string `json:"name"`
	APIService string `json:"apiService,omitempty"`
	Backend    string `json:"backend,omitempty"`
	// Value is what the rule compared, with its name.
	Value string `json:"value,omitempty"`
	// Margin is by how much a loser lost, in the unit of Value; 0 where there is nothing to count.
	Margin int64 `json:"margin,omitempty"`
}

// Change is something that would make the outcome another one.
type Change struct {
	// Effect is what would come of it, "v1beta1 becomes the preferred version of apps" for example.
	Effect string `json:"effect"`
	// Mend is what to do, as a sentence without its full stop; the fields to set say it too where there are any.
	Mend string `json:"mend"`
	// Set are the fields to set, all of them.
	Set []Setting `json:"set,omitempty"`
	// Commands do it.
	Commands []string `json:"commands,omitempty"`
}

// Setting is a field of an APIService and the value that it needs.
type Setting struct {
	APIService string `json:"apiService"`
	Field      string `json:"field"`
	Now        int32  `json:"now"`
	To         int32  `json:"to"`
}
