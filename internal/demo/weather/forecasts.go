package weather

import (
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Forecast is the weather to expect in one city.
type Forecast struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// Sky is what is overhead, such as sunny.
	Sky string `json:"sky"`
	// Celsius is the temperature at noon, in degrees Celsius.
	Celsius int `json:"celsius"`
}

// ForecastList is a list of forecasts.
type ForecastList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	// Items are the forecasts, by name.
	Items []Forecast `json:"items"`
}

// forecasts are all there is, by name.
func forecasts() []Forecast {
	forecast := func(city, sky string, celsius int) Forecast {
		return Forecast{
			TypeMeta:   metav1.TypeMeta{Kind: "Forecast", APIVersion: groupVersion},
			ObjectMeta: metav1.ObjectMeta{Name: city, ResourceVersion: "1"},
			Sky:        sky,
			Celsius:    celsius,
		}
	}
	return []Forecast{
		forecast("bergen", "rain", 11),
		forecast("lisbon", "sunny", 24),
		forecast("nairobi", "cloudy", 21),
	}
}

func list(w http.ResponseWriter, r *http.Request) {
	if watch := r.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		refuse(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "forecasts cannot be watched")
		return
	}
	items := forecasts()
	// The one field selector that every Kubernetes resource has; kubectl wait and
	// get -w use it.
	if name, ok := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name="); ok {
		items = slices.DeleteFunc(items, func(f Forecast) bool { return f.Name != name })
	}
	if wantsTable(r) {
		reply(w, http.StatusOK, table(items))
		return
	}
	reply(w, http.StatusOK, ForecastList{
		TypeMeta: metav1.TypeMeta{Kind: "ForecastList", APIVersion: groupVersion},
		ListMeta: metav1.ListMeta{ResourceVersion: "1"},
		Items:    items,
	})
}

func get(w http.ResponseWriter, r *http.Request) {
	items := forecasts()
	i := slices.IndexFunc(items, func(f Forecast) bool { return f.Name == r.PathValue("name") })
	switch {
	case i < 0:
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound,
			"forecasts."+GroupName+" \""+r.PathValue("name")+"\" not found")
	case wantsTable(r):
		reply(w, http.StatusOK, table(items[i:i+1]))
	default:
		reply(w, http.StatusOK, items[i])
	}
}

// wantsTable says whether the first thing that the client asks for and that can
// be served is a table, as kubectl get does.
func wantsTable(r *http.Request) bool {
	for accept := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		mediaType, params, _ := strings.Cut(strings.ReplaceAll(accept, " ", ""), ";")
		if mediaType != "application/json" {
			continue
		}
		set := strings.Split(params, ";")
		if slices.Contains(set, "as=Table") && slices.Contains(set, "v=v1") && slices.Contains(set, "g=meta.k8s.io") {
			return true
		}
		if !strings.Contains(params, "as=") {
			return false
		}
	}
	return false
}

// table is what kubectl get prints. The rows carry the objects' metadata, which
// kubectl needs for names and labels.
func table(items []Forecast) metav1.Table {
	t := metav1.Table{
		TypeMeta: metav1.TypeMeta{Kind: "Table", APIVersion: "meta.k8s.io/v1"},
		ListMeta: metav1.ListMeta{ResourceVersion: "1"},
		ColumnDefinitions: []metav1.TableColumnDefinition{
			{Name: "City", Type: "string", Format: "name", Description: "The city."},
			{Name: "Sky", Type: "string", Description: "What is overhead."},
			{Name: "Celsius", Type: "integer", Description: "The temperature at noon."},
		},
		Rows: []metav1.TableRow{},
	}
	for i := range items {
		t.Rows = append(t.Rows, metav1.TableRow{
			Cells: []any{items[i].Name, items[i].Sky, items[i].Celsius},
			Object: runtime.RawExtension{Object: &metav1.PartialObjectMetadata{
				TypeMeta:   metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: "meta.k8s.io/v1"},
				ObjectMeta: items[i].ObjectMeta,
			}},
		})
	}
	return t
}
