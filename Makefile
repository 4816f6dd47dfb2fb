# Every tool comes with Go itself; nothing else has to be installed.

GO        ?= go
LINT      := $(GO) tool -modfile=internal/tools/go.mod golangci-lint
TEST_FLAGS ?=
# A race test of one package on two cores takes minutes, not seconds.
TIMEOUT   ?= 20m

.PHONY: help build demo test test-race conformance bench lint verify generate clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/kagg
	$(GO) build -o bin/kagg ./cmd/kagg

demo: build ## Run kagg with two example apiservers
	./bin/kagg demo

test: test-race conformance ## Run all tests, with the race detector, and against the real sample-apiserver and kubectl

test-race: ## Run this module's tests with the race detector
	$(GO) test -race -timeout $(TIMEOUT) $(TEST_FLAGS) ./...

# Not cached: the go command does not know that the tests build and run cmd/kagg.
conformance: ## Run the real sample-apiserver, etcd, kubectl and Helm against kagg
	cd conformance && $(GO) test -count=1 -timeout $(TIMEOUT) $(TEST_FLAGS) ./...

bench: ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint: lint-kagg lint-conformance ## Run golangci-lint over all modules

.PHONY: lint-kagg lint-conformance
lint-kagg:
	$(LINT) run ./...

lint-conformance:
	cd conformance && $(GO) tool -modfile=../internal/tools/go.mod golangci-lint run --config ../.golangci.yaml ./...

verify: ## Check formatting, modules and lint; report every failure
	@failed=; \
	for check in verify-format verify-modules lint-kagg lint-conformance; do \
		echo "== $$check"; $(MAKE) --no-print-directory $$check || failed="$$failed $$check"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

.PHONY: verify-format verify-modules
verify-format:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not formatted (run gofmt -w):"; echo "$$files"; exit 1; }

verify-modules:
	$(GO) mod tidy -diff
	cd conformance && $(GO) mod tidy -diff
	cd conformance/helm && $(GO) mod tidy -diff

generate: ## Generate the OpenAPI definitions again
	$(GO) generate ./...

clean: ## Remove what was built and the demo's state folder
	rm -rf bin .kagg
