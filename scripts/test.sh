#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds everything with warnings as errors, runs every test, then builds and runs a package that depends on this one.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_QPID_PROTON_STRICT=1

swift build --enable-all-traits --build-tests
swift build --package-path Examples/Integrations
# Tests of one run begin all at once, and peers wait ten seconds at most: each group has the processors to itself.
groups=('^ProtonTests\.' '^ProtonBrokerTests\.' '^AMQPToolTests\.' '^(ExampleTests|ProtonBrokerStoreTests)\.')
# By the bundle itself: `swift test` would keep other commands from the build folder meanwhile.
run() { .build/debug/swift-qpid-protonPackageTests.xctest --testing-library swift-testing "$@"; }
run $(printf ' --skip %s' '^InteropTests\.' "${groups[@]}")
for group in "${groups[@]}"; do run --filter "$group"; done
scripts/test-dependent.sh
