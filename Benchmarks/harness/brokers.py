# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""The measurements of brokers, always with the C peer as their clients; each starts a broker and ends it."""
import contextlib
import os
import resource
import tempfile

from .measures import Rate
from .processes import Program, Skipped, free_port
from .programs import BUILT, C, SYNC


def through(broker, messages, connections=1, *options):
    """The rate through a broker, to and from programs that neither encode nor decode; processor: the broker's.

    With several connections, there are as many senders and receivers, each two with a queue of their own.
    """
    port = free_port()
    client = ["-p", port, "-n", messages, "-m", "raw", "-c", connections, "-a", "benchmark-%d"]
    client += list(options)
    with Program(broker(port)).listens(port) as running:
        before = running.processor_seconds()
        with Program(C + ["recv"] + client) as receiver, Program(C + ["send"] + client) as sender:
            sender.result()
            rate = receiver.result()["rate"]
            return Rate(rate, messages / max(0.01, running.processor_seconds() - before))


def processor_microseconds(broker, messages):
    """What a message through a broker costs it, in all its threads."""
    return 1e6 / through(broker, messages).processor


def large_microseconds(broker, messages, size, window):
    """What a message with a large body costs what it passes; as many as the window are on their way to and from it."""
    port = free_port()
    common = ["-p", port, "-n", messages, "-m", "raw", "-b", size, "-a", "benchmark"]
    with Program(broker(port)).listens(port) as running:
        before = running.processor_seconds()
        with Program(C + ["recv", "-w", window] + common) as receiver, \
                Program(C + ["send", "-W", window] + common) as sender:
            sender.result()
            receiver.result()
            return (running.processor_seconds() - before) / messages * 1e6


def round_trip(broker, messages):
    """Microseconds (median) from sending a message to receiving it from the broker, one at a time."""
    port = free_port()
    with Program(broker(port)).listens(port):
        with Program(C + ["ping", "-p", port, "-n", messages, "-m", "raw", "-a", "benchmark"]) as pinging:
            return pinging.result()["p50_us"]


def _idle(port, connections):
    return Program(C + ["conn", "-p", port, "-c", connections, "-a", "benchmark"])


def connection_kilobytes(broker, connections):
    """Resident memory a connection with one link costs a broker, when all of them are opened at once."""
    port = free_port()
    # What the first connections bring once (buffers, lazily bound symbols) is no cost of each.
    with Program(broker(port)).listens(port) as running, _idle(port, 10) as few:
        few.first_line()
        before = running.resident_kilobytes()
        with _idle(port, connections) as many:
            many.first_line()  # comes when all are open, the program ends when one is not taken
            return (running.resident_kilobytes() - before) / connections


def allow_files(connections):
    """Raises the limit of open files, which programs get from this one, to what so many connections need."""
    needed = connections * 8 // 7 + 100  # our broker keeps an eighth free
    wanted = connections * 4  # and has a shorter backlog where there are few
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (max(wanted, hard), hard):  # root may raise the hard limit, but not everywhere
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, most)), most))
            break
    if max(hard, resource.getrlimit(resource.RLIMIT_NOFILE)[0]) < needed:
        raise Skipped("%d connections need %d open files, and the hard limit is %d: raise it, with ulimit -Hn %d" % (
            connections, needed, hard, needed))


def _send(port, messages, *options):
    with Program(C + ["send", "-p", port, "-n", messages] + list(options)) as sender:
        return sender.result()


def waiting_bytes(broker, messages):
    """Resident memory that each message waiting in a queue costs a broker, whose body is of 100 bytes."""
    port = free_port()
    with Program(broker(port)).listens(port) as running:
        _send(port, 1000, "-m", "raw", "-a", "first")
        before = running.resident_kilobytes()
        _send(port, messages, "-m", "raw", "-a", "benchmark")
        return (running.resident_kilobytes() - before) * 1024 / messages


def waiting_rate(broker, messages):
    """Messages a second, from the first that is put into a queue, when all are in it before one is taken out."""
    port = free_port()
    with Program(broker(port)).listens(port):
        put = _send(port, messages, "-m", "raw", "-a", "benchmark")
        with Program(C + ["recv", "-p", port, "-n", messages, "-m", "raw", "-a", "benchmark"]) as receiver:
            return messages / (put["sec"] + receiver.result()["since_attach"])


def select_milliseconds(broker, messages):
    """From attaching with a selector to the last of the messages it chooses, every hundredth of those waiting."""
    port = free_port()
    with Program(broker(port)).listens(port):
        _send(port, messages, "-m", "kinds", "-a", "benchmark")
        chosen = ["-n", messages // 100, "-m", "raw", "-a", "benchmark", "-x", "kind = 42"]
        with Program(C + ["recv", "-p", port] + chosen) as receiver:
            return receiver.result()["since_attach"] * 1000


def durable(broker, messages):
    """Durable messages a second that a broker with a store accepts, 256 unsettled, while they are consumed too."""
    port = free_port()
    with tempfile.TemporaryDirectory(dir=BUILT) as directory:  # of the disk that `syncs` measures
        store = ["--store", os.path.join(directory, "store")]
        client = ["-p", port, "-n", messages, "-m", "raw", "-a", "benchmark"]
        with Program(broker(port) + store).listens(port):
            with Program(C + ["recv"] + client) as receiver, Program(C + ["send", "-D", "-W", 256] + client) as sender:
                rate = sender.result()["rate"]
                receiver.result()
                return rate


def syncs(count):
    """How often a second the disk takes 4 kB more for good."""
    with Program(SYNC + [BUILT, count]) as syncing:
        return syncing.result()["rate"]
