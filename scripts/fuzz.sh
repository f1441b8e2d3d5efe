#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes what strangers' bytes reach: see CONTRIBUTING.md.
#
#   scripts/fuzz.sh [minutes]                  everything, a minute in all by default
#   scripts/fuzz.sh TARGET [seconds]           one of: codec frames selectors settings engine broker clients files
#   scripts/fuzz.sh TARGET FILE|SEED           runs a finding again: the file that libFuzzer left, or the seed that was told
#
# libFuzzer and AddressSanitizer run codec, frames, selectors and settings: their corpora grow in .build/fuzz from the seeds
# in Tests/Fuzz, and findings are left beside them. Tests/Fuzz/FrameFuzzer runs the rest, from random seeds: what ends a
# process or lets it grow is a finding, and the last line tells its seed.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_QPID_PROTON_STRICT=1 # as the tests are built, so that neither makes the other compile again

fuzz=.build/fuzz
libfuzzer=(codec frames selectors settings)
rounds=(engine broker clients files)

is_one_of() {
    local wanted=$1 name
    shift
    for name; do [[ $name == "$wanted" ]] && return; done
    return 1
}

# Compiles the fuzzers and what they fuzz as one module, without the imports of its parts.
build_libfuzzer() {
    [[ -n ${built-} ]] && return
    built=1
    rm -rf "$fuzz/sources"
    mkdir -p "$fuzz/sources"
    local file number=0
    while read -rd '' file; do
        number=$((number + 1))
        sed -E 's/^((public|package|internal) )?import (AMQP|Proton[A-Za-z]*)$//' "$file" \
            >"$fuzz/sources/$number-${file##*/}"
    done < <(
        find Sources/AMQP Sources/ProtonBroker/Selectors -name '*.swift' ! -name SourceFilter.swift -print0
        find Sources/ProtonEngine/Frames -name '*.swift' ! -name FrameLayer.swift -print0
        printf '%s\0' Sources/ProtonEngine/{ConnectionLimits,ProtonError}.swift \
            Sources/ProtonUtilities/{JSONComments,JSONFile,JSONValue,UncheckedMutex,Duration+Milliseconds}.swift
    )
    # What selectors say of a peer's text is escaped by the broker's log.
    sed -n '/^extension String {/,$p' Sources/ProtonBroker/Status/LimitLog.swift >"$fuzz/sources/0-String.swift"
    swiftc -O -parse-as-library -sanitize=fuzzer,address -swift-version 6 -module-name AMQP -package-name fuzz \
        -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility \
        -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature NonisolatedNonsendingByDefault \
        -o "$fuzz/fuzzers" "$fuzz"/sources/*.swift Tests/Fuzz/*.swift
}

# The seeds of a target as files: a line of hexadecimal digits is one, or a line of text; what follows a # is a comment.
make_seeds() {
    local line hex number=0
    mkdir -p "$fuzz/$1"
    case $1 in
        codec | frames)
            local seeds=Tests/Fuzz/seeds.txt
            [[ $1 == codec ]] || seeds=Tests/Fuzz/seeds-$1.txt
            while read -r line; do
                hex=${line%%#*}
                hex=${hex//[[:space:]]/}
                [[ -n $hex ]] || continue
                number=$((number + 1))
                # shellcheck disable=SC2059 # the digits are the format
                printf "$(sed 's/../\\x&/g' <<<"$hex")" >"$fuzz/$1/seed-$number"
            done <"$seeds"
            ;;
        *)
            while read -r line; do
                number=$((number + 1))
                printf '%s' "$line" >"$fuzz/$1/seed-$number"
            done <"Tests/Fuzz/seeds-$1.txt"
            ;;
    esac
}

run_libfuzzer() {
    local target=$1 what=${2:-60}
    build_libfuzzer
    export FUZZ_TARGET=$target
    [[ ! -e $what ]] || exec "$fuzz/fuzzers" "$what"
    make_seeds "$target"
    local dictionary=()
    [[ $target == selectors || $target == settings ]] || dictionary=(-dict=Tests/Fuzz/amqp.dict)
    echo "== $target: $what s"
    # No single allocation may exceed 32 MB for inputs of at most 4 kB: memory stays a small multiple of what came in.
    "$fuzz/fuzzers" -max_total_time="$what" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=32 \
        "${dictionary[@]}" -artifact_prefix="$fuzz/$target-" -print_final_stats=1 -verbosity=0 "$fuzz/$target"
}

run_rounds() {
    local target=$1 seconds=${2:-60}
    if [[ -z ${rounds_built-} ]]; then
        if [[ -n ${CI-} ]]; then
            # As it was built for the tests: what is built without them is compiled once more.
            swift build --enable-all-traits --build-tests
        else
            for product in frame_fuzzer broker simple_recv simple_send; do
                swift build --enable-all-traits --product "$product"
            done
        fi
        rounds_built=1
    fi
    local program arguments=(--seconds "$seconds")
    program=$(swift build --show-bin-path)/frame_fuzzer
    # A number above a day is a seed.
    ((seconds <= 86400)) || arguments=(--seed "$seconds" --rounds 1)
    echo "== $target: ${arguments[*]}"
    mkdir -p "$fuzz"
    if ! SWIFT_BACKTRACE=enable=no "$program" "$target" "${arguments[@]}" >"$fuzz/$target.log" 2>&1; then
        tail -n 20 "$fuzz/$target.log"
        echo "fuzz.sh: a finding; run it again with scripts/fuzz.sh $target $(grep -a '^seed ' "$fuzz/$target.log" | tail -n 1 | cut -d' ' -f2)" >&2
        return 1
    fi
    grep -av '^seed ' "$fuzz/$target.log" | tail -n 1
}

run() {
    if is_one_of "$1" "${libfuzzer[@]}"; then run_libfuzzer "$@"; else run_rounds "$@"; fi
}

if is_one_of "${1-}" "${libfuzzer[@]}" "${rounds[@]}"; then
    run "$@"
else
    seconds=$((${1:-1} * 60 / (${#libfuzzer[@]} + ${#rounds[@]})))
    for target in "${libfuzzer[@]}" "${rounds[@]}"; do run "$target" "$seconds"; done
fi
