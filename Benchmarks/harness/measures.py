# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""The measurements: each takes the programs of one side and returns a number, or a rate."""
from typing import NamedTuple

from .counting import PINNED
from .processes import Program, free_port
from .programs import C

class Rate(NamedTuple):
    """Messages a second, and a second of processor time: what else the machine does hardly touches the latter."""

    clock: float
    processor: float


def direct(peer, messages, *options, sender_only=()):
    """The rate from one process to another, every message acknowledged; processor: of the busier of the two."""
    port = free_port()
    common = ["-p", port, "-n", messages]
    with Program(peer + ["recv", "-L"] + common + list(options)).listens(port) as receiver:
        with Program(peer + ["send"] + common + list(options) + list(sender_only)) as sender:
            sent = sender.result()
            used = (result["user"] + result["sys"] for result in (sent, receiver.result()))
            return Rate(sent["rate"], messages / max(used))


def against_c(peer, role, messages, *own):
    """The rate of a peer that connects to a listening C peer of the other role, by its own clock."""
    port = free_port()
    common = ["-p", port, "-n", messages, "-m", "msg"]
    with Program(C + ["recv" if role == "send" else "send", "-L"] + common).listens(port):
        with Program(peer + [role] + common + list(own)) as program:
            result = program.result()
            return Rate(result["rate"], messages / (result["user"] + result["sys"]))


def opening(peer, connections, *options):
    """Connections opened and closed a second, one after the other."""
    port = free_port()
    common = ["-p", port, "-n", connections] + list(options)
    with Program(peer + ["open", "-L"] + common).listens(port):
        with Program(peer + ["open"] + common) as client:
            return client.result()["rate"]


def round_trip(peer, messages, *options):
    """Microseconds (median) from sending a message to its acknowledgement, one at a time, all on one CPU."""
    port = free_port()
    common = ["-p", port, "-n", messages] + list(options)
    with Program(PINNED + peer + ["recv", "-L"] + common).listens(port) as receiver:
        with Program(PINNED + peer + ["send", "-W", "1"] + common) as sender:
            median = sender.result()["p50_us"]
            receiver.result()
            return median


def asking(peer, messages, *own):
    """Microseconds (median) from a message to the one that a C peer answers it with, one at a time."""
    port = free_port()
    common = ["-p", port, "-n", messages, "-m", "msg"]
    with Program(C + ["recv", "-L", "-E"] + common).listens(port):
        with Program(peer + ["ping"] + common + list(own)) as program:
            return program.result()["p50_us"]


def codec(program, messages, *options):
    """Nanoseconds of processor time for what the codec program is told to do with a message with properties."""
    with Program(program + ["-n", messages] + list(options)) as running:
        return running.result()["ns"]
