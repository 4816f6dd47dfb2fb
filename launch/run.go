package launch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kagg-project/kagg/internal/ports"
	"github.com/kagg-project/kagg/internal/process"
)

// choosePort takes the port that the command names, or finds a free one.
func (s *Server) choosePort(ctx context.Context) error {
	var err error
	if s.port, err = givenPort(s.options.Command); err != nil {
		return err
	}
	if s.port != 0 {
		if err := ports.Check(ctx, s.port); err != nil {
			return fmt.Errorf("port %d, which the command names, is taken: %w: stop who has it, or leave --%s out", s.port, err, flagSecurePort)
		}
		return nil
	}
	s.port, err = ports.Free(ctx)
	return err
}

// run starts the child and waits until it is ready. A flag that it refuses is left out, and it is started again.
func (s *Server) run(ctx context.Context, p plan) (readiness, error) {
	state := s.running.State()
	first, others := p.services[0], make([]string, 0, len(p.services)-1)
	for _, o := range p.services[1:] {
		others = append(others, o.name+"."+o.namespace+".svc")
	}
	certFile, keyFile, err := state.IssueServing(first.namespace, first.name, others...)
	if err != nil {
		return readiness{}, err
	}
	port := strconv.Itoa(s.port)
	var flags []flagValue
	if !s.options.Bare {
		flags = missing(s.options.Command, []flagValue{
			{flagSecurePort, port}, {flagBindAddress, "127.0.0.1"},
			{flagCertFile, certFile}, {flagKeyFile, keyFile}, {flagKubeconfig, state.APIServerKubeconfig},
			{flagAuthenticationKubeconfig, state.APIServerKubeconfig}, {flagAuthorizationKubeconfig, state.APIServerKubeconfig},
		})
	}
	env := []string{
		"KUBECONFIG=" + state.APIServerKubeconfig, "KAGG_SERVER=" + s.running.URL(), "KAGG_PORT=" + port,
		"KAGG_TLS_CERT_FILE=" + certFile, "KAGG_TLS_PRIVATE_KEY_FILE=" + keyFile,
		"KAGG_CLIENT_CA_FILE=" + state.ClusterCA.CertFile, "KAGG_REQUESTHEADER_CLIENT_CA_FILE=" + state.FrontProxyCA.CertFile,
	}
	for {
		s.child, err = process.Start(process.Options{
			Command: slices.Concat(s.options.Command, arguments(flags)), Env: env, Output: s.options.Output,
		})
		if err != nil {
			return readiness{}, err
		}
		answer, err := s.awaitReady(ctx)
		if err == nil || !s.ended() {
			return answer, err
		}
		refused := refused(s.child.Tail(), flags)
		if len(refused) == 0 {
			return answer, err
		}
		if flags, err = s.concede(flags, refused); err != nil {
			return answer, err
		}
	}
}

// ended tells whether the child has.
func (s *Server) ended() bool {
	select {
	case <-s.child.Done():
		return true
	default:
		return false
	}
}

// concede leaves out the flags that the child refused.
func (s *Server) concede(flags []flagValue, refused []string) ([]flagValue, error) {
	if slices.Contains(refused, flagSecurePort) {
		return nil, s.failed("does not know --%s, so that it cannot be told where to listen: let it listen on the port in the environment variable KAGG_PORT, with the certificate and key in KAGG_TLS_CERT_FILE and KAGG_TLS_PRIVATE_KEY_FILE, and give --bare", flagSecurePort)
	}
	s.options.Progress(fmt.Sprintf("%s does not know --%s: starting it without", s.options.Command[0], strings.Join(refused, ", --")))
	return without(flags, refused), nil
}
