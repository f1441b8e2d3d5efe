#!/usr/bin/env bash
# Runs the tests under AddressSanitizer, with LeakSanitizer, and under ThreadSanitizer; a finding fails the run.
# Usage: scripts/sanitize.sh [address] [thread] [-- arguments of swift test, such as --filter ProtonEngineTests]
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizers=()
while [[ $# -gt 0 && $1 != -- ]]; do
    case $1 in
        address | thread) sanitizers+=("$1") ;;
        *)
            echo "sanitize.sh: $1 is neither address nor thread" >&2
            exit 2
            ;;
    esac
    shift
done
shift $(($# > 0 ? 1 : 0))
[[ ${#sanitizers[@]} -gt 0 ]] || sanitizers=(address thread)

export LSAN_OPTIONS="suppressions=$PWD/scripts/leaks.supp:print_suppressions=0${LSAN_OPTIONS:+:$LSAN_OPTIONS}"

run() {
    # All tests are swift-testing's. XCTest's own runner, which would start too, leaks its empty suite.
    # LeakSanitizer cannot look into the program of the skipped one, which gives root's rights up.
    swift test --disable-xctest --sanitize="$1" --scratch-path ".build/$1-sanitizer" \
        --skip whatMayOnlyBeReadIsRefused "${@:2}"
}

for sanitizer in "${sanitizers[@]}"; do
    echo "== $sanitizer sanitizer"
    run "$sanitizer" "$@"
done
