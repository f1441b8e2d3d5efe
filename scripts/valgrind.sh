#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests of the engine and the container under valgrind, which sees inside Debian's proton library.
# Usage: scripts/valgrind.sh [regular expression of the tests to run]
set -euo pipefail
cd "$(dirname "$0")/.."

command -v valgrind > /dev/null || {
    echo "valgrind.sh: valgrind is not installed: apt-get install valgrind" >&2
    exit 2
}
filter=${1:-'ProtonEngineTests|ProtonTests\.'}
# These do the same thing thousands of times: sanitize.sh runs them, and here they would take hours.
skip='tenThousandLinks|many\(count|brokenAtEveryByte|attacksThatBreakOff|attacksByteByByte|oneSlotServesMany'
# And these wait for real time, or measure it, or start programs.
skip="$skip|Blocking|PythonLinkTests|manyConnections|theyWaitAsLong|noDescriptorStaysOpen|heartbeats|AtTheVeryEnd"

swift build --enable-all-traits --build-tests
bundle=$(swift build --show-bin-path)/swift-qpid-protonPackageTests.xctest

# The main thread of a Swift program with tasks ends in a sigsuspend whose mask is read-only memory, to which valgrind
# 3.19 writes, and crashes: hand it a copy.
clang -shared -fPIC -x c -o .build/sigsuspend-copy.so - << 'C'
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return syscall(SYS_rt_sigsuspend, &copy, 8);
}
C

# Swift's runtime works with bits that it has not set, which is its business: addresses and leaks are ours.
export LD_PRELOAD="$PWD/.build/sigsuspend-copy.so"
exec valgrind --quiet --error-exitcode=1 --undef-value-errors=no --num-callers=30 --fair-sched=yes \
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    "$bundle" --testing-library swift-testing --filter "$filter" --skip "$skip"
