#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the packages that depend on this one by path, as a user's would, and runs one: no warning of the compiler or of
# SwiftPM may come of it. Their build directories stay in .build, so that a second run is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
unset SWIFT_QPID_PROTON_STRICT # as at a user's

# build PACKAGE NAME [CONFIGURATION]: builds it into .build/NAME.
build() {
    local log=.build/$2.log
    mkdir -p .build
    # The plan of the build: SwiftPM keeps an old one, and fails, when a source file of a path dependency is gone.
    local configuration=${3:-debug}
    rm -f ".build/$2/$configuration.yaml"
    swift build -c "$configuration" --package-path "$1" --scratch-path ".build/$2" 2>&1 | tee "$log"
    if grep -n 'warning:' "$log"; then
        echo "test-dependent: $1, which depends on this package by path, builds with the warnings above" >&2
        exit 1
    fi
}

build Tests/DependentPackage dependent
output=$(timeout 30 .build/dependent/debug/dependent)
if [[ $output != "Hello World!" ]]; then
    echo "test-dependent: expected Hello World!, got: $output" >&2
    exit 1
fi
if [[ -e .build/dependent/checkouts/GRDB.swift ]]; then
    echo "test-dependent: GRDB was fetched for Tests/DependentPackage, which says traits: []" >&2
    exit 1
fi
# As they are measured, so that they need not be built a second time for that.
build Benchmarks benchmarks release
