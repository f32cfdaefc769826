# Berth. `make` alone says what can be made.

SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The compiler, found by asking: `swift` on PATH may be OpenStack's object-store client.
SWIFT ?= $(shell Scripts/find-swift)
JOBS ?= 2
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := $(shell sed -n 's/^public let berthVersion = "\(.*\)"/\1/p' Sources/Model/Version.swift)

SOURCES := Package.swift Sources Plugins Tests Benchmarks Examples

.PHONY: help
help: ## print this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

.PHONY: deps
deps: ## install what is missing from debian-packages.txt
	@Scripts/install-packages

.PHONY: build
build: deps ## a release build: berth and its plugins in .build/release
	$(SWIFT) build -c release -j $(JOBS)

.PHONY: run
run: build ## build, start a host in the background, and bring up two real machines
	Scripts/demo

.PHONY: stop
stop: ## destroy the machines that `make run` brought up, and end its host
	Scripts/demo stop

.PHONY: test
test: deps ## build and run every test; prints the slowest at the end
	SWIFT="$(SWIFT)" JOBS=$(JOBS) Scripts/test

.PHONY: check
check: deps ## format lint, warnings as errors, architecture test
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)
	$(SWIFT) build -j $(JOBS) --build-tests
	$(SWIFT) test --skip-build --disable-xctest --filter ArchitectureTests

.PHONY: bench
bench: build ## measure against the raw libraries (docs/performance.md)
	.build/release/berth-bench

.PHONY: fmt
fmt: ## format the sources in place
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

.PHONY: install
install: build ## install below PREFIX (default /usr/local): berth, plugins, header, pkg-config file, units, docs
	DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" VERSION="$(VERSION)" Scripts/install

.PHONY: clean
clean: ## remove what was built
	rm -rf .build
