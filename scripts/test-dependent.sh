#!/usr/bin/env bash
# Builds and runs Tests/DependentPackage, which depends on this package by path as a user's would: no warning of the
# compiler or of SwiftPM may come of it. Its build directory stays in .build, so that a second run is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
options=(--package-path Tests/DependentPackage --scratch-path .build/dependent)
log=.build/dependent.log
unset SWIFT_QPID_PROTON_STRICT # as at a user's

mkdir -p .build
swift build "${options[@]}" 2>&1 | tee "$log"
if grep -n 'warning:' "$log"; then
    echo "test-dependent: a package that depends on this one by path builds with the warnings above" >&2
    exit 1
fi
output=$(timeout 30 "$(swift build "${options[@]}" --show-bin-path)/dependent")
if [[ $output != "Hello World!" ]]; then
    echo "test-dependent: expected Hello World!, got: $output" >&2
    exit 1
fi
