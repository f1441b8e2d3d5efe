# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""How the rates of ours and of C grow: with the size of bodies, with links, connections, and waiting messages."""
import contextlib
import statistics

from . import brokers, measures, programs
from .processes import Failure, Skipped
from .programs import C


class Series:
    """Lines of a plot: what each label measures at each x, and the medians of the rounds."""

    def __init__(self, name, title, x_label, unit, xs, lines):
        self.name, self.title, self.x_label, self.unit, self.xs, self.lines = name, title, x_label, unit, xs, lines
        self.rounds = {label: {x: [] for x in xs} for label in lines}
        self.problem = None
        self.is_skipped = False

    def run(self):
        if self.problem:
            return
        try:
            for x in self.xs:
                for label, measure in self.lines.items():
                    with contextlib.suppress(Skipped):
                        self.rounds[label][x].append(measure(x))
        except Failure as failure:
            self.problem = str(failure)

    def saved(self):
        return {
            "name": self.name, "title": self.title, "x_label": self.x_label, "unit": self.unit,
            "lines": {label: [[x, statistics.median(values)] for x, values in points.items() if values]
                      for label, points in self.rounds.items()}}


def series(scale):
    """The four plots; `scale` shortens the runs."""
    def n(messages, least=1000):
        return max(least, int(messages * scale))

    def sized(x):  # as many bytes at each size, up to a number of messages
        messages = n(min(300000, 3_000_000_000 // (x + 2000)), 200)
        return messages, ["-b", x, "-w", window(x), "-W", window(x)]

    def window(x):
        return 16 if x > 200_000 else 256

    def direct_by_size(program):
        def rate(x):
            messages, options = sized(x)
            return x * measures.direct(program, messages, "-m", "msg", *options).clock / 1e6
        return rate

    def broker_by_size(broker):
        def rate(x):
            messages, options = sized(x)
            return x * brokers.through(broker, messages, 1, *options).clock / 1e6
        return rate

    def direct_by(flag, program):
        return lambda x: measures.direct(program, n(300000, 10000), "-m", "msg", sender_only=[flag, x]).clock

    def waiting(broker, most):
        def rate(x):
            if x > most:
                raise Skipped("it would take minutes")
            return brokers.waiting_rate(broker, x)
        return rate

    ours, theirs = "Swift", "C"
    return [
        Series("size", "Body size", "bytes", "MB/s", [100, 1000, 10_000, 100_000, 1_000_000], {
            ours: direct_by_size(programs.SWIFT), theirs: direct_by_size(C),
            "Swift broker": broker_by_size(programs.swift_broker), "C broker": broker_by_size(programs.c_broker)}),
        Series("links", "Links of one connection", "links", "msg/s", [1, 10, 100, 1000], {
            ours: direct_by("-l", programs.SWIFT), theirs: direct_by("-l", C)}),
        Series("connections", "Connections", "connections", "msg/s", [1, 10, 100], {
            ours: direct_by("-c", programs.SWIFT), theirs: direct_by("-c", C)}),
        Series("waiting", "Put into a queue, then taken out", "waiting messages", "msg/s",
               [int(x * min(1, scale)) for x in (1000, 10_000, 100_000, 1_000_000)], {
                   "Swift broker": waiting(programs.swift_broker, 1_000_000), "C broker": waiting(programs.c_broker, 100_000)}),
    ]
