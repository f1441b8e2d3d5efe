#!/usr/bin/env bash
# Fuzzes the decoders of the AMQP module with libFuzzer and AddressSanitizer.
#
#   scripts/fuzz.sh [seconds]        one process, 60 seconds by default
#   scripts/fuzz.sh crash-file …     runs the inputs of earlier findings again
#
# The corpus grows in .build/fuzz/corpus from the seeds in Tests/Fuzz/seeds.txt; findings are left in .build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzz=.build/fuzz
mkdir -p "$fuzz/corpus"

# One line of hexadecimal digits is one input; what follows a # is a comment.
number=0
while read -r line; do
    hex=${line%%#*}
    hex=${hex//[[:space:]]/}
    [ -n "$hex" ] || continue
    number=$((number + 1))
    # shellcheck disable=SC2059 # the digits are the format
    printf "$(sed 's/../\\x&/g' <<<"$hex")" >"$fuzz/corpus/seed-$number"
done <Tests/Fuzz/seeds.txt

find Sources/AMQP -name '*.swift' -print0 |
    xargs -0 swiftc -O -parse-as-library -sanitize=fuzzer,address -swift-version 6 -module-name AMQP \
        -package-name fuzz -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility \
        -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature NonisolatedNonsendingByDefault \
        -o "$fuzz/decode" Tests/Fuzz/DecodeFuzzer.swift

if [ -e "${1-}" ]; then
    exec "$fuzz/decode" "$@"
fi
# No single allocation may exceed 32 MB for inputs of at most 4 kB: memory stays a small multiple of what came in.
exec "$fuzz/decode" -max_total_time="${1:-60}" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=32 \
    -dict=Tests/Fuzz/amqp.dict -artifact_prefix="$fuzz/" -print_final_stats=1 "$fuzz/corpus"
