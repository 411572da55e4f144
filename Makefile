# Needs Go, git, make and a C compiler (for the race detector); the rest comes
# through the Go module proxy, at the versions below.
GOLANGCI_LINT = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK   = go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
CYCLONEDX     = go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
IMAGE        ?= berth:latest
VERSION      ?= $(shell git describe --tags --always --dirty)
VENDOR       ?= Berth
SOURCE       ?= $(filter https://%,$(shell git remote get-url origin 2>/dev/null))
BINARY       ?= berth
SBOM         ?= berth.cdx.json
labels        = REVISION=$$(git rev-parse HEAD) COMMITTED=$$(git show -s --format=%cI HEAD) CREATED=$$(date -u +%FT%TZ) SOURCE=$(SOURCE)
bases         = $(and $(GO_IMAGE),GO_IMAGE=$(GO_IMAGE)) $(and $(BASE_IMAGE),BASE_IMAGE=$(BASE_IMAGE))
plain         = ^Test(AgainstARealAPIServer|.*OnAReal(Server|Cluster)|Operations|Deploy|Scripts|WhoeverRunsReadsTheToken|WithoutAnyOneOfItsRightsBerthSaysSo|WhatATenantWritesIsBounded|ANamespaceIs(Linear|ReadInItsOwnSize)|ASettledComponentTakesLittleMemory)$$
whole         = ^Test(Crash(Points|Pairs|Process)|Overlap|Rotation|ShardsTogether|APausedRun|NothingLeaks|EveryWrite|PruneCrash|NamespaceSecret(Crashes|Overlaps)|TheWorstNeighbour|TheOperatorMisbehaves|TheOlderGoes|SettledWorldCosts|TakeOver$$|RandomWorlds)
alone         = /(deploy|reconcile/(component|world|plan|decide(/.*)?|report(/(text|jsonl|page|metrics))?))$$

.PHONY: help demo test crash-pairs mutants kubernetes lint format vulncheck bench bench-large bench-memory bench-naive cover image sbom

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## run against a simulated Quay and cluster
	go run . --demo

test: kubernetes ## run all tests, with the race detector and a real kube-apiserver
	GOGC=400 GORACE=atexit_sleep_ms=100 BERTH_REQUIRE_KUBERNETES=1 go test -race -shuffle=on -count=1 -timeout=40m -skip='$(plain)' $$(go list ./... | grep -vE '$(alone)') ./testdata/mutants
	GOGC=400 BERTH_REQUIRE_KUBERNETES=1 go test -shuffle=on -count=1 -timeout=40m -skip='$(plain)' $$(go list ./... | grep -E '$(alone)') # what does one thing at a time, or starts the program only
	GOGC=400 BERTH_REQUIRE_KUBERNETES=1 go test -vet=off -count=1 -timeout=40m -v -run='$(plain)|$(whole)' ./deploy ./reconcile . # what the race detector saw nothing or a sample of; it prints its findings

crash-pairs: ## kill a run and the one that mends it, in every pair of calls
	BERTH_CRASH_PAIRS=all go test -count=1 -v -timeout=30m -run='^TestCrashPairs$$' ./reconcile

mutants: ## remove one guard at a time and see a test fail
	go run ./testdata/mutants

kubernetes: ## build a Kubernetes control plane for the tests: about ten minutes, once a machine
	go run ./kube/kubetest/controlplane/assets/build

lint: ## check style, import rules and formatting
	$(GOLANGCI_LINT) run ./... ./testdata/demo

format: ## rewrite the sources as lint wants them
	$(GOLANGCI_LINT) fmt

vulncheck: ## look for known vulnerabilities in what is called
	$(GOVULNCHECK) ./...

bench: ## run the benchmarks, and measure whole runs between simulators: a few minutes
	go test -run='^$$' -bench=. -benchtime=5x -benchmem ./quay ./kube ./reconcile/...
	go run ./testdata/bench $(BENCH)

bench-large: ## the same up to 100,000 Components, into docs/performance.md: an hour
	go run ./testdata/bench --sizes 100,1000,10000,100000 --write

bench-memory: ## within cgroups: 30,000 Components in 256 MiB, 100,000 in 512
	go run ./testdata/bench --memory 30000=256,100000=512

bench-naive: ## beside the same work done object by object
	go run ./testdata/bench --sizes 100,1000 --new 0 --latencies 0s --limited 0 --naive

cover: kubernetes ## show how much of each function the tests reach
	BERTH_REQUIRE_KUBERNETES=1 go test -count=1 -timeout=40m -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out

image: ## build the container image (IMAGE, PLATFORM, VERSION, VENDOR, SOURCE; GO_IMAGE and BASE_IMAGE by digest)
	@for builder in docker podman buildah; do \
	  if $$builder info >/dev/null 2>&1; then \
	    exec $$builder build $(if $(PLATFORM),--platform $(PLATFORM)) --build-arg VERSION=$(VERSION) $$(printf -- '--build-arg %s ' $(labels) $(bases)) --build-arg VENDOR='$(VENDOR)' --tag $(IMAGE) .; \
	  fi; done; echo "make image needs docker, podman or buildah, and none works here" >&2; exit 1

sbom: ## list the modules that the program holds, read from it, in CycloneDX (BINARY, SBOM)
	go build -trimpath -o $(BINARY) .
	$(CYCLONEDX) bin -json -std -output $(SBOM) $(BINARY)
