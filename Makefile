# `make test` is what a newcomer runs; `make check` is what CI runs.
GOLANGCI = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BOTOCORE = 1.43.11
FUZZTIME = 5000x
PG       = test/postgres.sh run
CACHE    = .cache

.PHONY: build test check format vet lint stale race strict fuzz conformance tools bench peers generate models

build:
	go build -o bin/bulkhead ./cmd/bulkhead

# Unit tests, then real clients against a real server. PostgreSQL is started on loopback if it is installed.
test: tools
	$(PG) go test ./...
	$(MAKE) conformance

check: format stale vet test race strict lint fuzz

format:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }

vet:
	go vet ./...

lint:
	$(GOLANGCI) run ./...

# Fails when generated files are not what the generator writes.
stale:
	go run ./internal/codegen/cmd/generate --check

race:
	$(PG) go test -race ./...

# The services on a store that overwrites what it handed out when a transaction ends, and runs twice what may run twice.
strict:
	BULKHEAD_TEST_STORE=strict go test ./internal/store/... ./service/...

# Each fuzz target for some thousand inputs: enough to see that it still runs, and finds what is easy to find. By count, since
# a time limit that ends in the middle of an input fails the run.
fuzz:
	@set -e; for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$f); do \
	    echo "fuzz $$(dirname $$f) $$t"; \
	    go test ./$$(dirname $$f) -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x; done; done

# The AWS SDKs and the AWS CLI, unpatched, against the server.
conformance: tools build
	$(PG) test/conformance/run.sh
	$(PG) test/conformance/demo.sh
	test/conformance/tables.sh
	test/conformance/objects.sh
	test/conformance/readme.sh $(CACHE)/venv
	test/conformance/examples.sh $(CACHE)/venv

# The clients' packages, from PyPI and npm, kept in $(CACHE).
tools:
	test/conformance/install.sh $(CACHE)

bench: build
	go test ./test/bench -run '^$$' -bench . -benchtime 2s -timeout 30m

# Bulkhead beside DynamoDB Local and dynalite, which are fetched into $(CACHE). PEERS are flags of bulkhead bench tables.
peers: build
	test/bench/peers.sh $(CACHE) $(PEERS)

generate:
	go run ./internal/codegen/cmd/generate

# Renews the facts in models/ from the pinned release of botocore.
models:
	pip download --quiet --no-deps --dest $(CACHE)/botocore botocore==$(BOTOCORE)
	cd $(CACHE)/botocore && \
	  echo "$$(sed -n 's/^sha256: //p' ../../models/SOURCE)  $$(sed -n 's/^file: //p' ../../models/SOURCE)" | sha256sum -c && \
	  python3 -m zipfile -e $$(sed -n 's/^file: //p' ../../models/SOURCE) .
	go run ./internal/codegen/cmd/models --botocore $(CACHE)/botocore/botocore/data
