# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""The programs that are measured: how each is built, and its command line for a role."""
import contextlib
import functools
import os
import re
import subprocess

from .processes import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEERS = os.path.join(ROOT, "Benchmarks", "Peers")
BUILT = os.path.join(ROOT, ".build", "peers")
# What the -T of the peers takes: certificate.pem and key.pem.
CERTIFICATES = os.path.join(BUILT, "certificates")
EXAMPLES = "/usr/share/proton/examples"
PYTHON = "/usr/bin/python3"  # Debian's own, which python3-qpid-proton is for


def _run(arguments):
    print("  " + " ".join(os.path.relpath(a, ROOT) if a.startswith(ROOT) else a for a in arguments), flush=True)
    done = subprocess.run(
        arguments, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Failure("building failed:\n" + done.stdout)


def build(swift, brokers, others=True):
    """Builds the C peer optimised, and the Swift programs, the brokers and the other peers where they are needed."""
    os.makedirs(CERTIFICATES, exist_ok=True)
    if not os.path.exists(CERTIFICATES + "/certificate.pem"):
        _run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
              "-days", "3650", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
              "-keyout", CERTIFICATES + "/key.pem", "-out", CERTIFICATES + "/certificate.pem"])
    messages = [PEERS + "/peer_%s.c" % name for name in ("message", "reading", "options")]
    network = [PEERS + "/peer%s.c" % name for name in ("", "_forward", "_tls")]
    _run(["gcc", "-O2", "-o", BUILT + "/peer"] + network + messages + ["-lqpid-proton"])
    _run(["gcc", "-O2", "-o", BUILT + "/codec", PEERS + "/codec.c"] + messages + ["-lqpid-proton"])
    _run(["gcc", "-O2", "-shared", "-fPIC", "-o", BUILT + "/allocations.so", PEERS + "/allocations.c"])
    _run(["gcc", "-O2", "-fno-builtin", "-shared", "-fPIC", "-o", BUILT + "/copies.so", PEERS + "/copies.c"])
    _run(["gcc", "-O2", "-shared", "-fPIC", "-o", BUILT + "/locks.so", PEERS + "/locks.c", "-ldl"])
    if others:
        cpp = ["-lqpid-proton-cpp", "-lqpid-proton"]
        _run(["g++", "-O2", "-std=c++17", "-o", BUILT + "/peer-cpp", PEERS + "/peer.cpp"] + cpp)
    if brokers:
        example = [EXAMPLES + "/c/broker.c", "-I" + EXAMPLES + "/c", "-lqpid-proton", "-pthread"]
        _run(["gcc", "-O2", "-o", BUILT + "/broker"] + example)
        _run(["gcc", "-O2", "-o", BUILT + "/sync", PEERS + "/sync.c"])
    if swift and brokers:
        _run(["swift", "build", "-c", "release", "--enable-all-traits", "--product", "broker"])
    if swift:
        # The plan of the build: SwiftPM keeps an old one, and fails, when a source file of a path dependency is gone.
        with contextlib.suppress(FileNotFoundError):
            os.remove(ROOT + "/.build/benchmarks/release.yaml")
        _run(["swift", "build", "-c", "release", "--package-path", "Benchmarks", "--scratch-path", ".build/benchmarks"])


# A peer takes a role and the options of Peers/peer_options.c and prints a line of JSON.
C = [BUILT + "/peer"]
CPP = [BUILT + "/peer-cpp"]
PYTHON_PEER = [PYTHON, PEERS + "/peer.py"]
SWIFT = [ROOT + "/.build/benchmarks/release/throughput"]

# A codec program does what -d says with the message with properties, -n times.
C_CODEC = [BUILT + "/codec", "send"]
SWIFT_CODEC = [ROOT + "/.build/benchmarks/release/codec"]

# Appends to a file of a directory and syncs, as many times as it is told.
SYNC = [BUILT + "/sync"]


# A broker is a function from a port to a command line.
SWIFT_BROKER = [ROOT + "/.build/release/broker"]
# The same with no options, which is built with the benchmarks.
INNER_BROKER = [ROOT + "/.build/benchmarks/release/bench-broker"]


def c_broker(port):
    return [BUILT + "/broker", "127.0.0.1", str(port)]


def c_forwarder(port):
    return C + ["forward", "-p", str(port)]


def python_broker(port):
    return [PYTHON, EXAMPLES + "/python/broker.py", "-a", "127.0.0.1:%d" % port]


def swift_broker(port):
    return SWIFT_BROKER + ["-a", "127.0.0.1:%d" % port]


def swift_broker_of(threads):
    return lambda port: swift_broker(port) + ["--threads", str(threads)]


swift_broker_of_one_thread = swift_broker_of(1)


def inner_broker(port):
    return INNER_BROKER + ["127.0.0.1:%d" % port]


@functools.cache
def codec_has(reading):
    """Whether the codec program that was built knows that way of reading, which is a value of its -r."""
    told = subprocess.run(SWIFT_CODEC + ["--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return re.search(r"values: [^)]*\b%s\b" % reading, told.stdout) is not None


@functools.cache
def swift_broker_has(option):
    """Whether the broker that was built has the option."""
    told = subprocess.run(SWIFT_BROKER + ["--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return option in told.stdout
