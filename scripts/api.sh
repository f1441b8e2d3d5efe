#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Compares the public API of every product with that of the last release, the newest tag, or with REVISION.
# Usage: scripts/api.sh [REVISION]
# What a release may break is listed in Documentation/api-breakages.txt, a line each, as this prints it.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! last=${1:-$(git describe --tags --abbrev=0 2>/dev/null)}; then
    echo "api: there is no release yet, and so nothing to compare with"
    exit 0
fi
echo "api: compared with $last"
swift package diagnose-api-breaking-changes "$last" --breakage-allowlist-path Documentation/api-breakages.txt
