#!/usr/bin/env bash
# Builds everything with warnings as errors, runs every test, then builds and runs a package that depends on this one.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_QPID_PROTON_STRICT=1

swift build --build-tests
swift build --package-path Examples/Integrations
swift test --skip-build
scripts/test-dependent.sh
