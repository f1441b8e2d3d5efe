#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
"""Lists the public symbols that have no comment, and fails where there are any: comments.py FOLDER-OF-SYMBOL-GRAPHS.

A comment that is inherited, such as that of a protocol's requirement, is one. Extensions need none, nor does what the
compiler makes, which is in no file.
"""

import json
import pathlib
import sys


def undocumented(graph):
    for symbol in graph["symbols"]:
        written = "location" in symbol and symbol["kind"]["identifier"] != "swift.extension"
        if written and not symbol.get("docComment"):
            yield symbol


def main(folder):
    total, missing = 0, []
    for path in sorted(pathlib.Path(folder).glob("*/*.symbols.json")):
        graph = json.loads(path.read_text())
        total += len(graph["symbols"])
        for symbol in undocumented(graph):
            location = symbol["location"]
            line = location["position"]["line"] + 1
            missing.append(f"{location['uri'].removeprefix('file://')}:{line}: {'.'.join(symbol['pathComponents'])}")
    if missing:
        print(*sorted(missing), f"docs: these {len(missing)} public symbols have no comment", sep="\n", file=sys.stderr)
        return 1
    print(f"docs: all {total} public symbols have a comment")
    return 0


sys.exit(main(sys.argv[1]))
