#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests under AddressSanitizer, with LeakSanitizer, and under ThreadSanitizer; a finding fails the run.
# Usage: scripts/sanitize.sh [address] [thread] [-- arguments of swift test, such as --filter ProtonEngineTests]
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/scripts/sanitizers

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

# Copies the package to a folder, with mutexes that ThreadSanitizer sees: it would take all that Swift's own ones guard for
# unguarded.
copy_for_thread_sanitizer() {
    rm -rf "$1/Sources" "$1/Tests" "$1/Examples"
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp -d --parents -t "$1"
    local file
    grep -rlZE '(^|[^A-Za-z])Mutex[(<]' "$1/Sources" "$1/Tests" --include='*.swift' | while read -rd '' file; do
        # Tests of programs know nothing of this package's modules.
        [[ $file == "$1"/Sources/* ]] || grep -q 'import Proton' "$file" || continue
        sed -Ei 's/(^|[^A-Za-z])Mutex([(<])/\1PosixMutex\2/g; s/^(package|public) import Synchronization$//' "$file"
        [[ $file == */ProtonUtilities/* ]] || grep -q 'import ProtonUtilities$' "$file" || sed -i '1i import ProtonUtilities' "$file"
    done
    # What is inlined elsewhere may use public things only.
    sed -Ei 's/@usableFromInline |@inlinable //' "$1/Sources/ProtonUtilities/UncheckedMutex.swift"
    cp "$here/PosixMutex.swift" "$1/Sources/ProtonUtilities/"
}

run() {
    local sanitizer=$1 scratch=$PWD/.build/$1-sanitizer
    shift
    if [[ $sanitizer == thread ]]; then
        copy_for_thread_sanitizer .build/thread-sanitizer-copy
        cd .build/thread-sanitizer-copy
    fi
    # All tests are swift-testing's. XCTest's own runner, which would start too, leaks its empty suite.
    # LeakSanitizer cannot look into the program of the skipped one, which gives root's rights up.
    LSAN_OPTIONS="suppressions=$here/leaks.supp:print_suppressions=0" \
        swift test --enable-all-traits --disable-xctest --sanitize="$sanitizer" --scratch-path "$scratch" \
        --skip whatMayOnlyBeReadIsRefused "$@"
}

for sanitizer in "${sanitizers[@]}"; do
    echo "== $sanitizer sanitizer"
    (run "$sanitizer" "$@")
done
