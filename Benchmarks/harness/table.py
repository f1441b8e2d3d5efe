# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""The table: what one line of it measures, in rounds, and how it is shown."""
import os
import statistics
import time

from . import measures
from .processes import Failure, Skipped

HEADER = ["what", "ours", "theirs", "ratio", "of the rounds", "by CPU time", "floor", "instructions a message", "bar",
          "reached"]
MARKS = ("<!-- table of run.py -->", "<!-- end of table -->")
COUNTED_ROUNDS = 1  # of what is counted and repeats


class Case:
    """One line of the table: the same measurement of our side, of theirs, and of proton with raw bytes, the floor."""

    def __init__(self, name, what, unit, bar, ours, theirs, floor=None, counts=None, limits_ours=False,
                 most_rounds=None, their_unit=None):
        self.name = name  # for --only
        self.what = what
        self.unit = unit
        self.their_unit = their_unit or unit
        self.bar = bar  # (">=" or "<=", limit); None: only shown
        # Whether the bar is about our number itself rather than the ratio to theirs.
        self.limits_ours = limits_ours or theirs is None
        self.sides = {"ours": ours, "theirs": theirs, "floor": floor}
        self.counts = counts or {}  # of a side, what tells its instructions a message
        self.most_rounds = most_rounds or (COUNTED_ROUNDS if unit in ("instr", "allocations", "copies") else 99)
        self.measured = {side: [] for side in self.sides}
        self.instructions = {}
        self.problem = None
        self.is_skipped = False

    @property
    def with_broker(self):
        return self.name.startswith("broker")

    def run(self, round_number):
        if self.problem or round_number >= self.most_rounds:
            return
        sides = list(self.sides.items())
        if round_number % 2:  # so that neither always comes after the other
            sides.reverse()
        try:
            for side, measure in sides:
                if measure is not None:
                    self.measured[side].append(measure())
            if round_number == 0:
                for side, count in self.counts.items():
                    self.instructions[side] = count()
        except Failure as failure:
            self.problem = str(failure)
            self.is_skipped = isinstance(failure, Skipped)

    def median(self, side):
        """The median of a side's numbers; of rates those by the clock. None where it has none."""
        return statistics.median(clock(self.measured[side])) if self.measured[side] else None

    @property
    def ratio(self):
        """Ours to theirs; None where theirs is none or nothing, as the allocations of C are."""
        return self.median("ours") / self.median("theirs") if self.median("theirs") else None

    @property
    def reached(self):
        """Whether the bar is; None where there is none, or nothing was measured."""
        if not self.bar or self.problem or not self.measured["ours"]:
            return None
        relation, limit = self.bar
        value = self.median("ours") if self.limits_ours else self.ratio
        return value >= limit if relation == ">=" else value <= limit

    def row(self):
        bar = "%s %s" % (self.bar[0], format(self.bar[1], ",g")) if self.bar else ""
        if bar and self.limits_ours:
            bar += " " + self.unit
        if self.problem or not self.measured["ours"]:
            return [self.what] + ["-"] * 7 + [bar, "skipped" if self.is_skipped else "not measured"]
        cells = [number(self.median("ours"), self.unit)] + self.comparison()
        floor = number(self.median("floor"), self.unit) if self.measured["floor"] else ""
        return [self.what] + cells + [floor, self.counted(), bar, {None: "", True: "yes", False: "no"}[self.reached]]

    def comparison(self):
        """The other side's number, the ratio, how far the rounds are apart, and the ratio by processor time."""
        ours, theirs = self.measured["ours"], self.measured["theirs"]
        if not theirs:
            return ["", "", "", ""]
        if not self.ratio:
            return [number(self.median("theirs"), self.their_unit), "", "", ""]
        each = [a / b for a, b in zip(clock(ours), clock(theirs))]
        spread = "%.2f to %.2f" % (min(each), max(each)) if len(each) > 1 else ""
        by_processor = ""
        if isinstance(ours[0], measures.Rate):
            by_processor = "%.2f" % (
                statistics.median(m.processor for m in ours) / statistics.median(m.processor for m in theirs))
        return [number(self.median("theirs"), self.their_unit), "%.2f" % self.ratio, spread, by_processor]

    def counted(self):
        """Instructions a message: ours to theirs, and the floor's where they are known."""
        text = " to ".join(
            format(self.instructions[side], ",.0f") for side in ("ours", "theirs") if side in self.instructions)
        return text + (", floor %s" % format(self.instructions["floor"], ",.0f") if "floor" in self.instructions else "")

    def saved(self):
        """The line as values for JSON."""
        sides = {side: self.median(side) for side in self.sides}
        return {
            "name": self.name, "what": self.what, "unit": self.unit, "their_unit": self.their_unit, "median": sides,
            "rounds": {side: clock(measured) for side, measured in self.measured.items() if measured},
            "instructions": self.instructions, "bar": self.bar, "bar_is_ours": self.limits_ours,
            "reached": self.reached, "problem": self.problem,
        }


def number(value, unit):
    digits = ",.0f" if value >= 1000 else ".2f" if unit in ("allocations", "copies") else ".1f"
    return "%s %s" % (format(value, digits), unit)


def clock(measured):
    """The numbers themselves, of rates those by the clock."""
    return [m.clock if isinstance(m, measures.Rate) else m for m in measured]


def plain(rows):
    rows = [HEADER] + rows
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def markdown(rows, rounds):
    lines = [conditions(rounds), ""]
    return "\n".join(lines + ["| " + " | ".join(line) + " |" for line in [HEADER, ["---"] * len(HEADER)] + rows])


def conditions(rounds):
    """Where and how it was measured."""
    day = time.strftime("%Y-%m-%d")
    return "%s, %d cores, %s; medians of %d rounds." % (machine(), os.cpu_count(), day, rounds)


def machine():
    with open("/proc/cpuinfo") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def replace_table(path, text):
    """Puts the text between the two marks of a Markdown file."""
    with open(path) as file:
        before, mark, rest = file.read().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not mark or not end:
        raise Failure("%s has no lines %s and %s to put the table between" % (path, *MARKS))
    with open(path, "w") as file:
        file.write(before + mark + "\n" + text + "\n" + end + after)
