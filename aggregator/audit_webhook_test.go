package aggregator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/server/options"

	"github.com/kagg-project/kagg/aggregator"
)

// Events go to a webhook too, and what is held back goes there at the stop.
func TestAuditWebhook(t *testing.T) {
	t.Parallel()
	received := make(chan aggregator.AuditEvent, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var list struct{ Items []aggregator.AuditEvent }
		if err := json.NewDecoder(req.Body).Decode(&list); err != nil {
			t.Error(err)
		}
		for _, e := range list.Items {
			received <- e
		}
	}))
	defer hook.Close()
	_, change := audited(t, policy, func(o *options.AuditOptions) {
		o.LogOptions.Path = ""
		o.WebhookOptions.ConfigFile = filepath.Join(t.TempDir(), "webhook.kubeconfig")
		o.WebhookOptions.BatchOptions.BatchConfig.MaxBatchWait = time.Hour
		config := "apiVersion: v1\nkind: Config\nclusters: [{name: hook, cluster: {server: " + hook.URL + "}}]\n" +
			"contexts: [{name: hook, context: {cluster: hook}}]\ncurrent-context: hook\n"
		if err := os.WriteFile(o.WebhookOptions.ConfigFile, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	r := newRig(t, change)
	id := r.get("/api/v1/namespaces").header.Get("Audit-Id")
	r.stop()
	for {
		select {
		case e := <-received:
			if e.AuditID == id && e.Stage == "ResponseComplete" {
				return
			}
		default:
			t.Fatal("the event did not come")
		}
	}
}
