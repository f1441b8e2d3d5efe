#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Checks what needs no test: licence lines, lengths of files, format, and that everything compiles without a warning.
set -euo pipefail
cd "$(dirname "$0")/.."

# fail MESSAGE FILES: where there are such files.
failed=
fail() {
    [[ -z $2 ]] && return
    printf 'lint: %s:\n%s\n' "$1" "$2" >&2
    failed=1
}

# Of a work tree that is no clone, the files that a clone would have.
list() {
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
        [[ -f $file ]] && echo "$file"
    done
}

fail "these files lack the two lines that say whose they are, and under which licence; copy them from any other file" \
    "$(list '*.swift' '*.c' '*.h' '*.cpp' '*.go' '*.py' '*.sh' '*.modulemap' Makefile .ci .github/workflows |
        xargs -r grep -L 'SPDX-License-Identifier: Apache-2.0' || true)"
fail "these files have more than 400 lines: has each one subject?" \
    "$(list '*.swift' | xargs -r wc -l | awk '$1 > 400 && $2 != "total" { print $2 ": " $1 " lines" }')"
[[ -z $failed ]] || exit 1

swift format lint --strict --parallel --recursive Sources Tests Examples Benchmarks Package.swift
SWIFT_QPID_PROTON_STRICT=1 swift build --enable-all-traits --build-tests
