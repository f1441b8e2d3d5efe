# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

# The commands of the project; `make` alone lists them. Longer than three lines is a script in scripts/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test interop debian13 lint format bench bench-check bench-plot docs fuzz memory api sanitize setup FORCE

FORMATTED := $(wildcard Sources Tests Examples Benchmarks Package.swift)
SOURCES := $(shell find Sources $(wildcard Examples) -name .build -prune -o \
    \( -name '*.swift' -o -name '*.h' -o -name '*.modulemap' \) -print)
DEMO := .build/debug/demo

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .build/demo.stamp ## Build, start the broker in process, send a message through it: Hello World!
	@$(DEMO)

# SwiftPM takes seconds to find that there is nothing to do; make takes none.
.build/demo.stamp: Makefile Package.swift $(SOURCES) $(if $(wildcard $(DEMO)),,FORCE)
	@scripts/setup.sh demo
	swift build --product demo
	@touch $@

test: ## Run every test, those against Debian's Python binding and as a dependency of another package too
	@scripts/setup.sh test
	scripts/test.sh

interop: ## Try every feature on RabbitMQ, on proton's brokers, and with other clients, and print the tables
	@scripts/setup.sh interop
	scripts/interop.sh

debian13: ## Build the package and run every test in a Debian 13 of its own, in .build (as root)
	@scripts/setup.sh debian13
	scripts/debian13.sh test

lint: ## Check licence lines, lengths of files and format, and that nothing compiles with a warning
	@scripts/setup.sh build
	scripts/lint.sh

format: ## Format all Swift files in place
	swift format --in-place --parallel --recursive $(FORMATTED)

bench: ## Measure against the C, C++ and Python programs of proton and print one table (some twenty minutes)
	@scripts/setup.sh bench
	Benchmarks/run.py

bench-plot: ## The same, and how rates grow; writes table and plot of Benchmarks/README.md anew (some forty minutes)
	@scripts/setup.sh bench
	Benchmarks/run.py --markdown Benchmarks/README.md --json Benchmarks/results.json --growth
	Benchmarks/plot.py

bench-check: ## Count instructions and allocations a message; fail where they have grown (half a minute, once built)
	@scripts/setup.sh bench-check
	Benchmarks/check.py

docs: ## Build the documentation of all modules into .build/docs, a static site, and check it
	@scripts/setup.sh docs
	scripts/docs.sh

fuzz: ## Fuzz what strangers' bytes reach, for MINUTES=1 in all
	@scripts/setup.sh build
	scripts/fuzz.sh $(MINUTES)

memory: ## The short forms of the next two: a minute of fuzzing, and the engine's tests under AddressSanitizer
	@scripts/setup.sh sanitize
	scripts/fuzz.sh 1
	SWIFT_QPID_PROTON_TESTS=ProtonEngineTests scripts/sanitize.sh address

api: ## Compare the public API with that of the last release
	@scripts/setup.sh build
	scripts/api.sh

sanitize: ## Run every test under AddressSanitizer and ThreadSanitizer, and the engine's under valgrind (an hour or more)
	@scripts/setup.sh sanitize
	scripts/sanitize.sh
	scripts/valgrind.sh

setup: ## Install what building, testing and measuring need (Debian packages, by apt)
	@scripts/setup.sh demo test bench interop

FORCE:
