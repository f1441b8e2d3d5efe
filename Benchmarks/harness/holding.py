# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""How long the broker holds what its threads share, a message: measured with one thread, so that nobody waits."""
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from typing import NamedTuple

from .counting import INSTRUCTIONS
from .processes import Failure, Program, free_port
from .programs import BUILT, C, inner_broker

# Functions of the queue that run under its lock, but for a few instructions before and after: an upper bound.
UNDER_THE_QUEUES_LOCK = ("5QueueC7receive__4from", "5QueueC4next3for", "QueueStateV14settleAccepted")
SCHEDULERS_LOCKS = 4  # of proton's proactor, each of all threads, which are taken most
TAKING_TIME = 25  # nanoseconds that locks.so adds to what is held


class Costs(NamedTuple):
    """Nanoseconds a message."""

    processor: float  # all that the broker does
    queue: float  # of it under the lock of the message's queue
    scheduler: float  # of it under the locks of proton's scheduler


@contextlib.contextmanager
def _passing(command, messages, queues):
    """A broker that messages have passed and that has ended, and its processor time a message, in nanoseconds."""
    port = free_port()
    client = ["-p", port, "-m", "raw", "-c", queues, "-a", "benchmark-%d"]
    with Program(command(port)).listens(port) as running:
        for count in (queues * 20, messages):  # the first for what comes once
            before = running.processor_seconds()
            with Program(C + ["recv", "-n", count] + client) as receiver:
                with Program(C + ["send", "-n", count] + client) as sender:
                    sender.result()
                    receiver.result()
        used = running.processor_seconds() - before
        running.stop(signal.SIGTERM)
        yield running, 1e9 * used / messages


def _scheduler(messages, queues):
    preload = ["env", "LD_PRELOAD=" + BUILT + "/locks.so"]
    with _passing(lambda port: preload + inner_broker(port), messages, queues) as (running, _):
        lines = [json.loads(line) for line in running.said(running.errors).splitlines() if line.startswith('{"mutex"')]
    held = sum(line["held_ns"] - TAKING_TIME * line["taken"] for line in lines[:SCHEDULERS_LOCKS])
    return max(0, held) / messages


def _queue_share(messages):
    """The share of the broker's instructions that run under a queue's lock."""
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out")
        counted = INSTRUCTIONS.command[:-1] + ["--callgrind-out-file=" + out]
        with _passing(lambda port: counted + inner_broker(port), messages, 1):
            pass
        told = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=99.9", out],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    total, shares = 0, {}
    for line in told.stdout.splitlines():
        found = re.match(r"\s*([\d,]+) ", line)
        number = int(found.group(1).replace(",", "")) if found else 0
        if "PROGRAM TOTALS" in line:
            total = number
        for name in UNDER_THE_QUEUES_LOCK:
            if name in line:
                shares[name] = max(shares.get(name, 0), number)
    if not total or len(shares) < len(UNDER_THE_QUEUES_LOCK):
        raise Failure("callgrind has not seen all of %s" % ", ".join(UNDER_THE_QUEUES_LOCK))
    return sum(shares.values()) / total


def measure(messages, queues):
    """The costs of a message through a broker with so many queues."""
    with _passing(inner_broker, messages, queues) as (_, processor):
        pass
    return Costs(processor, processor * _queue_share(20000), _scheduler(messages, queues))
