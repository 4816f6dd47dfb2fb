package gather

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/check"
)

// unknownField is in no object.
const unknownField = "kaggCheckUnknownField"

// trials creates objects that are not to be there afterwards. What cannot be deleted again is not tried.
func (b *behaviour) trials(ctx context.Context) {
	r := b.resource
	if !r.Can("create") || !r.Can("delete") || !r.Can("get") {
		return
	}
	r.DryRun = b.try(ctx, "dryRun=All", false)
	// A refusal would say nothing of the unknown field where the object is refused without it.
	if r.DryRun != nil && r.DryRun.OK() {
		r.Strict = b.try(ctx, "dryRun=All&fieldValidation=Strict", true)
	}
}

// try sends an object with dryRun=All, looks whether it is there, and deletes it then.
func (b *behaviour) try(ctx context.Context, query string, unknown bool) *check.Trial {
	name := "kagg-check-" + strings.ToLower(rand.Text()[:10])
	object, collection := b.object(name)
	if unknown {
		object[unknownField] = true
	}
	body, err := json.Marshal(object)
	if err != nil {
		return nil
	}
	r := b.admin.ask(ctx, request{method: "POST", path: collection, query: query, body: body})
	out := &check.Trial{Path: collection, Name: name, Answer: r.Answer}
	// To clean up, whatever became of ctx.
	clean := context.WithoutCancel(ctx)
	one := request{path: collection + "/" + name}
	if found := b.admin.ask(clean, one); found.Failure == "" && found.Status == 404 {
		return out
	} else if out.Created = found.OKStatus(); !out.Created {
		out.Left = found.Failure != "" && out.Failure != ""
		return out
	}
	one.method = "DELETE"
	b.admin.ask(clean, one)
	one.method = "GET"
	gone := b.admin.ask(clean, one)
	out.Left = gone.Status != 404
	return out
}

// object is like the first in the list, of another name, or as little as an object is; and where to create it.
func (b *behaviour) object(name string) (object map[string]any, collection string) {
	metadata := map[string]any{"name": name}
	gv, err := schema.ParseGroupVersion(b.resource.GroupVersion)
	if err != nil {
		return nil, ""
	}
	object = map[string]any{}
	namespace := ""
	if b.resource.Namespaced {
		namespace = "default"
	}
	if b.template != nil && json.Unmarshal(b.template, &object) == nil && len(b.items) > 0 {
		namespace = b.items[0].Metadata.Namespace
	}
	delete(object, "status")
	collection = availability.Path(gv.Group, gv.Version)
	if namespace != "" {
		metadata["namespace"] = namespace
		collection += "/namespaces/" + namespace
	}
	object["apiVersion"], object["kind"], object["metadata"] = gv.String(), b.resource.Kind, metadata
	return object, collection + "/" + b.resource.Name
}
