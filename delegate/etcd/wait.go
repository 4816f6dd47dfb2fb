package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// attemptTimeout is how long one question to the etcd may take.
const attemptTimeout = time.Second

// Wait returns when the etcd answers. It asks again and again until Options.StartTimeout is over, and then
// returns an error that names the servers and the cause. tell hears of the first failure and of each new
// cause. An end of ctx returns its error.
func (s *Storage) Wait(ctx context.Context, tell func(message string)) error {
	config, err := s.tlsConfig()
	if err != nil {
		return err
	}
	client, err := s.client(config)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	servers := strings.Join(s.options.Servers, ", ")
	deadline := time.Now().Add(s.options.StartTimeout)
	told := ""
	for {
		err := s.ask(ctx, client)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err())
		}
		cause := s.cause(ctx, config, err)
		if !time.Now().Before(deadline) {
			return fmt.Errorf("the etcd at %s cannot be reached within %s: %s: start it, or name another with --etcd-servers", servers, s.options.StartTimeout, cause)
		}
		if cause != told {
			tell(fmt.Sprintf("waits up to %s for the etcd at %s: %s", s.options.StartTimeout, servers, cause))
			told = cause
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(attemptTimeout / 4): // a refused connection fails at once
		}
	}
}

// tlsConfig is nil for an etcd without TLS.
func (s *Storage) tlsConfig() (*tls.Config, error) {
	if !s.options.secure() {
		return nil, nil //nolint:nilnil // what the client takes for none
	}
	return s.options.tlsInfo().ClientConfig()
}

func (s *Storage) client(config *tls.Config) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: s.options.Servers, TLS: config, DialTimeout: attemptTimeout, Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("etcd at %s: %w", strings.Join(s.options.Servers, ", "), err)
	}
	return client, nil
}

// ask reads a key, as a kube-apiserver's health check does.
func (s *Storage) ask(ctx context.Context, client *clientv3.Client) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	_, err := client.Get(ctx, path.Join("/", s.options.Prefix, "health"))
	return err
}

// cause is what a person wants to know of an error of the client, which often says no more than that a
// time is over: why the first server that cannot be reached cannot be.
func (s *Storage) cause(ctx context.Context, config *tls.Config, err error) string {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	for _, server := range s.options.Servers {
		u, parseErr := url.Parse(server)
		if parseErr != nil {
			continue // Validate has refused it
		}
		conn, dialErr := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
		if dialErr != nil {
			return dialErr.Error()
		}
		if config != nil {
			config = config.Clone()
			config.ServerName = u.Hostname()
			dialErr = tls.Client(conn, config).HandshakeContext(ctx)
		}
		_ = conn.Close()
		if dialErr != nil {
			return dialErr.Error()
		}
	}
	return err.Error()
}
