package check

// trustChecks are about certificates and identities, as connections to the backends showed them.
func trustChecks() []Check { return append(connectionChecks(), identityChecks()...) }

// connectionChecks are about how a connection is made.
func connectionChecks() []Check {
	const verify = "crypto/x509, Certificate.Verify; k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync"
	return []Check{
		{
			Code: "KAGG020", Name: "backend-unreachable", Area: AreaTrust, Severity: SeverityError,
			Title:    "an address of a backend that no TLS connection can be made to",
			Why:      "The aggregator cannot reach it either: the APIService is unavailable, or every so many requests fail where the Service has other addresses.",
			Mend:     "Start the backend, or correct the address and the port; the port must be the one with TLS.",
			find:     eachHost(findUnreachable),
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync",
			Failing:  "$ curl -k https://127.0.0.1:8443/\ncurl: (7) Failed to connect to 127.0.0.1 port 8443: Connection refused",
			Mended:   "$ ./my-apiserver --secure-port=8443 &\n$ curl -k https://127.0.0.1:8443/   # answers with 401 or 403",
		},
		{
			Code: "KAGG021", Name: "certificate-name", Area: AreaTrust, Severity: SeverityError,
			Title: "a serving certificate without the name SERVICE.NAMESPACE.svc",
			Why: "The aggregator wants that name, whatever address it connects to. Requests fail with an x509 error, and the APIService is unavailable. " +
				"The common name of the subject has not counted since Go 1.15.",
			Mend:     "Issue a certificate with that DNS name among its subject alternative names: kagg cert makes one.",
			find:     eachCertificate(findName),
			Upstream: "k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go, ServeHTTP",
			Failing:  "Subject: CN=api.wardle.svc\nX509v3 Subject Alternative Name: DNS:localhost",
			Mended:   "X509v3 Subject Alternative Name: DNS:api.wardle.svc, DNS:localhost",
		},
		{
			Code: "KAGG022", Name: "certificate-expired", Area: AreaTrust, Severity: SeverityError,
			Title:    "a serving certificate that is not valid now",
			Why:      "Every new connection is refused, and the APIService is unavailable.",
			Mend:     "Issue a new serving certificate, and have the backend read it: one built on k8s.io/apiserver follows its file.",
			find:     eachCertificate(findExpired),
			Upstream: verify,
			Failing:  "Not After : Jan  1 00:00:00 2024 GMT",
			Mended:   "Not After : Jan  1 00:00:00 2034 GMT",
		},
		{
			Code: "KAGG023", Name: "certificate-expires", Area: AreaTrust, Severity: SeverityWarning,
			Title:    "a serving certificate that expires within 30 days, and has had two thirds of its life",
			Why:      "Once it has, every new connection is refused and the APIService is unavailable. A certificate that is renewed by a tool would have been by now.",
			Mend:     "Issue a new serving certificate, and see why that was not done on time.",
			find:     eachCertificate(findExpiring),
			Upstream: verify,
			Failing:  "Not After : in ten days",
			Mended:   "Not After : in a year",
		},
		{
			Code: "KAGG024", Name: "certificate-ca", Area: AreaTrust, Severity: SeverityError,
			Title:    "a serving certificate that no trusted CA vouches for",
			Why:      "Only the CAs in spec.caBundle count, or the system's where there is none. Requests fail with an x509 error, and the APIService is unavailable.",
			Mend:     "Put the CA that signed the serving certificate into spec.caBundle, in PEM and encoded with base64; the backend has to serve its intermediate certificates.",
			find:     eachCertificate(findUntrusted),
			Upstream: verify,
			Failing:  "spec: {caBundle: <the CA of last year>}",
			Mended:   "spec: {caBundle: <the CA that signed the certificate>}",
		},
		{
			Code: "KAGG025", Name: "certificate-usage", Area: AreaTrust, Severity: SeverityError,
			Title:    "a serving certificate that is not made for servers",
			Why:      "A certificate with extended key usages needs serverAuth among them. Requests fail with \"certificate specifies an incompatible key usage\", and the APIService is unavailable.",
			Mend:     "Issue it with the extended key usage serverAuth.",
			find:     eachCertificate(findUsage),
			Upstream: verify,
			Failing:  "X509v3 Extended Key Usage: TLS Web Client Authentication",
			Mended:   "X509v3 Extended Key Usage: TLS Web Server Authentication",
		},
	}
}

// identityChecks are about whom a backend takes for the client.
func identityChecks() []Check {
	const headers = "k8s.io/apiserver/pkg/authentication/request/headerrequest/requestheader.go, AuthenticateRequest"
	return []Check{
		{
			Code: "KAGG026", Name: "no-client-certificate-asked", Area: AreaTrust, Severity: SeverityError,
			Title:    "a backend that asks for no client certificate",
			Why:      "The certificate is how it can tell the aggregator from anybody else: without one it must take every user for system:anonymous, or believe identity headers from everybody.",
			Mend:     "Have the server ask for client certificates (tls.RequestClientCert in Go), and give it the front-proxy CA: with k8s.io/apiserver, let it read the ConfigMap kube-system/extension-apiserver-authentication or set --requestheader-client-ca-file.",
			find:     eachHost(findNotAsked),
			Upstream: "k8s.io/apiserver/pkg/server/secure_serving.go, tlsConfig",
			Failing:  "&tls.Config{Certificates: certs}",
			Mended:   "&tls.Config{Certificates: certs, ClientAuth: tls.RequestClientCert}",
		},
		{
			Code: "KAGG027", Name: "other-client-ca", Area: AreaTrust, Severity: SeverityError,
			Title:    "a backend that asks for client certificates of another CA than the front proxy's",
			Why:      "The aggregator presents no certificate that the other end did not ask for, so that the backend takes every user for system:anonymous, or ends the connection.",
			Mend:     "Give the backend the front-proxy CA: --requestheader-client-ca-file, or a kubeconfig with which it reads the ConfigMap kube-system/extension-apiserver-authentication of this aggregator and not of another.",
			find:     eachHost(findOtherCA),
			Upstream: "crypto/tls, CertificateRequestInfo.SupportsCertificate",
			Failing:  "--requestheader-client-ca-file=cluster-ca.crt",
			Mended:   "--requestheader-client-ca-file=front-proxy-ca.crt",
		},
		{
			Code: "KAGG028", Name: "forged-headers", Area: AreaTrust, Severity: SeverityError,
			Title:    "a backend that believes identity headers from everybody",
			Why:      "Whoever can connect to it is who they say they are, system:masters too: a hole in every cluster that it is installed in.",
			Mend:     "Heed X-Remote-User, X-Remote-Group and X-Remote-Extra-* only on a connection with a client certificate that the front-proxy CA signed.",
			find:     findForged,
			Upstream: headers,
			Failing:  "$ curl -k -H 'X-Remote-User: admin' -H 'X-Remote-Group: system:masters' https://BACKEND/apis/g/v1/things\n200",
			Mended:   "$ curl -k -H 'X-Remote-User: admin' -H 'X-Remote-Group: system:masters' https://BACKEND/apis/g/v1/things\n401",
		},
		{
			Code: "KAGG029", Name: "seen-as-anonymous", Area: AreaTrust, Severity: SeverityError,
			Title:    "a backend that does not believe the aggregator's identity headers",
			Why:      "It takes every user for system:anonymous, or refuses them all: nobody has the rights that they were given.",
			Mend:     "Give the backend the front-proxy CA (--requestheader-client-ca-file), with --requestheader-allowed-names empty or naming the certificate's common name, or a kubeconfig with which it reads the ConfigMap kube-system/extension-apiserver-authentication.",
			find:     findAnonymous,
			Upstream: headers,
			Failing:  `403: User "system:anonymous" cannot list resource "things"`,
			Mended:   `403: User "alice" cannot list resource "things"`,
		},
		{
			Code: "KAGG030", Name: "seen-as-proxy", Area: AreaTrust, Severity: SeverityError,
			Title:    "a backend that takes the aggregator for the user",
			Why:      "It reads the user out of the client certificate and not out of the headers: everybody has the rights of the front proxy, or nobody has any.",
			Mend:     "Make the front-proxy CA the backend's --requestheader-client-ca-file and not its --client-ca-file; the two must be different CAs.",
			find:     findProxy,
			Upstream: "k8s.io/apiserver/pkg/authentication/authenticatorfactory/delegating.go, New",
			Failing:  `403: User "front-proxy-client" cannot list resource "things"`,
			Mended:   `403: User "alice" cannot list resource "things"`,
		},
		{
			Code: "KAGG031", Name: "front-proxy-refused", Area: AreaTrust, Severity: SeverityError,
			Title:    "a backend that ends the connection when the front proxy's certificate is presented",
			Why:      "No request of the aggregator's gets through, and the APIService is unavailable.",
			Mend:     "Have the backend verify client certificates by the front-proxy CA too, or leave their verification to its authentication (tls.RequestClientCert).",
			find:     eachHost(findHungUp),
			Upstream: "k8s.io/apiserver/pkg/server/secure_serving.go, tlsConfig",
			Failing:  "&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: usersCA}",
			Mended:   "&tls.Config{ClientAuth: tls.RequestClientCert}",
		},
		{
			Code: "KAGG032", Name: "any-certificate", Area: AreaTrust, Severity: SeverityError,
			Title:    "a backend that believes identity headers beside any client certificate",
			Why:      "A certificate that nobody signed is made in a second: whoever can connect is who they say they are, system:masters too.",
			Mend:     "Verify the client certificate by the front-proxy CA, with the usage clientAuth, before a header is read. tls.RequestClientCert alone verifies nothing.",
			find:     findStranger,
			Upstream: headers,
			Failing:  `if len(r.TLS.PeerCertificates) > 0 { user = r.Header.Get("X-Remote-User") }`,
			Mended:   `if _, err := r.TLS.PeerCertificates[0].Verify(frontProxy); err == nil { user = r.Header.Get("X-Remote-User") }`,
		},
		{
			Code: "KAGG033", Name: "objects-for-everybody", Area: AreaTrust, Severity: SeverityWarning,
			Title:   "a backend that lists objects for whoever connects",
			Why:     "Who reaches its address, in a cluster every pod, passes by the aggregator's authentication, authorization and audit.",
			Mend:    "Answer 401 to requests without a client certificate of the front-proxy CA.",
			find:    findOpen,
			Failing: "$ curl -k https://BACKEND/apis/g/v1/things\n200",
			Mended:  "$ curl -k https://BACKEND/apis/g/v1/things\n401",
		},
		{
			Code: "KAGG034", Name: "not-looked-at", Area: AreaTrust, Severity: SeverityInfo,
			Title:   "a backend that could not be looked at in whole",
			Why:     "No finding is no proof then: what was not asked for can be wrong.",
			Mend:    "Run kagg check where the running kagg is, with its --state-dir.",
			find:    findNotLookedAt,
			Failing: "$ kagg check --kubeconfig remote.kubeconfig",
			Mended:  "$ kagg check --state-dir .kagg",
		},
	}
}
