#!/usr/bin/env bash
# Builds everything with warnings as errors, runs every test, then builds and runs a package that depends on this one.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_QPID_PROTON_STRICT=1

swift build --build-tests
swift build --package-path Examples/Integrations
# Those that run programs take the processors from the others, which have peers that wait ten seconds at most.
programs='^(ExampleTests|ProtonBrokerStoreTests)\.'
swift test --skip-build --skip "$programs"
swift test --skip-build --filter "$programs"
scripts/test-dependent.sh
