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
groups=('^ProtonTests\.' '^ProtonBrokerTests\.' '^(ExampleTests|ProtonBrokerStoreTests)\.')
swift test --enable-all-traits --skip-build $(printf ' --skip %s' "${groups[@]}")
for group in "${groups[@]}"; do swift test --enable-all-traits --skip-build --filter "$group"; done
scripts/test-dependent.sh
