#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Measures this package against the C, C++ and Python programs of proton, in interleaved rounds, and prints one table.

Every number is the median of its rounds; a ratio is that of two medians, "of the rounds" the least and the greatest of
the single rounds, "by CPU time" the ratio of messages a second of processor time, "floor" what proton does with bytes that
nobody encodes or decodes. Instructions a message are those of both sides, ours to theirs. `--ours c` puts the C programs
on both sides: what then differs from 1 is the noise of the machine.
"""
import argparse
import json
import signal
import sys

from harness import growth, programs
from harness.cases import Table
from harness.processes import Failure
from harness.table import conditions, markdown, plain, replace_table


def progress(text):
    if sys.stderr.isatty():
        print("\r%-40s\r%s" % ("", text), end="", file=sys.stderr, flush=True)


def parse(names):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="of " + ", ".join(names))
    parser.add_argument("--ours", choices=["swift", "c"], default="swift", help="what is measured (default swift)")
    parser.add_argument("--scale", type=float, default=1.0, help="shorter or longer runs: 0.1 is a quick look")
    parser.add_argument("--no-counts", action="store_true", help="leave the column of instructions out, which takes minutes")
    parser.add_argument("--markdown", metavar="FILE", help="replace the table in this file too")
    parser.add_argument("--json", metavar="FILE", help="save the numbers too, for plot.py")
    parser.add_argument("--growth", action="store_true",
                        help="with --json: how the rates grow with body size, links, connections and waiting messages")
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    options = parser.parse_args()
    if options.growth and not (options.json and options.ours == "swift"):
        parser.error("--growth is saved by --json, and is of Swift")
    if options.rounds < 1 or not 0 < options.scale <= 100:
        parser.error("at least one round, and a scale above 0")
    return options


def measure(cases, series, rounds):
    for number in range(rounds):
        for case in cases:
            progress("round %d of %d: %s" % (number + 1, rounds, case.name))
            case.run(number)
        for one in series:
            progress("round %d of %d: growth with %s" % (number + 1, rounds, one.name))
            one.run()
    progress("")


def save(path, cases, series, rounds):
    saved = {"conditions": conditions(rounds), "cases": [case.saved() for case in cases],
             "growth": [one.saved() for one in series]}
    with open(path, "w") as file:
        json.dump(saved, file, indent=1)
        file.write("\n")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves every `with` block, so ends what was started
    options = parse([case.name for case in Table("c", 1).cases()])
    table = Table(options.ours, options.scale)
    chosen = [case for case in table.cases() if not options.only or case.name in options.only]
    try:
        if not options.no_build:
            programs.build(swift=table.is_swift, brokers=bool(options.growth or any(case.with_broker for case in chosen)))
    except Failure as failure:
        sys.exit("bench: %s" % failure)
    for case in chosen if options.no_counts else []:
        case.counts = {}
    series = growth.series(options.scale) if options.growth else []
    measure(chosen, series, options.rounds)

    rows = [case.row() for case in chosen]
    print(plain(rows))
    try:
        if options.markdown:
            replace_table(options.markdown, markdown(rows, options.rounds))
        if options.json:
            save(options.json, chosen, series, options.rounds)
    except (Failure, OSError) as failure:
        sys.exit("bench: %s" % failure)
    problems = [one for one in chosen + series if one.problem]
    for one in problems:
        print("bench: %s%s: %s" % (one.name, " is skipped" if one.is_skipped else "", one.problem), file=sys.stderr)
    sys.exit(1 if any(not one.is_skipped for one in problems) else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
