#!/usr/bin/env python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""What the broker's throughput would be with more threads than this machine has processors: a simulation.

It measures, with one thread, what a message costs the broker in all, under the lock of its queue, and under the locks of
proton's scheduler, which all threads share. Then it has threads do that work on connections of producers and consumers,
two for each queue, of which each is in one thread at a time: a thread waits for a lock that another holds, and for a
cache line that another has written. Kernel and memory are taken to scale by themselves, and every thread to have a
processor of its own: what is shown is an upper bound.
"""
import argparse
import heapq
import sys
from typing import NamedTuple

from harness import holding, programs
from harness.processes import Failure

THREADS = (1, 2, 4, 8, 16, 32)
BATCH = 50  # messages of a connection that a thread handles before it takes another one


class Shared(NamedTuple):
    """Cache lines that every thread writes to: counters, and the counts of references to what the whole broker has one of."""

    lines: int
    writes: int  # for each message that comes in, to these lines in turn
    transfer: float  # nanoseconds until a processor has a line that another one has written


class Resource:
    """What one thread at a time has."""

    def __init__(self):
        self.free, self.owner, self.waited = 0.0, None, 0.0

    def take(self, now, thread, hold, again=None):
        """Has a thread wait and hold it; returns when it is done. `again` is the hold of who had it last."""
        hold = again if again is not None and self.owner == thread else hold
        start = max(now, self.free)
        self.waited += start - now
        self.free, self.owner = start + hold, thread
        return self.free


def simulate(costs, shared, threads, queues, messages=40000):
    """The messages a second of so many threads, and the shares of their time that they wait for each kind of thing."""
    scheduler, lines = Resource(), [Resource() for _ in range(shared.lines)]
    locks = [Resource() for _ in range(queues)]
    # A producer's and a consumer's connection of each queue; what is ready comes first.
    ready = [(0.0, index) for index in range(2 * queues)]
    heapq.heapify(ready)
    # More threads than connections have nothing to do; of fewer each finds a connection that is in no thread.
    working = min(threads, 2 * queues)
    at_work = [(0.0, thread, None, 0) for thread in range(working)]
    half = (costs.processor - costs.queue - costs.scheduler) / 2  # the same for either connection
    done, now = 0, 0.0
    while done < 2 * messages:
        now, thread, connection, left = heapq.heappop(at_work)
        if connection is None:
            since, connection = heapq.heappop(ready)
            now, left = scheduler.take(max(now, since), thread, costs.scheduler * BATCH / 2), BATCH
        now += half
        for write in range(shared.writes if connection % 2 else 0):
            now = lines[write % shared.lines].take(now, thread, shared.transfer, again=1.0)
        now = locks[connection // 2].take(now, thread, costs.queue / 2)
        done, left = done + 1, left - 1
        if left == 0:
            heapq.heappush(ready, (now, connection))
            connection = None
        heapq.heappush(at_work, (now, thread, connection, left))
    total = now * threads
    waits = [sum(lock.waited for lock in locks), sum(line.waited for line in lines), scheduler.waited]
    return done / 2 / now * 1e9, [wait / total for wait in waits] + [1 - working / threads]


def table(costs, shared, queues):
    print("\n%d %s, %d writes a message to what all threads share" % (
        queues, "queue" if queues == 1 else "queues", shared.writes))
    print("threads   msg/s       to one   waiting for: queue  lines  scheduler  a connection")
    one = None
    for threads in THREADS:
        rate, waits = simulate(costs, shared, threads, queues)
        one = one or rate
        print("%7d   %-10s  %6.2f   %18s  %5s  %9s  %12s" % (
            threads, format(rate, ",.0f"), rate / one, *("%.0f %%" % (100 * wait) for wait in waits)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queues", type=int, nargs="+", default=[1, 8, 100], help="default 1 8 100")
    parser.add_argument("--messages", type=int, default=300000, help="measured with each number of queues")
    parser.add_argument("--lines", type=int, default=2, help="cache lines that all threads write to (default 2)")
    parser.add_argument("--writes", type=int, default=5, help="how often a message, in all (default 5)")
    parser.add_argument("--transfer", type=float, default=60, help="ns to get such a line (default 60)")
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    options = parser.parse_args()
    try:
        if not options.no_build:
            programs.build(swift=True, brokers=False, others=False)
        for queues in options.queues:
            costs = holding.measure(options.messages, queues)
            print("\n%d queues, one thread: a message costs %.0f ns, %.0f of them under its queue's lock, "
                  "%.1f under the scheduler's" % (queues, *costs))
            for writes in (options.writes, 0):
                table(costs, Shared(options.lines, writes, options.transfer), queues)
    except Failure as failure:
        sys.exit("scaling: %s" % failure)


if __name__ == "__main__":
    main()
