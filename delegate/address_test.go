package delegate_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/memory"
)

func TestExternalAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"": "127.0.0.1:443", "[::1]:6443": "[::1]:6443", "kagg.example:443": "kagg.example:443"} {
		s := newServer(t, func(c *delegate.Config) { c.ExternalAddress = address })
		var got metav1.APIVersions
		if err := json.Unmarshal(get(t, s, "/api", "application/json"), &got); err != nil {
			t.Fatal(err)
		}
		wanted := []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: want}}
		if d := cmp.Diff(wanted, got.ServerAddressByClientCIDRs); d != "" {
			t.Error(d)
		}
	}
	backend := memory.NewBackend(memory.Options{})
	t.Cleanup(backend.Close)
	_, err := delegate.New(delegate.Config{
		RESTOptionsGetter: backend.RESTOptionsGetter(delegate.StorageCodec), ExternalAddress: "kagg.example",
		Authorizer: authorizerfactory.NewAlwaysAllowAuthorizer(), Version: &kversion.Info{},
	})
	want := `the delegate's address "kagg.example" is not a host and a port: set Config.ExternalAddress to one like ` +
		`"127.0.0.1:443": address kagg.example: missing port in address`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
