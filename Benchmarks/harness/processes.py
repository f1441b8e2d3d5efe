# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Programs that are started, waited for with a bound, and ended whatever happens."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = 120  # seconds: the most a single program may take, callgrind's slowness included


class Failure(Exception):
    """A measurement that could not be made, with what the programs said."""


class Skipped(Failure):
    """A measurement of what the program, or this machine, does not have."""


def free_port():
    """A port nobody listens on. Another program could take it before ours does; that one would say so and fail."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port):
    """Whether a socket listens on the port, without a connection that the program under test would see."""
    wanted = ":%04X" % port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as lines:
                fields = (line.split() for line in lines)
                if any(f[1].endswith(wanted) and f[3] == "0A" for f in fields):
                    return True
        except FileNotFoundError:  # no IPv6 here
            continue
    return False


class Program:
    """A running program; leave its `with` block and it is gone."""

    def __init__(self, arguments, patience=PATIENCE):
        self.arguments = [str(argument) for argument in arguments]
        self.deadline = time.monotonic() + patience
        self.errors = tempfile.TemporaryFile("w+")
        self.output = tempfile.TemporaryFile("w+")
        try:
            # A group of its own, so that what it starts (valgrind, a shell) ends with it.
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.PIPE, stdout=self.output, stderr=self.errors, start_new_session=True)
        except OSError as error:
            raise Failure("%s: %s" % (self.arguments[0], error.strerror)) from error

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Asks it to end, insists after two seconds."""
        for stop in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                break
            try:
                os.killpg(self.pid, stop)
                self.process.wait(2)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self.process.stdin.close()
        self.output.close()
        self.errors.close()

    def stop(self, with_signal):
        """Has it end, and waits for that, however it ends."""
        os.killpg(self.pid, with_signal)
        try:
            self.process.wait(max(0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.fail("did not end in time")

    def said(self, file):
        file.seek(0)
        return file.read()

    def fail(self, what):
        errors = self.said(self.errors).strip().splitlines()[-5:]
        raise Failure("%s: %s%s" % (" ".join(self.arguments), what, "".join("\n    " + line for line in errors)))

    def wait(self):
        """Waits until it has ended by itself, successfully; returns its standard error."""
        try:
            code = self.process.wait(max(0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.fail("did not end in time")
        if code != 0:
            self.fail("exit code %d" % code)
        return self.said(self.errors)

    def result(self):
        """Waits for its end; returns the line of JSON it printed."""
        self.wait()
        return self.parse(self.said(self.output))

    def parse(self, text):
        lines = text.strip().splitlines()
        try:
            return json.loads(lines[-1])
        except (IndexError, ValueError):
            self.fail("printed no line of JSON")

    def first_line(self):
        """Waits for a line of JSON of a program that goes on running."""
        return self.until(lambda: "\n" in self.said(self.output), "no result") and self.parse(self.said(self.output))

    def listens(self, port):
        """Waits until it listens on the port."""
        self.until(lambda: is_listening(port), "does not listen on port %d" % port)
        return self

    def until(self, condition, otherwise):
        while not condition():
            if self.process.poll() is not None:
                self.fail("ended with exit code %d" % self.process.returncode)
            if time.monotonic() > self.deadline:
                self.fail(otherwise)
            # Another process tells nobody when it has come so far: it is looked at, up to the deadline.
            time.sleep(0.01)
        return True

    def processor_seconds(self):
        """What it has used so far, in all its threads."""
        with open("/proc/%d/stat" % self.pid) as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kilobytes(self):
        with open("/proc/%d/status" % self.pid) as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
