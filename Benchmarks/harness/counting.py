# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""What is counted rather than timed: instructions, by callgrind, and allocations, by a library that is loaded first.

A program is counted in a short and in a long run, and the difference taken, which leaves start-up out. With the programs of
a measurement on one CPU and a window that one side fills before the other has its turn, how proton batches frames is the
same each time, and the numbers repeat within two thousandths.
"""
import os
import re
import signal
from typing import NamedTuple

from .processes import Program, free_port
from .programs import BUILT, C

PINNED = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]


class Counter(NamedTuple):
    """A command that a program is run by, and what it says of it."""

    command: list
    said: str
    few: int  # messages of the short run
    many: int  # and of the long one


INSTRUCTIONS = Counter(
    # For callgrind one instruction that copies a block is one for each byte: glibc is to copy without it.
    ["env", "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=100000000", "SWIFT_DETERMINISTIC_HASHING=1",
     "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], r"Collected : (\d+)", 2000, 8000)
ALLOCATIONS = Counter(["env", "LD_PRELOAD=" + BUILT + "/allocations.so"], r"allocations: (\d+)", 10000, 60000)
# Bytes that are copied by a thousand or more: of bodies of SIZE, a message.
SIZE = 20000
COPIED = Counter(["env", "LD_PRELOAD=" + BUILT + "/copies.so"], r"copied: (\d+)", 1000, 4000)


def _a_message(counter, run, few, many):
    few, many = few or counter.few, many or counter.many
    return (run(many) - run(few)) / (many - few)


def _counted(counter, program):
    found = re.search(counter.said, program.said(program.errors))
    if not found:
        program.fail("nothing was counted")
    return int(found.group(1))


def alone(counter, program, *own, few=None, many=None):
    """What a program does a message that is there by itself."""
    def run(messages):
        with Program(counter.command + program + ["-n", messages] + list(own)) as running:
            running.result()
            return _counted(counter, running)
    return _a_message(counter, run, few, many)


def peer(counter, program, role, *own, other=C, few=None, many=None, options=("-m", "msg"), window=100):
    """What one side of a connection does a message; `own` are its own options, `options` those of both."""
    def run(messages):
        port = free_port()
        common = ["-p", port, "-n", messages] + list(options)
        receiver, sender = ["recv", "-L"] + common, ["send"] + common + ["-W", window]
        (receiver if role == "recv" else sender).extend(own)
        commands = {
            side: PINNED + (counter.command + program if side == role else other) + arguments
            for side, arguments in (("recv", receiver), ("send", sender))}
        with Program(commands["recv"]).listens(port) as receiving, Program(commands["send"]) as sending:
            sending.result()
            receiving.result()
            return _counted(counter, receiving if role == "recv" else sending)
    return _a_message(counter, run, few, many)


def both_sides(counter, program, **how):
    """What sender and receiver do a message, together."""
    return sum(peer(counter, program, role, **how) for role in ("send", "recv"))


def client(counter, program, role, *own, options=("-m", "msg"), few=None, many=None):
    """What a peer does a message that connects to a listening C peer of the other role."""
    def run(messages):
        port = free_port()
        common = ["-p", port, "-n", messages] + list(options)
        with Program(C + ["send" if role == "recv" else "recv", "-L"] + (["-E"] if role == "ping" else []) + common
                     ).listens(port):
            with Program(counter.command + program + [role] + common + list(own)) as running:
                running.result()
                return _counted(counter, running)
    return _a_message(counter, run, few, many)


def broker(counter, program, *options, few=None, many=None, window=1000):
    """What a broker, as a function from a port to a command line, does a message, from one C peer to another."""
    def run(messages):
        port = free_port()
        with Program(PINNED + counter.command + program(port)).listens(port) as running:
            common = ["-p", port, "-n", messages, "-m", "raw", "-a", "benchmark"] + list(options)
            receiver, sender = PINNED + C + ["recv", "-w", window] + common, PINNED + C + ["send", "-W", 100] + common
            with Program(receiver) as receiving, Program(sender) as sending:
                sending.result()
                receiving.result()
            running.stop(signal.SIGTERM)
            return _counted(counter, running)
    return _a_message(counter, run, few, many)
