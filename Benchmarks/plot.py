#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Draws what `run.py --json FILE --growth` saved: throughput to C, C++ and Python, and how it grows."""
import argparse
import json
import os

from harness import svg

HERE = os.path.dirname(os.path.abspath(__file__))


def throughput(cases):
    """The panels of bars: each language's throughput from one process to another, and each broker's."""
    def median(name, side):
        return cases[name]["median"][side] if name in cases and not cases[name]["problem"] else None

    direct = {
        "Swift": median("direct", "ours"), "C": median("direct", "theirs"), "C++": median("cpp", "theirs"),
        "Python": median("python", "theirs"), "proton raw": median("direct", "floor")}
    brokers = {
        "Swift": median("broker-c", "ours"), "C": median("broker-c", "theirs"),
        "Python": median("broker-python", "theirs")}
    panels = [("From one process to another, acknowledged", direct), ("Through a broker", brokers)]
    for title, values in panels:
        known = {label: value for label, value in values.items() if value}
        if known:
            yield svg.bars(title, "messages a second, bodies of 100 bytes", known)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", nargs="?", default=HERE + "/results.json", help="default results.json, beside this")
    parser.add_argument("svg", nargs="?", default=HERE + "/results.svg", help="default results.svg")
    options = parser.parse_args()
    with open(options.json) as file:
        saved = json.load(file)
    panels = list(throughput({case["name"]: case for case in saved["cases"]}))
    panels += [svg.lines(one["title"], one["x_label"], one["unit"], one["lines"])
               for one in saved["growth"] if any(one["lines"].values())]
    with open(options.svg, "w") as file:
        file.write(svg.page(panels, saved["conditions"]))


if __name__ == "__main__":
    main()
