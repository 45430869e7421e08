# The developer's entry points; "make" lists them. CI runs .ci/run, which uses
# the same targets for everything that is not a test run.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

FUZZTIME   ?= 30s
BENCH      ?= .
BENCHCOUNT ?= 1
COVERMIN   ?= 85

BIN     := $(CURDIR)/.bin
MODULES  = $(shell bash .ci/modules)
GOFILES  = find . \( -name node_modules -o -name testdata -o -name '.?*' \) -prune -o -name '*.go' -print0

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Every day

.PHONY: check
check: fmt-check vet lint tidy fix test ## Everything a change must pass, except the long runs

.PHONY: test
test: ## go test ./...
	go test ./...

.PHONY: race
race: ## The same under the race detector, uncached
	go test -race -count=1 ./...

.PHONY: fmt
fmt: $(BIN)/.built ## Rewrite all Go files with gofumpt
	$(GOFILES) | xargs -0r $(BIN)/gofumpt -w

.PHONY: lint
lint: $(BIN)/.built ## golangci-lint in every module, by .golangci.yml
	@failed=0; for module in $(MODULES); do \
		echo "golangci-lint: $$module"; \
		(cd "$$module" && $(BIN)/golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...) || failed=1; \
	done; exit $$failed

# The parts of check that need no name of their own in the list.
.PHONY: fmt-check vet tidy fix
fmt-check: $(BIN)/.built
	@unformatted=$$($(GOFILES) | xargs -0r $(BIN)/gofumpt -l); \
	if [[ -n $$unformatted ]]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi

vet:
	go vet ./...

tidy:
	go mod tidy -diff

fix: # go fix of Go 1.26 rewrites old idioms; an empty diff means there are none.
	go fix -diff ./...

##@ Longer runs

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME each (30s)
	FUZZTIME=$(FUZZTIME) bash .ci/fuzz

.PHONY: bench
bench: ## Benchmarks matching BENCH, BENCHCOUNT times; compare two outputs with .bin/benchstat
	@go test -run='^$$' -bench='$(BENCH)' -benchmem -count=$(BENCHCOUNT) ./...

# servicestest is left out: most of it is what a failing transport would be told.
.PHONY: cover
cover: $(BIN)/.built ## Fail if less than COVERMIN percent (85) of the statements are covered
	go test -coverprofile=cover.out -coverpkg=./graph/...,./services/...,./router/... ./graph/... ./services/... ./router/...
	@$(BIN)/covergate -profile cover.out -module "$$(go list -m)" -min $(COVERMIN) -skip services/servicestest graph services router

.PHONY: examples
examples: ## Build the examples and run their tests
	go build -o /dev/null ./examples/...
	go test -count=1 ./examples/...

.PHONY: e2e
e2e: ## Browser tests; they need Chromium, node and npm
	bash .ci/run e2e

.PHONY: ci
ci: ## What CI runs, from start to end
	bash .ci/run

##@ Tools

# The tools are the tool directives of tools/go.mod, checked against its go.sum.
# The first build takes about a minute and a half on two cores.
.PHONY: tools
tools: $(BIN)/.built ## Build the pinned tools into .bin

$(BIN)/.built: tools/go.mod tools/go.sum $(wildcard tools/*/*.go)
	GOBIN=$(BIN) go -C tools install tool ./...
	@touch $@

.PHONY: clean
clean: ## Remove the tools and the reports
	rm -rf $(BIN) cover.out
