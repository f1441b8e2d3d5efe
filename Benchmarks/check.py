#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Counts instructions and allocations a message of a fixed set, and fails where one has grown over its threshold.

The thresholds are in thresholds.json, for each kind of processor; --update writes what is counted now. The numbers do not
depend on what else the machine does, and hardly on the machine; another compiler or C library may move them.
"""
import argparse
import json
import os
import platform
import subprocess
import sys

from harness import counting, programs
from harness.counting import ALLOCATIONS, INSTRUCTIONS
from harness.processes import Failure, Skipped

THRESHOLDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "thresholds.json")
MOST_GROWTH = 0.02
LEAST_FALL = 0.05  # from which on a threshold is to be lowered
NOISE = {"instructions": 0, "allocations": 0.03}  # what a count may differ by between two runs, beside the growth


def coded(*options):
    return lambda: counting.alone(INSTRUCTIONS, programs.SWIFT_CODEC, *options)


def views():
    if not programs.codec_has("views"):
        raise Skipped("the codec program has no -r views")
    return coded("-r", "views")()


def peer(role, mode, *own, counter=INSTRUCTIONS):
    return lambda: counting.peer(counter, programs.SWIFT, role, *own, options=("-m", mode))


def broker(counter, window):
    return lambda: counting.broker(counter, programs.inner_broker, window=window)


# What is counted: a name, its unit, and how.
SET = [
    ("codec, id and body", "instructions", coded("-r", "id")),
    ("codec, all", "instructions", coded("-r", "all")),
    ("codec, views", "instructions", views),
    ("one property changed", "instructions", coded("-d", "change")),
    ("decoded, changed, encoded", "instructions", coded("-d", "transit")),
    ("sender", "instructions", peer("send", "msg")),
    ("receiver", "instructions", peer("recv", "msg")),
    ("sender, with properties", "instructions", peer("send", "msgp")),
    ("receiver, with properties", "instructions", peer("recv", "msgp")),
    ("broker", "instructions", broker(INSTRUCTIONS, 1000)),
    ("message sent, with properties", "allocations", peer("send", "msgp", counter=ALLOCATIONS)),
    ("message received, body not read", "allocations", peer("recv", "msgp", "-r", "head", counter=ALLOCATIONS)),
    ("message through the broker", "allocations", broker(ALLOCATIONS, 100)),
]


def versions():
    """What the numbers depend on beside the code."""
    swift = subprocess.run(["swift", "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True).stdout.partition("Swift version ")[2].split()
    return {"swift": swift[0] if swift else "unknown", "libc": os.confstr("CS_GNU_LIBC_VERSION")}


def count():
    """What each of the set counts, by name; None where there is nothing to count yet."""
    counted = {}
    for name, unit, measure in SET:
        try:
            counted[name] = round(measure(), None if unit == "instructions" else 2)
        except Skipped:
            counted[name] = None
    return counted


def judge(value, threshold, noise):
    """The change to the threshold as text, and what is to be said of it; only "grown" is a failure."""
    if value is None:
        return "", "not there" if threshold is None else "gone"
    if threshold is None:
        return "", "no threshold"
    change = value / threshold - 1 if threshold else 0.0
    text = "%+.1f %%" % (100 * change)
    if value > threshold * (1 + MOST_GROWTH) + noise:
        return text, "grown"
    if value < threshold * (1 - LEAST_FALL) - noise:
        return text, "lower the threshold"
    return text, ""


def table(counted, thresholds):
    rows = [["what", "unit", "measured", "threshold", "change", ""]]
    for name, unit, _ in SET:
        value, threshold = counted[name], thresholds.get(name)
        rows.append([name, unit] + [written(n, unit) for n in (value, threshold)] + list(
            judge(value, threshold, NOISE[unit])))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [[cell.rjust(w) if i in (2, 3, 4) else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths))]
             for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines), [row[-1] for row in rows[1:]]


def written(value, unit):
    return "-" if value is None else format(value, ",.0f" if unit == "instructions" else ".2f")


def read():
    try:
        with open(THRESHOLDS) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def update(counted):
    known = read()
    known[platform.machine()] = {"versions": versions(), "a message": {
        name: value for name, value in counted.items() if value is not None}}
    with open(THRESHOLDS, "w") as file:
        json.dump(known, file, indent=2)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write what is counted as the new thresholds")
    parser.add_argument("--no-build", action="store_true", help="count what was built before")
    options = parser.parse_args()
    try:
        if not options.no_build:
            programs.build(swift=True, brokers=False, others=False)
        counted = count()
    except Failure as failure:
        sys.exit("bench-check: %s" % failure)
    known = read().get(platform.machine())
    text, remarks = table(counted, known["a message"] if known else {})
    print(text)
    if options.update:
        return update(counted)
    if not known:
        return print("bench-check: no thresholds for %s: nothing is checked" % platform.machine(), file=sys.stderr)
    if known["versions"] != versions():
        print("bench-check: the thresholds are of %s, this is %s" % (known["versions"], versions()), file=sys.stderr)
    if "grown" in remarks or "gone" in remarks:
        sys.exit("bench-check: what has grown by more than %g %% has to shrink, or --update and say why" % (
            100 * MOST_GROWTH))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
