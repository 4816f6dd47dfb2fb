package aggregator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/dynamic"
	"k8s.io/component-base/tracing"
	apiregistration "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/internal/pki"
	"github.com/kagg-project/kagg/proxy"
)

// InputError is an error in what the user gave: flags or objects. Its text
// names each place and the mend.
type InputError struct{ Err error }

// Error returns the text of the errors, one a line.
func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns the errors.
func (e *InputError) Unwrap() error { return e.Err }

// Aggregator is a running kagg. Its methods are safe for concurrent use.
type Aggregator struct {
	config        Config
	state         *pki.State
	release       func() error
	local         *delegate.Server
	storage       storage
	storageChecks []healthz.HealthChecker
	auth          *authentication
	authz         *authorization
	audit         *auditing
	tracer        tracing.TracerProvider
	fairness      *fairness
	trust         *trustFiles
	serving       *dynamiccertificates.DynamicCertKeyPairContent
	source        atomic.Pointer[source]
	custom        *customResources
	snapshots     *snapshots
	routes        *router
	files         *files
	fileErrors    fileErrors
	served        chan struct{} // told when what is served changed
	url           string
	stopping      context.Context //nolint:containedctx // ends when the aggregator is told to stop
	stopped       <-chan struct{}
	running       sync.WaitGroup
	recorded      sync.Once // records are written out
}

// Start starts an aggregator and returns when it listens and has read all
// objects; backends may not have been asked yet. It runs until ctx ends; call
// Wait for the end. Errors in flags and objects are an *InputError; ctx's error
// means that it ended first. Nothing runs after an error.
func Start(ctx context.Context, c Config) (*Aggregator, error) {
	c.setDefaults()
	if err := checkAnonymous(&c); err != nil {
		return nil, &InputError{err}
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &Aggregator{config: c, stopping: ctx, snapshots: newSnapshots(), served: make(chan struct{}, 1)}
	var err error
	if a.authz, err = newAuthorization(c.AuthorizationModes, c.OnEvent); err == nil {
		err = a.start(ctx)
	}
	if err == nil {
		context.AfterFunc(ctx, cancel) // what ends ctx now is the caller's context alone
		return a, nil
	}
	cancel()
	a.running.Wait()
	a.abandon(ctx)
	return nil, err
}

func (a *Aggregator) start(ctx context.Context) error {
	objects, changes, err := a.followFiles(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &InputError{err}
	}
	if err := a.prepareRecording(); err != nil {
		return err
	}
	if err := a.prepareTrust(); err != nil {
		return err
	}
	// Bound before anything else is made: a taken port should cost nothing, and
	// who connects early waits instead of being refused.
	l, err := listen(ctx, &a.config)
	if err != nil {
		return err
	}
	if address, ok := l.Addr().(*net.TCPAddr); ok && a.config.SecurePort != 0 && address.Port != a.config.SecurePort {
		a.config.OnEvent(Event{Subject: "kagg", Message: fmt.Sprintf("port %d is taken: using %d", a.config.SecurePort, address.Port), Warning: true})
	}
	if err := a.startBehind(ctx, l, objects); err != nil {
		return errors.Join(err, l.Close())
	}
	a.running.Go(func() { a.syncFiles(ctx, objects, changes) })
	return a.followTokens(ctx)
}

// followTokens keeps the tokens in step with their file until ctx ends.
func (a *Aggregator) followTokens(ctx context.Context) error {
	if a.config.TokenAuthFile == "" {
		return nil
	}
	watcher, err := a.auth.token.watch()
	if err != nil {
		return err
	}
	a.running.Go(func() {
		a.auth.token.follow(ctx, watcher, func(err error) {
			e := Event{Subject: "token-auth-file", Message: "read again"}
			if err != nil {
				e = Event{Subject: e.Subject, Message: err.Error() + " (the last good content stays)", Warning: true}
			}
			a.config.OnEvent(e)
		})
	})
	return nil
}

// startBehind starts everything that answers on l.
func (a *Aggregator) startBehind(ctx context.Context, l net.Listener, objects []manifest.Object) error {
	a.url = serverURL(l.Addr())
	if err := a.startLocalAPIs(ctx); err != nil {
		return err
	}
	// Neither needs what the other makes, and both take a while. An APIService that is in a file and of a local
	// group-version as well is the file's, whoever comes first.
	var builtin *builtinAPIs
	var unregistered error
	var beside sync.WaitGroup
	beside.Go(func() { builtin, unregistered = a.registerLocal(ctx) })
	err := a.files.sync(ctx, objects)
	beside.Wait()
	if err != nil {
		return &InputError{err}
	}
	if unregistered != nil {
		return unregistered
	}
	if err := a.startLoop(ctx, builtin); err != nil {
		return err
	}
	if err := a.syncOthers(ctx, objects); err != nil {
		return &InputError{err}
	}
	return a.startServing(ctx, l)
}

// abandon ends what a start that failed had made and not yet run: who follows a
// file has goroutines from the beginning, which end only with its Run.
func (a *Aggregator) abandon(ended context.Context) {
	if a.storage != nil {
		a.storage.Close()
	}
	if a.release != nil {
		_ = a.release() // the start's own error is the one to tell
	}
	a.endRecording()
	if a.stopped != nil {
		return // serving has run them, and ends them with ctx
	}
	var made []any
	if a.auth != nil {
		made = append(made, a.auth.users, a.auth.proxies)
	}
	if a.trust != nil {
		made = append(made, a.trust.cert)
	}
	for _, m := range made {
		if r, ok := m.(dynamiccertificates.ControllerRunner); ok {
			r.Run(ended, 1)
		}
	}
}

// prepareTrust makes or reads every certificate.
func (a *Aggregator) prepareTrust() error {
	var err error
	if a.state, err = pki.Ensure(a.config.StateDir, a.pkiOptions()); err != nil {
		return err
	}
	if a.release, err = a.state.Hold(); err != nil {
		return err
	}
	if a.auth, err = newAuthentication(&a.config, a.state); err != nil {
		return &InputError{err}
	}
	if a.trust, err = newTrustFiles(&a.config, a.state); err != nil {
		return &InputError{err}
	}
	a.report("front proxy", a.trust.check(a.auth.proxies, a.config.RequestHeader.AllowedNames))
	return nil
}

// pkiOptions say what the made certificates are to be good for.
func (a *Aggregator) pkiOptions() pki.Options {
	if a.config.BindAddress.IsUnspecified() {
		return pki.Options{}
	}
	return pki.Options{ServingHosts: []string{a.config.BindAddress.String()}}
}

// startLocalAPIs starts the stand-in for the kube-apiserver.
func (a *Aggregator) startLocalAPIs(ctx context.Context) error {
	err := a.openStorage(ctx)
	if err != nil {
		return err
	}
	a.local, err = delegate.New(delegate.Config{
		Authenticator:        a.auth.request,
		ServiceAccounts:      a.auth.accounts,
		APIAudiences:         a.auth.audiences,
		RootCA:               a.rootCA,
		Authorizer:           a.authz,
		Denied:               a.authz.forReviews(),
		RESTOptionsGetter:    a.storage.RESTOptionsGetter(delegate.StorageCodec),
		SharedStorage:        a.config.Storage.shared(),
		NotFound:             http.HandlerFunc(a.next),
		Version:              ServerVersion(),
		ExternalAddress:      strings.TrimPrefix(a.url, "https://"),
		EmptyNamespace:       a.emptyNamespace,
		MinRequestTimeout:    a.config.Observability.MinRequestTimeout,
		AuthenticationConfig: a.auth.configMap,
	})
	if err != nil {
		return fmt.Errorf("local APIs: %w", err)
	}
	if err := a.newCustomResources(); err != nil {
		return err
	}
	if err := a.prepareFairness(); err != nil {
		return err
	}
	a.routes = a.router(ctx)
	if err := a.local.Start(ctx); err != nil {
		return fmt.Errorf("local APIs: %w", err)
	}
	if err := a.startRBAC(ctx); err != nil {
		return err
	}
	if a.fairness != nil {
		a.running.Go(func() { a.fairness.run(ctx) })
	}
	client, err := dynamic.NewForConfig(a.local.ClientConfig())
	if err != nil {
		return err
	}
	resources := map[schema.GroupVersionKind]resource{}
	for _, k := range a.local.Kinds() {
		resources[k.GroupVersionKind] = resource{k.GroupVersionResource(), k.Namespaced}
	}
	others, err := a.newEveryone()
	if err != nil {
		return err
	}
	a.files = newFiles(client, resources, others, a.config.OnEvent)
	a.files.ledger, err = a.openLedger()
	return err
}

// startLoop starts the control loop and waits for its first snapshot.
func (a *Aggregator) startLoop(ctx context.Context, builtin *builtinAPIs) error {
	registration, err := apiregistration.NewForConfig(a.local.ClientConfig())
	if err != nil {
		return err
	}
	apiServices := registration.ApiregistrationV1().APIServices()
	services := builtinAPIServices(builtin)
	source, err := newSource(a.local.ClientConfig(), a.config.Endpoints)
	if err != nil {
		return err
	}
	a.source.Store(source)
	if err := a.custom.server.Start(ctx); err != nil {
		return err
	}
	if err := source.run(ctx); err != nil {
		return err
	}
	status, err := newStatusWriter(apiServices, func(name string, err error) {
		a.config.OnEvent(Event{Subject: "apiservice/" + name, Message: "its status could not be written: " + err.Error(), Warning: true})
	})
	if err != nil {
		return err
	}
	keepRegistered := a.custom.registrar.start(source.registrations, registration.ApiregistrationV1(), services)
	loop := &controlLoop{
		pace: a.config.Profile.pace(), snapshots: a.snapshots,
		local: newLocalState(builtin, a.custom.server.Catalog), localChanged: a.custom.changed,
		registry: source.registry, registryChanged: source.changed,
		trust: a.trust.current, trustChanged: a.trust.changed,
		onPublish: func(previous, next *Snapshot) {
			status.enqueue(previous, next)
			poke(a.served)
			for _, e := range eventsBetween(previous, next) {
				a.config.OnEvent(e)
			}
		},
	}
	a.running.Go(func() { keepRegistered(ctx) })
	a.running.Go(func() { status.run(ctx) })
	a.running.Go(func() { loop.run(ctx) })
	a.trust.run(ctx)
	if _, err = a.snapshots.wait(ctx, func(*Snapshot) bool { return true }); err != nil {
		return err
	}
	return a.collectGarbage(ctx)
}

// report tells of an error that nobody waits for; nil and what follows from
// stopping are not worth a line.
func (a *Aggregator) report(subject string, err error) {
	if err != nil && a.stopping.Err() == nil {
		a.config.OnEvent(Event{Subject: subject, Message: err.Error(), Warning: true})
	}
}

func (a *Aggregator) router(ctx context.Context) *router {
	local, headers := a.local.Handler(), a.config.RequestHeader
	afterOwn, debugPaths := a.fairness.debug(local)
	paths, checks := slices.Concat(a.local.ListedPaths(), debugPaths), slices.Concat(a.storageChecks, a.fairness.checks())
	return &router{
		snapshots: a.snapshots,
		profile:   a.config.Profile,
		local:     local,
		unserved:  newUnserved(a.config.OnEvent, a.local.Kinds()),
		own: newOwnPaths(a.snapshots, func() bool { return ctx.Err() != nil }, paths,
			http.HandlerFunc(a.serveRecording), afterOwn, checks...),
		proxy: proxy.New(proxy.Options{
			Local:          local,
			WrapTransport:  traceBackends(a.tracer),
			UpstreamErrors: a.config.Profile == ProfileUpstream,
			StripHeaders:   slices.Concat(headers.UsernameHeaders, headers.UIDHeaders, headers.GroupHeaders),
			StripPrefixes:  headers.ExtraHeaderPrefixes,
			OnBackendFailure: func(t proxy.Target, _ error) {
				a.snapshots.load().wake(t.APIService)
			},
		}),
	}
}

// URL is where the aggregator is reached, as https://127.0.0.1:6443.
func (a *Aggregator) URL() string { return a.url }

// State names the files of the state folder.
func (a *Aggregator) State() *pki.State { return a.state }

// Snapshot returns the newest snapshot.
func (a *Aggregator) Snapshot() *Snapshot { return a.snapshots.load() }

// WaitFor returns the first snapshot from now on for which done is true, or
// ctx's error.
func (a *Aggregator) WaitFor(ctx context.Context, done func(*Snapshot) bool) (*Snapshot, error) {
	return a.snapshots.wait(ctx, done)
}

// Wait returns when the aggregator has stopped: after the context of Start ended
// and the requests that ran then have ended, or 10 s later.
func (a *Aggregator) Wait() {
	<-a.stopped
	a.running.Wait()
	a.endRecording()
	a.storage.Close()
	// The operating system gives the folder free in any case.
	_ = a.release()
}
