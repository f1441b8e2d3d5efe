#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
"""Finishes the merged site: site.py SITE LANDING-ARCHIVE MODULE...

The landing page of Documentation/Site.docc takes the place of the one that `docc merge` makes, the navigator lists the
modules in their given order, and the site's root leads to the landing page. A module whose page leaves a symbol to one
of DocC's own groups is an error: its Topics lack it. So is one whose Topics have a page of another module, which then
has no navigator of its own: a link like that belongs under See Also.
"""

import json
import pathlib
import sys


def change(path, edit):
    """Reads a JSON file, edits it and writes it back."""
    value = json.loads(path.read_text())
    edit(value)
    path.write_text(json.dumps(value))


def ungrouped(page):
    """What a module's page lists in groups that DocC has made."""
    for section in page.get("topicSections", []):
        if section.get("generated"):
            for identifier in section["identifiers"]:
                yield page["references"][identifier]["title"]


def foreign(module, nodes):
    """The pages of other modules in a module's part of the navigator."""
    for node in nodes:
        path = node.get("path", "")
        if path and not f"{path}/".startswith(f"/documentation/{module.lower()}/"):
            yield path
        yield from foreign(module, node.get("children", []))


def problems(site, modules):
    """What is wrong with the modules' Topics."""
    (root,) = json.loads((site / "index/index.json").read_text())["interfaceLanguages"]["swift"]
    for node in root["children"]:
        for path in foreign(node["title"], node["children"]):
            yield f"the Topics of {node['title']} have {path}, which is of another module"
    for module in modules:
        page = json.loads((site / f"data/documentation/{module.lower()}.json").read_text())
        for title in ungrouped(page):
            yield f"the Topics of Sources/{module}/{module}.docc/{module}.md lack {title}"


def main(site, landing, modules):
    if wrong := list(problems(site, modules)):
        print(*(f"docs: {problem}" for problem in wrong), sep="\n", file=sys.stderr)
        return 1

    (source,) = (landing / "data/documentation").glob("*.json")
    page = json.loads(source.read_text())
    page["hierarchy"] = {"paths": [[]]}
    page["metadata"]["roleHeading"] = "Package"
    (site / "data/documentation.json").write_text(json.dumps(page))

    def order(index):
        (root,) = index["interfaceLanguages"]["swift"]
        root["title"] = page["metadata"]["title"]
        root["children"].sort(key=lambda child: modules.index(child["title"]))

    change(site / "index/index.json", order)
    (site / "index.html").write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>swift-qpid-proton</title>'
        '<meta http-equiv="refresh" content="0; url=documentation/"></head>'
        '<body><a href="documentation/">swift-qpid-proton</a></body></html>\n')
    return 0


sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]))
