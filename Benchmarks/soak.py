#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Runs the broker for long, with clients that connect, send, receive, browse and vanish, and prints its memory.

Each round starts a few C peers on random queues; some end by themselves, some are killed in the middle of it. The memory
is flat where the last quarter of the samples is no more than a tenth above the second one: the first holds what is warm-up.
"""
import argparse
import random
import signal
import statistics
import sys
import time

from harness import programs
from harness.processes import Failure, Program, free_port


def client(port, chosen):
    """The command line of a client that does something or other."""
    queue, count = "soak-%d" % chosen.randrange(20), chosen.choice((100, 1000, 5000))
    common = ["-p", port, "-a", queue, "-n", count, "-m", "raw"]
    role = chosen.choice(("send", "send", "recv", "recv", "conn"))
    if role == "conn":
        return programs.C + ["conn", "-p", port, "-a", queue, "-c", chosen.choice((1, 20, 100))]
    options = chosen.choice(([], ["-s"], ["-w", 10], ["-c", 5]))
    return programs.C + [role] + common + options


def one_round(port, chosen):
    """Some clients at the same time; all of them are gone afterwards, whatever they were doing."""
    running = []
    try:
        for _ in range(chosen.randrange(1, 6)):
            running.append(Program(client(port, chosen)))
        # How long they have: some have ended by then.
        time.sleep(chosen.uniform(0.02, 0.3))
    finally:
        for program in running:
            if program.process.poll() is None and chosen.random() < 0.7:
                program.process.send_signal(signal.SIGKILL)
                program.process.wait()
            program.end()
    return len(running)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the clients' choices (default 1)")
    parser.add_argument("--no-build", action="store_true", help="run what was built before")
    options = parser.parse_args()
    chosen = random.Random(options.seed)
    try:
        if not options.no_build:
            programs.build(swift=True, brokers=True)
        port = free_port()
        # Queues are bounded, so that what nobody receives does not look like a leak.
        command = programs.swift_broker(port) + ["--queue-messages", "10000", "--when-full", "drop-oldest"]
        samples, clients = [], 0
        start = time.monotonic()
        with Program(command, patience=options.minutes * 60 + 600).listens(port) as broker:
            next_sample = 0.0
            while time.monotonic() - start < options.minutes * 60:
                clients += one_round(port, chosen)
                if broker.process.poll() is not None:
                    broker.fail("the broker ended")
                if time.monotonic() - start >= next_sample:
                    samples.append(broker.resident_kilobytes())
                    next_sample += options.minutes * 60 / 60
                    print("%5.1f min  %6d clients  %8d kB" % (next_sample / 60, clients, samples[-1]), flush=True)
    except Failure as failure:
        sys.exit("soak: %s" % failure)
    quarter = max(1, len(samples) // 4)
    second, last = (statistics.median(part) for part in (samples[quarter:2 * quarter] or samples, samples[-quarter:]))
    print("memory, median of the second and the last quarter: %d kB, %d kB" % (second, last))
    sys.exit(0 if last <= second * 1.1 else "soak: the memory grows")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
