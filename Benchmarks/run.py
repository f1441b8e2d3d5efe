#!/usr/bin/env python3
"""Measures this package against the C, C++ and Python programs of proton, in interleaved rounds, and prints one table.

Every number is the median of its rounds; a ratio is that of two medians, "of the rounds" the least and the greatest of
the single rounds, "by CPU time" the ratio of messages a second of processor time. `--ours c` puts the C programs on
both sides: what then differs from 1 is the noise of the machine.
"""
import argparse
import os
import signal
import statistics
import sys
import time

from harness import brokers, measures, programs
from harness.processes import Failure, Skipped

MARKS = ("<!-- table of run.py -->", "<!-- end of table -->")
MANY_CONNECTIONS = 10000


class Case:
    """One line of the table: the same measurement of our side and of theirs."""

    def __init__(self, name, what, unit, bar, ours, theirs, most_rounds=99, their_unit=None):
        self.name = name  # for --only
        self.what = what
        self.unit = unit
        self.their_unit = their_unit or unit
        self.bar = bar  # (">=" or "<=", ratio); for a cost with no other side, the cost itself; None: only shown
        self.sides = {"ours": ours, "theirs": theirs}
        self.most_rounds = most_rounds
        self.measured = {"ours": [], "theirs": []}
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
        for side, measure in sides:
            if measure is None:
                continue
            try:
                self.measured[side].append(measure())
            except Failure as failure:
                self.problem = str(failure)
                self.is_skipped = isinstance(failure, Skipped)
                return

    def row(self):
        bar = "%s %g" % self.bar if self.bar else ""
        if bar and not self.sides["theirs"]:
            bar += " " + self.unit
        ours, theirs = self.measured["ours"], self.measured["theirs"]
        if self.problem or not ours:
            return [self.what, "-", "-", "-", "-", "-", bar, "skipped" if self.is_skipped else "not measured"]
        value, cells = self.compare(clock(ours), clock(theirs))
        by_processor = ""
        if theirs and isinstance(ours[0], measures.Rate):
            by_processor = "%.2f" % self.compare([m.processor for m in ours], [m.processor for m in theirs])[0]
        reached = ""
        if self.bar:
            relation, limit = self.bar
            reached = "yes" if (value >= limit if relation == ">=" else value <= limit) else "no"
        return [self.what] + cells + [by_processor, bar, reached]

    def compare(self, ours, theirs):
        """The number that the bar is about, and the cells that show where it comes from."""
        median = statistics.median(ours)
        if not theirs:
            return median, [number(median, self.unit), "", "", ""]
        other = statistics.median(theirs)
        each = [a / b for a, b in zip(ours, theirs)]
        ratio = median / other
        return ratio, [
            number(median, self.unit), number(other, self.their_unit), "%.2f" % ratio,
            "%.2f to %.2f" % (min(each), max(each))]


def number(value, unit):
    return "%s %s" % (format(value, ",.0f" if value >= 1000 else ".1f"), unit)


def clock(measured):
    """The numbers themselves, of rates those by the clock."""
    return [m.clock if isinstance(m, measures.Rate) else m for m in measured]


def cases(ours, scale):
    """The table of bars. `ours` is swift or c, `scale` shortens the runs."""
    swift = ours == "swift"
    peer = programs.SWIFT if swift else programs.C
    codec = programs.SWIFT_CODEC if swift else programs.C_CODEC
    broker = programs.swift_broker if swift else programs.c_broker
    fast, slow, over_tls = ("-m", "msg"), ("-m", "msgp"), ("-m", "raw", "-T", programs.CERTIFICATES)

    def n(messages):
        return max(1000, int(messages * scale))

    def rate(program, messages, options=fast):
        return lambda: measures.direct(program, n(messages), *options)

    def instructions(program, role, *own, other=programs.C):
        return lambda: measures.instructions(program, role, *own, other=other, many=5000 + n(25000))

    def opening(program):
        return lambda: measures.opening(program, n(1000), *over_tls)

    def against_c(role):
        return lambda: measures.against_c(programs.C, role, n(300000))

    def client(role, style):
        return swift_only(lambda: measures.against_c(peer, role, n(300000), "--async", style))

    def swift_only(measure):
        return needing("such program in C", measure)

    def round_trip(program):
        return lambda: measures.round_trip(program, n(30000))

    def asking(*own):
        return swift_only(lambda: measures.asking(peer, n(20000), *own))

    def through(program, messages, connections=1):
        return lambda: brokers.through(program, n(messages), connections)

    def broker_cost(program, messages):
        return lambda: brokers.processor_microseconds(program, n(messages))

    def broker_trip(program):
        return lambda: brokers.round_trip(program, n(30000))

    def connections(count):
        def measure():
            brokers.allow_files(count)
            return brokers.connection_kilobytes(broker, count)
        return measure

    def needing(what, measure):
        def checked():
            if not swift or (what.startswith("--") and not programs.swift_broker_has(what)):
                raise Skipped("there is no %s" % what)
            return measure()
        return checked

    return [
        Case("direct", "direct, unsettled, to C with pn_message", "msg/s", (">=", 1.0),
             rate(peer, 500000), rate(programs.C, 500000)),
        Case("properties", "the same with properties", "msg/s", (">=", 1.2),
             rate(peer, 400000, slow), rate(programs.C, 400000, slow)),
        Case("cpp", "direct, to the C++ binding", "msg/s", (">=", 2.5),
             rate(peer, 500000), rate(programs.CPP, 150000)),
        Case("python", "direct, to the Python binding", "msg/s", (">=", 40),
             rate(peer, 500000), rate(programs.PYTHON_PEER, 10000)),
        Case("sender", "instructions a message, sender", "instr", ("<=", 1.0),
             instructions(peer, "send"), instructions(programs.C, "send"), most_rounds=3),
        Case("receiver", "instructions a message, receiver", "instr", ("<=", 1.0),
             instructions(peer, "recv"), instructions(programs.C, "recv"), most_rounds=3),
        Case("trip", "acknowledged one at a time, on one CPU, p50", "us", ("<=", 1.1),
             round_trip(peer), round_trip(programs.C)),
        Case("codec", "build, encode and decode, with properties", "ns", ("<=", 0.5),
             lambda: measures.codec(codec, n(1000000)), lambda: measures.codec(programs.C_CODEC, n(1000000))),
        Case("layer", "direct, to itself without its layer of frames", "msg/s", (">=", 0.95),
             swift_only(rate(peer, 500000)), rate(peer, 500000, fast + ("-G",))),
        Case("layer-sender", "instructions a message, sender, to itself without the layer", "instr", ("<=", 1.08),
             swift_only(instructions(peer, "send", other=peer)), instructions(peer, "send", "-G", other=peer),
             most_rounds=3),
        Case("layer-receiver", "the same of the receiver", "instr", ("<=", 1.08),
             swift_only(instructions(peer, "recv", other=peer)), instructions(peer, "recv", "-G", other=peer),
             most_rounds=3),
        Case("tls", "over TLS, bytes as they are, to C with pn_ssl", "msg/s", (">=", 0.95),
             rate(peer, 500000, over_tls), rate(programs.C, 500000, over_tls)),
        Case("tls-open", "connections opened over TLS, one at a time", "conn/s", (">=", 0.9),
             opening(peer), opening(programs.C)),
        Case("async-send", "async client, sends with receipts, to C with pn_message", "msg/s", (">=", 0.75),
             client("send", "one"), against_c("send")),
        Case("async-tasks", "the same by 256 tasks that await each outcome", "msg/s", (">=", 0.4),
             client("send", "many"), against_c("send")),
        Case("async-receive", "async client, receives one by one", "msg/s", (">=", 0.65),
             client("recv", "one"), against_c("recv")),
        Case("async-batches", "the same in batches", "msg/s", (">=", 0.95),
             client("recv", "many"), against_c("recv")),
        Case("async-request", "request and response on the connection's thread, p50, to C's echo", "us", ("<=", 1.5),
             asking("--async", "one", "--on-thread"), lambda: measures.asking(programs.C, n(20000))),
        Case("async-request-task", "the same from an ordinary task", "us", ("<=", 1.5),
             asking("--async", "one"), lambda: measures.asking(programs.C, n(20000))),
        Case("broker-c", "through the broker, to proton's C example", "msg/s", (">=", 4),
             through(broker, 200000), through(programs.c_broker, 100000)),
        Case("broker-one-thread", "the same with one thread", "msg/s", None,
             needing("--threads", through(programs.swift_broker_of_one_thread, 200000)), through(programs.c_broker, 100000)),
        Case("broker-cpu", "broker, processor time a message, to C's", "us", ("<=", 0.4),
             broker_cost(broker, 400000), broker_cost(programs.c_broker, 100000)),
        Case("broker-trip", "round trip through the broker, p50, to C's", "us", ("<=", 0.9),
             broker_trip(broker), broker_trip(programs.c_broker)),
        Case("broker-python", "through the broker, to Python's example", "msg/s", (">=", 30),
             through(broker, 200000), through(programs.python_broker, 10000)),
        Case("broker-memory", "broker, memory a connection with a link, at 1,000", "kB", ("<=", 40),
             connections(1000), None, most_rounds=3),
        Case("broker-open", "the same, %s opened at once" % format(MANY_CONNECTIONS, ","), "kB", ("<=", 35),
             needing("backlog for so many", connections(MANY_CONNECTIONS)), None, most_rounds=3),
        Case("broker-many", "100 senders and receivers on 100 queues, to 1 and 1", "msg/s", (">=", 0.7),
             through(broker, 1500000, 100), through(broker, 1500000)),
        Case("broker-waiting", "broker, memory a message, 1,000,000 waiting", "bytes", ("<=", 300),
             lambda: brokers.waiting_bytes(broker, 1000000), None, most_rounds=3),
        Case("broker-selector", "broker, a selector's 1,000 of 100,000 waiting", "ms", ("<=", 200),
             needing("selectors", lambda: brokers.select_milliseconds(broker, 100000)), None),
        Case("broker-durable", "durable, 256 unsettled, to the disk's syncs", "msg/s", (">=", 50),
             needing("--store", lambda: brokers.durable(broker, n(100000))), lambda: brokers.syncs(300),
             their_unit="sync/s"),
    ]


HEADER = ["what", "ours", "theirs", "ratio", "of the rounds", "by CPU time", "bar", "reached"]


def plain(rows):
    rows = [HEADER] + rows
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def markdown(rows, rounds):
    day = time.strftime("%Y-%m-%d")
    lines = ["%s, %d cores, %s; medians of %d rounds." % (machine(), os.cpu_count(), day, rounds), ""]
    return "\n".join(lines + ["| " + " | ".join(line) + " |" for line in [HEADER, ["---"] * len(HEADER)] + rows])


def machine():
    with open("/proc/cpuinfo") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def replace_table(path, text):
    """Puts the text between the two marks of a Markdown file."""
    with open(path) as file:
        before, mark, rest = file.read().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not mark or not end:
        sys.exit("bench: %s has no lines %s and %s to put the table between" % (path, *MARKS))
    with open(path, "w") as file:
        file.write(before + mark + "\n" + text + "\n" + end + after)


def progress(text):
    if sys.stderr.isatty():
        print("\r%-40s\r%s" % ("", text), end="", file=sys.stderr, flush=True)


def parse(names):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="of " + ", ".join(names))
    parser.add_argument("--ours", choices=["swift", "c"], default="swift", help="what is measured (default swift)")
    parser.add_argument("--scale", type=float, default=1.0, help="shorter or longer runs: 0.1 is a quick look")
    parser.add_argument("--markdown", metavar="FILE", help="replace the table in this file too")
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    options = parser.parse_args()
    if options.rounds < 1 or not 0 < options.scale <= 100:
        parser.error("at least one round, and a scale above 0")
    return options


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves every `with` block, so ends what was started
    options = parse([case.name for case in cases("c", 1)])
    chosen = [case for case in cases(options.ours, options.scale) if not options.only or case.name in options.only]
    try:
        if not options.no_build:
            programs.build(swift=options.ours == "swift", brokers=any(case.with_broker for case in chosen))
    except Failure as failure:
        sys.exit("bench: %s" % failure)
    for number in range(options.rounds):
        for case in chosen:
            progress("round %d of %d: %s" % (number + 1, options.rounds, case.name))
            case.run(number)
    progress("")

    rows = [case.row() for case in chosen]
    print(plain(rows))
    if options.markdown:
        replace_table(options.markdown, markdown(rows, options.rounds))
    problems = [case for case in chosen if case.problem]
    for case in problems:
        print("bench: %s%s: %s" % (case.name, " is skipped" if case.is_skipped else "", case.problem), file=sys.stderr)
    sys.exit(1 if any(not case.is_skipped for case in problems) else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
