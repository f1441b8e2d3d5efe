#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
"""Checks the links of all Markdown files of the repository, without a network.

A link to a file needs the file, one to a heading needs the heading, and a web address has to be a well-formed one. Links
by name, such as <doc:Name> and ``Symbol``, are DocC's to check.
"""

import pathlib
import re
import subprocess
import sys
import urllib.parse

# A block of code, and code in a line: what is in them is no link.
CODE = re.compile(r"^(```|~~~).*?^\1\s*$|^(?: {4}|\t)[^\n]*$|(`+)(?!`).*?(?<!`)\2(?!`)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]*(?:\([^()\s]*\)[^()\s>]*)*)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
BARE = re.compile(r"<(https?:[^>\n]*)>|(?<![\w(<\"])(https?://[^\s)>\]]+)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)


def blank(match):
    """Spaces in place of code, so that lines keep their numbers."""
    return re.sub(r"[^\n]", " ", match.group())


def anchors(text):
    """The anchors of a text's headings, by the rule of GitHub."""
    found = {}
    for title in HEADING.findall(re.sub(r"^(```|~~~).*?^\1\s*$", blank, text, flags=re.MULTILINE | re.DOTALL)):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        anchor = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        count = found.get(anchor, -1) + 1
        found[anchor] = count
        yield anchor if count == 0 else f"{anchor}-{count}"


def is_image(path, name):
    """Whether this is an image of the DocC catalog that the file is in: those are named without their folder."""
    catalogs = [folder for folder in path.parents if folder.suffix == ".docc"]
    return any(found.name == name for catalog in catalogs for found in catalog.rglob("*.*"))


def problem(path, target):
    """What is wrong with a link from the file at this path, or None."""
    try:
        url = urllib.parse.urlsplit(target)
        url.port
    except ValueError as error:
        return str(error)
    if url.scheme in ("http", "https"):
        well_formed = re.fullmatch(r"[A-Za-z0-9.-]+", url.hostname or "") and re.fullmatch(r"[!-~]+", target)
        return None if well_formed else "is no well-formed address"
    if url.scheme in ("doc", "mailto"):
        return None
    if url.scheme:
        return f"has a scheme that no reader can follow: {url.scheme}"
    file = path if not url.path else path.parent / urllib.parse.unquote(url.path)
    if not file.exists() and not is_image(path, url.path):
        return "is not there"
    if url.fragment and file.suffix == ".md" and url.fragment.lower() not in anchors(file.read_text()):
        return f"has no heading #{url.fragment}"
    return None


def main():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    files = [pathlib.Path(name) for name in subprocess.check_output(command, text=True).split("\0") if name]
    count, problems = 0, []
    for path in files:
        if not path.exists():
            continue
        text = CODE.sub(blank, path.read_text())
        found = [(match.start(), match.group(1)) for pattern in (LINK, DEFINITION) for match in pattern.finditer(text)]
        found += [(match.start(), match.group(1) or match.group(2).rstrip(".,;:")) for match in BARE.finditer(text)]
        count += len(found)
        for position, target in found:
            if said := problem(path, target):
                problems.append(f"{path}:{text.count(chr(10), 0, position) + 1}: {target} {said}")
    if problems:
        print(*sorted(problems), f"docs: {len(problems)} links are wrong", sep="\n", file=sys.stderr)
        return 1
    print(f"docs: the {count} links of {len(files)} Markdown files are right")
    return 0


sys.exit(main())
