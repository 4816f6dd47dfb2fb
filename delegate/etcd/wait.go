package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	client, err := s.client()
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
		cause := plain(err)
		if !time.Now().Before(deadline) {
			return fmt.Errorf("the etcd at %s cannot be reached within %s: %s: start it, or name another with --etcd-servers", servers, s.options.StartTimeout, cause)
		}
		if cause != told {
			tell(fmt.Sprintf("waits up to %s for the etcd at %s: %s", time.Until(deadline).Round(time.Second), servers, cause))
			told = cause
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(attemptTimeout / 4): // a refused connection fails at once
		}
	}
}

func (s *Storage) client() (*clientv3.Client, error) {
	var config *tls.Config
	if s.options.secure() {
		var err error
		if config, err = s.options.tlsInfo().ClientConfig(); err != nil {
			return nil, err
		}
	}
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

// plain is what a person wants to know of an error of the client, which says the cause last.
func plain(err error) string {
	text := err.Error()
	if _, cause, ok := strings.Cut(text, "last connection error: "); ok {
		text = cause
	}
	text = strings.TrimPrefix(text, "connection error: desc = ")
	return strings.Trim(text, `"`)
}
