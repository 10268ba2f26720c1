# Everything a developer runs. `make` alone lists it.

VENV := .venv
STAMP := $(VENV)/.set-up
# WhisperX, a peer of the benchmarks.
PEERS := .venv-whisperx
PYTEST := $(VENV)/bin/python -m pytest
HELM := $(VENV)/helm/.set-up
PROMETHEUS := $(VENV)/prometheus/.set-up
CONTROL_PLANE := $(VENV)/control-plane/.set-up
KEDA := $(VENV)/keda/.set-up
ISSUING := $(VENV)/issuing/.set-up
NODE := $(VENV)/node/.set-up
ARCHIVES := $(VENV)/images/.set-up
GO ?= $(shell command -v go || echo /usr/local/go/bin/go)

# What builds images (docker, podman, buildah), and what stands before their names.
BUILDER ?= docker
REGISTRY ?=
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# Base images in place of those that the Dockerfiles name, and what the builder is told beside:
# BUILD_FLAGS="--network host --volume /etc/pip.conf:/etc/pip.conf:ro", where pip has a mirror of its own.
PYTHON_IMAGE ?=
TRITON_IMAGE ?=
BUILD_FLAGS ?=
# The format of OCI knows no health checks; docker has its own anyway.
FORMAT = $(if $(findstring docker,$(BUILDER)),,--format docker)
BUILD = $(BUILDER) build $(FORMAT) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
	$(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) $(BUILD_FLAGS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint format protos bench bench-peers bench-accuracy \
	bench-silence bench-frontier bench-batching bench-media

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with the fanscribe command; installs system packages that are missing

# Runs again only when what is to be installed has changed.
$(STAMP): pyproject.toml $(wildcard deploy/setup/*.sh)
	deploy/setup/system-packages.sh
	deploy/setup/virtualenv.sh
	@touch $@

# Out of reach, the chart's tests are skipped, and say so; the others must run all the same.
$(HELM): deploy/setup/chart_tools.py deploy/setup/chart-tools.txt | $(STAMP)
	@$(VENV)/bin/python $< && touch $@ || true

$(PROMETHEUS): deploy/setup/prometheus.sh | $(STAMP)
	@$< && touch $@ || true

demo: setup ## Transcribe three minutes of real speech with a local stack
	$(VENV)/bin/python -m demo

test: setup $(HELM) $(PROMETHEUS) ## Run the tests
	$(PYTEST) -m "not slow and not cluster and not images and not node"

test-all: setup $(HELM) $(PROMETHEUS) ## Run all tests, those that take minutes too
	$(PYTEST) -m "not images and not node"

lint: setup ## Check style, formatting and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy demo
	$(VENV)/bin/mypy -p benchmarks

format: setup ## Format the code, and fix what can be fixed
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

.PHONY: chart-check cluster-test keda-test node-test images image-test
chart-check: setup $(HELM) $(PROMETHEUS) ## Check the Helm chart alone
	$(PYTEST) tests/chart

CONTROL_PLANE_PROGRAMS := go.etcd.io/etcd/server/v3 $(addprefix k8s.io/kubernetes/cmd/,kube-apiserver kube-controller-manager)
NODE_PROGRAMS := $(addprefix k8s.io/kubernetes/cmd/,kubelet kube-proxy kube-scheduler)

# kube-apiserver, kube-controller-manager, etcd and the definitions of custom resources, from the Go module
# proxy: ten minutes on two cores. Without Go or the proxy their tests are skipped, and say so.
$(CONTROL_PLANE): $(wildcard tests/cluster/programs/*)
	cd tests/cluster/programs && CGO_ENABLED=0 nice $(GO) build -p=2 -buildvcs=false -trimpath \
		-ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$$($(GO) list -m -f '{{.Version}}' k8s.io/kubernetes)" \
		-o $(CURDIR)/$(dir $@) $(CONTROL_PLANE_PROGRAMS) && GO=$(GO) ./definitions.sh $(CURDIR)/$(dir $@)definitions && cd $(CURDIR)/$(dir $@) && mv server etcd && touch $(notdir $@) || \
		echo "no API server: it takes Go, and the Go module proxy" >&2

# Those of cert-manager's controllers that make certificates of a CA.
$(ISSUING): $(wildcard tests/cluster/issuing/*)
	cd tests/cluster/issuing && CGO_ENABLED=0 nice $(GO) build -p=2 -buildvcs=false -trimpath \
		-ldflags="-s -w" -o $(CURDIR)/$(dir $@) . && touch $(CURDIR)/$@ || \
		echo "no cert-manager: it takes Go, and the Go module proxy" >&2

cluster-test: setup $(HELM) $(PROMETHEUS) $(CONTROL_PLANE) $(ISSUING) ## Check chart, discovery and certificates on a real API server; needs Go
	$(PYTEST) tests/cluster

# A quarter of an hour on two cores, so it is asked for by name.
$(KEDA): tests/cluster/keda.sh
	mkdir -p $(dir $@) && GO=$(GO) $< $(dir $@) && touch $@

keda-test: setup $(HELM) $(PROMETHEUS) $(CONTROL_PLANE) $(KEDA) ## Check how KEDA itself scales a release; builds KEDA, needs Go
	$(PYTEST) tests/cluster/test_keda.py --log-cli-level=info

images: ## Build the container images (BUILDER=podman, REGISTRY=example.com/speech/)
	$(BUILD) -t $(REGISTRY)fanscribe-orchestrator:$(VERSION) --build-arg SERVICE=orchestrator -f deploy/docker/service.Dockerfile .
	$(BUILD) -t $(REGISTRY)fanscribe-splitter:$(VERSION) --build-arg SERVICE=splitter -f deploy/docker/service.Dockerfile .
	$(BUILD) -t $(REGISTRY)fanscribe-inference-cpu:$(VERSION) -f deploy/docker/inference-cpu.Dockerfile .
	$(BUILD) -t $(REGISTRY)fanscribe-inference-gpu:$(VERSION) $(if $(TRITON_IMAGE),--build-arg TRITON_IMAGE=$(TRITON_IMAGE)) -f deploy/docker/inference-gpu.Dockerfile .

# The other programs of a node, the same way.
$(NODE): $(wildcard tests/cluster/programs/* tests/node/programs/go.* tests/node/programs/*/*.go)
	cd tests/cluster/programs && CGO_ENABLED=0 nice $(GO) build -p=2 -buildvcs=false -trimpath \
		-ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$$($(GO) list -m -f '{{.Version}}' k8s.io/kubernetes)" \
		-o $(CURDIR)/$(dir $@) $(NODE_PROGRAMS)
	cd tests/node/programs && CGO_ENABLED=0 nice $(GO) build -p=2 -buildvcs=false -trimpath \
		-ldflags="-s -w" -o $(CURDIR)/$(dir $@) ./dns ./pause
	@touch $@

# What the images are made of; containerd loads archives.
$(ARCHIVES): export PYTHON_IMAGE := $(PYTHON_IMAGE)
$(ARCHIVES): export BUILD_FLAGS := $(BUILD_FLAGS)
$(ARCHIVES): pyproject.toml $(shell git ls-files protos libs services deploy/docker)
	deploy/setup/containers.sh
	$(VENV)/bin/python -m tests.node.images $(dir $@)
	@touch $@

node-test: setup $(HELM) $(CONTROL_PLANE) $(NODE) $(ARCHIVES) ## Run the chart on a Kubernetes node, as root; builds node and images, needs Go
	deploy/setup/node.sh
	tests/node/inside.sh $(PYTEST) tests/node

image-test: export PYTHON_IMAGE := $(PYTHON_IMAGE)
image-test: export BUILD_FLAGS := $(BUILD_FLAGS)
image-test: setup ## Build the images and run them, as root with podman; needs no registry
	deploy/setup/containers.sh || true
	$(PYTEST) tests/images

protos: setup ## Generate the Python modules of protos/ anew
	$(VENV)/bin/python protos/generate.py

bench: setup bench-peers ## Measure speed end to end, beside faster-whisper and WhisperX
	$(VENV)/bin/python -m benchmarks.end_to_end

bench-peers: $(PEERS)/.set-up ## Install WhisperX, 8 GB, in an environment of its own

$(PEERS)/.set-up: benchmarks/peers.txt
	python=$$(deploy/setup/pick-python.sh) && "$$python" -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --disable-pip-version-check --quiet --requirement $<
	@touch $@

bench-accuracy: setup bench-peers ## Measure words, languages, times and seams
	$(VENV)/bin/python -m benchmarks.accuracy

bench-silence: setup ## Look for text where nobody speaks; needs sox
	$(VENV)/bin/python -m benchmarks.silence

bench-frontier: setup ## Measure what windows cost and get wrong, by how they are cut
	$(VENV)/bin/python -m benchmarks.frontier

bench-batching: setup ## Measure how jobs share batches
	$(VENV)/bin/python -m benchmarks.batching

.PHONY: simulate
simulate: setup ## Simulate scaling, and draw the plots of docs/scaling.md
	$(VENV)/bin/python -m benchmarks.simulation

bench-media: setup ## Measure how recordings of every format are read
	$(VENV)/bin/python -m benchmarks.media_overhead
	$(VENV)/bin/python -m benchmarks.media
