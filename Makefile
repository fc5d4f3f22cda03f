# Two commands matter: `make run` and `make test`. `make` alone lists the rest.
#
# One profile, release, for everything: nothing is compiled twice. CARGO_TARGET_DIR is honoured.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
# What scripts/setup has just brought is found without a new shell, and before what the distribution has: Node.js is there
# only if the one here is too old.
export PATH := $(abspath $(TARGET))/tools/node_modules/node/bin:$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

ROOST := $(TARGET)/release/roost
CARGO := cargo
# Arguments for `roost serve`: make run ARGS="--listen 127.0.0.1:9000"
ARGS ?=

# Targets that call cargo would only wait for one another.
.NOTPARALLEL:
.PHONY: help run build guests test lint soak autobahn bench deny clean setup-build setup-test

help: ## list what can be made
	@printf 'Roost: a server whose rooms are programmable.\n\n'
	@awk -F ':[^#]*## ' '/^[a-z-]+:[^#]*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nRead README.md for a tour, ARCHITECTURE.md for how it is built.\n'

run: build ## build it and serve on 127.0.0.1:8080, state in data/state (ARGS="..." for roost serve)
	exec $(ROOST) serve $(ARGS)

# With --workspace, so that every crate has the features it has in the other targets and is not compiled anew.
build: setup-build ## the server, as $CARGO_TARGET_DIR/release/roost (or target/release/roost), and roost-load beside it
	$(CARGO) build --release --locked --workspace --bin roost --bin roost-load

guests: setup-build ## the sample rules, built and componentised into <target>/guests
	$(CARGO) run --release --locked --quiet -p xtask -- guests

# The binaries that the tests start are built with them: cargo builds a package's binaries for its integration tests.
test: setup-test lint ## everything a change has to pass: format, clippy, documentation, all tests
	$(CARGO) test --release --locked --workspace

# Cheap first: a formatting mistake should not take ten minutes to be heard of.
lint: setup-test ## format, clippy and documentation only
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --locked --workspace --no-deps --quiet

soak: setup-test autobahn ## the long things: tests that read ROOST_SOAK, and Autobahn when $PYTHON2 names a Python 2.7
	ROOST_SOAK=1 $(CARGO) test --release --locked --workspace -- --nocapture soak

autobahn:
	@scripts/autobahn

bench: build ## criterion benches; for load, <target>/release/roost-load play --help
	$(CARGO) bench --locked --workspace --benches

deny: ## licences, duplicate versions and sources, with cargo-deny if it is there
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check; \
	else echo 'cargo-deny is not installed: cargo install --locked cargo-deny'; fi

clean: ## forget everything that was built (data/state stays)
	$(CARGO) clean

setup-build:
	@scripts/setup build

setup-test:
	@scripts/setup test
