# Every tool comes with Go itself; nothing else has to be installed.

GO        ?= go
LINT      := $(GO) tool -modfile=$(CURDIR)/internal/tools/go.mod golangci-lint
TEST_FLAGS ?=
# A race test of one package on two cores takes minutes, not seconds.
TIMEOUT   ?= 20m

# Every module of this repository but that of the tools.
MODULES   := $(filter-out internal/tools,$(patsubst %/,%,$(dir $(shell git ls-files '*go.mod'))))

# How many random cases each property test draws; the folders whose tests count them.
RANDOM_CASES ?= 1000
RANDOM       := $(sort $(dir $(shell git grep -l '^var cases tally.Tally' -- '*_test.go')))

# For how long each fuzz target runs; the folders that have some.
FUZZ_TIME ?= 5s
FUZZED    := $(sort $(dir $(shell git grep -l '^func Fuzz' -- '*_test.go')))

.PHONY: help build demo test test-race conformance random fuzz bench lint verify generate clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/kagg
	$(GO) build -o bin/kagg ./cmd/kagg

demo: build ## Run kagg with two example apiservers
	./bin/kagg demo

test: test-race conformance fuzz ## Run all tests, with the race detector, against the real things, on random input

test-race: ## Run this module's tests with the race detector
	$(GO) test -race -timeout $(TIMEOUT) $(TEST_FLAGS) ./...

# Not cached: the go command does not know that the tests build and run cmd/kagg.
# What was compared is told at the end through a file: go test is silent about what passes.
conformance: ## Run the real kube-aggregator, sample-apiserver, etcd, kubectl and Helm with kagg, and random cases
	@summary=$$(mktemp); export CONFORMANCE_SUMMARY=$$summary; result=0; \
	( $(call each-module,test,$(GO) test -count=1 -timeout $(TIMEOUT) $(TEST_FLAGS) ./...,$(filter conformance%,$(MODULES))) ) || result=1; \
	$(MAKE) --no-print-directory random || result=1; \
	cat $$summary; rm -f $$summary; exit $$result

# Inside a package's folder, go test shows what a passing test prints: how many cases were compared with what.
random: ## Compare RANDOM_CASES random cases a property with the real code; -rapid.seed=N in TEST_FLAGS draws a run again
	@$(call each-module,test,$(GO) test -count=1 -timeout $(TIMEOUT) $(TEST_FLAGS) -rapid.checks=$(RANDOM_CASES),$(RANDOM))

# Only kagg's own packages are instrumented: to instrument all of Kubernetes, as go test -fuzz does, takes minutes.
# Minimizing what is merely new to the fuzzer would take all the time there is.
fuzz: ## Run every fuzz target for FUZZ_TIME (go test -fuzz runs one, with the libraries instrumented)
	@mkdir -p bin/fuzz; failed=; \
	for folder in $(FUZZED); do \
		binary=$(CURDIR)/bin/fuzz/$$(echo $$folder | tr / -).test; \
		$(GO) test -c -gcflags='github.com/kagg-project/kagg/...=-d=libfuzzer' -o $$binary ./$$folder || { failed="$$failed $$folder"; continue; }; \
		for target in $$(cd $$folder && $$binary -test.list '^Fuzz'); do \
			echo "-- fuzz $$folder$$target for $(FUZZ_TIME)"; \
			(cd $$folder && $$binary -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZ_TIME) -test.fuzzminimizetime 20x \
				-test.fuzzcachedir $(CURDIR)/bin/fuzz/$$target >$$binary.log 2>&1) || $(call only-the-time-ended,$$target,$$binary.log) \
				|| { cat $$binary.log; failed="$$failed $$folder$$target"; continue; }; \
			grep 'execs:' $$binary.log | tail -1; \
		done; \
	done; \
	test -z "$$failed" || { echo "fuzz failed in:$$failed"; exit 1; }

# only-the-time-ended tells whether a fuzz target failed with its second argument as the log, and found nothing. Before
# Go 1.27 the end of -fuzztime is now and then taken for a failure; whatever is found has more lines.
only-the-time-ended = test "$$(grep -v '^fuzz: elapsed: ' $(2) | sed 's/ ([0-9.]*s)$$//')" = "$$(printf -- '--- FAIL: %s\n    context deadline exceeded\nFAIL' $(1))"

# What is written into docs/performance.md is a full run; a part of it is only printed.
ROWS ?=
SHORT ?=
bench: ## Measure kagg beside the real kube-aggregator; ROWS=proxy,startup measures these alone, SHORT=1 less long
	cd conformance && $(GO) run ./bench $(if $(ROWS)$(SHORT),-rows=$(ROWS) $(if $(SHORT),-short),-document=../docs/performance.md)

# What is compared: benchmarks whose name matches BENCH in PACKAGES, COUNT times in turn, at BASE and in this tree.
BASE  ?= main
BENCH ?= .
COUNT ?= 6
PACKAGES ?= ./aggregator ./discoverymerge ./openapimerge ./proxy ./delegate/memory
GO_BENCH = $(GO) test -run '^$$' -bench '$(BENCH)' -benchmem

.PHONY: bench-go bench-compare
bench-go: ## Run the Go benchmarks that match BENCH
	$(GO_BENCH) $(PACKAGES)

# In turn, so that a machine that slows down meanwhile slows both down.
bench-compare: ## Compare the Go benchmarks that match BENCH between the commit BASE and this tree
	@mkdir -p bin/bench; rm -f bin/bench/*.txt; base=$(CURDIR)/bin/bench/base; \
	git worktree add --quiet --detach --force $$base $(BASE) && trap 'git worktree remove --force '$$base EXIT && \
	for turn in $$(seq $(COUNT)); do \
		echo "-- turn $$turn of $(COUNT)"; \
		(cd $$base && $(GO_BENCH) $(PACKAGES)) >>bin/bench/base.txt || exit 1; \
		$(GO_BENCH) $(PACKAGES) >>bin/bench/this.txt || exit 1; \
	done && \
	$(GO) tool -modfile=$(CURDIR)/internal/tools/go.mod benchstat $(BASE)=bin/bench/base.txt this=bin/bench/this.txt

lint: ## Run golangci-lint over all modules
	@$(call each-module,lint,$(LINT) run --config $(CURDIR)/.golangci.yaml ./...,$(MODULES))

verify: ## Check formatting, modules and lint; report every failure
	@failed=; \
	for check in verify-format verify-modules lint; do \
		echo "== $$check"; $(MAKE) --no-print-directory $$check || failed="$$failed $$check"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

.PHONY: verify-format verify-modules
verify-format:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "not formatted (run gofmt -w):"; echo "$$files"; exit 1; }

verify-modules:
	@$(call each-module,tidy,$(GO) mod tidy -diff,$(MODULES))

# each-module does what its first argument says, by the command that is its second, in
# each of the folders that are its third, and fails after all when it failed in one.
define each-module
failed=; \
for module in $(3); do \
	echo "-- $(1) $$module"; (cd $$module && $(2)) || failed="$$failed $$module"; \
done; \
test -z "$$failed" || { echo "$(1) failed in:$$failed"; exit 1; }
endef

generate: ## Generate the OpenAPI definitions and the generated documents again
	$(GO) generate ./...
	cd conformance && $(GO) generate ./...

clean: ## Remove what was built and the demo's state folder
	rm -rf bin .kagg
