package conformance

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// userBinding takes the readers' rights away and gives them back.
func (s *serverUnderTest) userBinding(t *testing.T) {
	ann := []string{"Authorization", "Bearer ann-token"}
	binding := s.kubectl.Command("get", "clusterrolebinding", "reader", "-o", "yaml").Out(t)
	s.kubectl.Command("delete", "clusterrolebinding", "reader").Out(t)
	for _, client := range []*harness.Client{s.through, s.server.Client} {
		s.awaitCode(t, client, http.StatusForbidden, ann...)
	}
	s.kubectl.Command("create", "-f", "-").WithInput(binding).Out(t)
	for _, client := range []*harness.Client{s.through, s.server.Client} {
		s.awaitCode(t, client, http.StatusOK, ann...)
	}
}

// serverBinding takes the server's right to ask kagg away: it can decide nothing any
// more. What kagg's log says then mends it.
func (s *serverUnderTest) serverBinding(t *testing.T) {
	ann := []string{"Authorization", "Bearer ann-token"}
	s.kubectl.Command("delete", "clusterrolebinding", "wardle:auth-delegator").Out(t)
	s.awaitCode(t, s.through, http.StatusInternalServerError, ann...)
	// Straight it does not even learn who asks, if it has not asked before.
	token := strings.TrimSpace(s.kubectl.Command("create", "token", "reader").Out(t))
	s.awaitCode(t, s.server.Client, http.StatusUnauthorized, "Authorization", "Bearer "+token)
	s.follow(t, "kubectl create clusterrolebinding system:kagg:apiserver-system:auth-delegator")
	for _, client := range []*harness.Client{s.through, s.server.Client} {
		s.awaitCode(t, client, http.StatusOK, ann...)
	}
}

// startBinding takes the server's right to read whom to believe away: it does not
// start any more. What kagg's log says then mends it, and it serves again.
func (s *serverUnderTest) startBinding(t *testing.T) {
	s.server.Stop(t)
	s.kubectl.Command("delete", "rolebinding", "-n", "kube-system", "wardle:authentication-reader").Out(t)
	refused := s.start(t)
	select {
	case <-refused.Done():
	case <-time.After(harness.Patience):
		t.Fatal("the server runs without the right to read the ConfigMap")
	}
	wantMatch(t, refused.Output().String(), `configmaps \\?"extension-apiserver-authentication\\?" is forbidden: User \\?"system:kagg:apiserver\\?" cannot get`)
	s.follow(t, "kubectl create rolebinding system:kagg:apiserver-extension-apiserver-authentication-reader")
	s.server = s.start(t)
	s.ready(t)
	if s.etcd {
		// The server's own client has reached it, too. Stopped while that still
		// connects, a server does not end: Go's HTTP/2 server tells a connection
		// that comes up during Shutdown nothing of it.
		s.kubectl.Command("create", "-f", "-").WithInput(s.flunder("again")).Out(t)
	}
}

// follow runs the command that kagg's log says, which begins with beginning.
func (s *serverUnderTest) follow(t *testing.T, beginning string) {
	t.Helper()
	command := strings.Fields(s.kagg.Output().AwaitLine(t, harness.Patience, beginning))
	s.kubectl.Command(command[1:]...).Out(t)
}

// awaitCode repeats a request, each time to another namespace, until it is answered
// with code.
func (s *serverUnderTest) awaitCode(t *testing.T, client *harness.Client, code int, headers ...string) {
	t.Helper()
	harness.Eventually(t, harness.Patience, fmt.Sprintf("%s answers %d", client.URL, code), func(ctx context.Context) error {
		path := s.path()
		got, body, err := client.Get(ctx, path, headers...)
		if err == nil && got != code {
			err = fmt.Errorf("GET %s: %d %s", path, got, body)
		}
		return err
	})
}
