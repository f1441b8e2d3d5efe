#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the documentation of all modules that users import as one static site, .build/docs, and checks it. What fails it:
# a warning of DocC, a public symbol without a comment or outside of its module's Topics, a link of a Markdown file to a
# file or a heading that is not there.
#
#     scripts/docs.sh                          # then: python3 -m http.server --bind 127.0.0.1 --directory .build/docs
#     scripts/docs.sh --base-path /proton      # for a host that serves the site below /proton
#     scripts/docs.sh --links                  # checks the links of the Markdown files, and builds nothing
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_QPID_PROTON_STRICT=1 # as the tests are built, so that neither makes the other compile again

# The modules that users import, in the order of the site's navigator.
mapfile -t modules < <(sed -n '/documentation_targets:/,$ s/^ *- //p' .spi.yml)
parts=.build/docs-parts # symbol graphs and archives, one of each a module
site=.build/docs
base_path=/

case ${1-} in
    "") ;;
    --links) exec scripts/docs/links.py ;;
    --base-path) base_path=${2:?--base-path wants a path} ;;
    *)
        echo "usage: scripts/docs.sh [--links | --base-path PATH]" >&2
        exit 2
        ;;
esac

scripts/docs/links.py
((${#modules[@]} > 0)) || { echo "docs: .spi.yml lists no documentation_targets" >&2 && exit 1; }

docc=$(command -v docc || true)
if [[ -z $docc ]]; then docc=$(dirname "$(readlink -f "$(command -v swift)")")/docc; fi
if [[ ! -x $docc ]]; then
    echo "docs: no docc found beside swift; it is part of the toolchains of https://www.swift.org/install/linux/" >&2
    exit 1
fi

if [[ -n ${CI-} ]]; then
    # As it was built for the tests: what is built without them is compiled once more.
    swift build --enable-all-traits --build-tests
else
    for module in "${modules[@]}"; do swift build --enable-all-traits --target "$module"; done
fi
build=$(swift build --enable-all-traits --show-bin-path)
rm -rf "$parts"
mkdir -p "$parts"/{symbols,first,archives,landing}

# The C modules that the packages import: those with a map of their own, and those that SwiftPM has made one for.
includes=()
while read -r map; do includes+=(-I "$(dirname "$map")"); done < <(
    find Sources .build/checkouts/*/Sources -maxdepth 3 -name module.modulemap)
while read -r map; do includes+=(-Xcc "-fmodule-map-file=$map"); done < <(
    find "$build/" -maxdepth 2 -path '*.build/module.modulemap')

target=$(swiftc -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["unversionedTriple"])')
for module in "${modules[@]}"; do
    mkdir -p "$parts/symbols/$module"
    swift symbolgraph-extract -module-name "$module" -target "$target" -I "$build/Modules" "${includes[@]}" \
        -minimum-access-level public -skip-synthesized-members -emit-extension-block-symbols \
        -output-dir "$parts/symbols/$module"
done
scripts/docs/comments.py "$parts/symbols"

# convert NAME CATALOG OUTPUT OPTION...: converts a catalog, if there is one, with the symbols of the module of that name.
convert() {
    local name=$1 catalog=$2 output=$3 inputs=()
    shift 3
    [[ -d $catalog ]] && inputs+=("$catalog")
    [[ -d $parts/symbols/$name ]] && inputs+=(--additional-symbol-graph-dir "$parts/symbols/$name")
    "$docc" convert "${inputs[@]}" --output-path "$output/$name.doccarchive" --enable-experimental-external-link-support \
        --fallback-display-name "$name" --fallback-bundle-identifier "$name" --fallback-default-module-kind Module \
        --default-code-listing-language swift \
        --hosting-base-path "$base_path" "$@"
}

# Modules link to one another both ways, and DocC resolves links only to what is converted: the first pass makes what the
# second links to, whose warnings count.
links=()
for module in "${modules[@]}"; do
    convert "$module" "Sources/$module/$module.docc" "$parts/first" --diagnostic-level error >/dev/null
done
failed=()
for module in "${modules[@]}"; do
    links=()
    for other in "${modules[@]}"; do
        [[ $other == "$module" ]] || links+=(--dependency "$parts/first/$other.doccarchive")
    done
    convert "$module" "Sources/$module/$module.docc" "$parts/archives" "${links[@]}" --warnings-as-errors ||
        failed+=("$module")
done
links=()
for module in "${modules[@]}"; do links+=(--dependency "$parts/first/$module.doccarchive"); done
convert Site Documentation/Site.docc "$parts/landing" "${links[@]}" --warnings-as-errors || failed+=(Site)
if ((${#failed[@]} > 0)); then
    echo "docs: DocC has warnings about ${failed[*]}: see above" >&2
    exit 1
fi

rm -rf "$site"
archives=()
for module in "${modules[@]}"; do archives+=("$parts/archives/$module.doccarchive"); done
"$docc" merge "${archives[@]}" --output-path "$site"
scripts/docs/site.py "$site" "$parts/landing/Site.doccarchive" "${modules[@]}"
echo "docs: $site is built; to read it: python3 -m http.server --bind 127.0.0.1 --directory $site"
