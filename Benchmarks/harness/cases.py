# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""The lines of the table: what is measured of whom, and the bars."""
from . import brokers, counting, measures, programs
from .counting import ALLOCATIONS, COPIED, INSTRUCTIONS, SIZE
from .processes import Skipped
from .programs import C
from .table import Case

MANY_CONNECTIONS = 10000
MESSAGES, WITH_PROPERTIES, RAW = ("-m", "msg"), ("-m", "msgp"), ("-m", "raw")
OVER_TLS = RAW + ("-T", programs.CERTIFICATES)


class Table:
    """Makes the cases. `ours` is swift or c, `scale` shortens the runs that are timed."""

    def __init__(self, ours, scale):
        self.is_swift = ours == "swift"
        self.scale = scale
        self.peer = programs.SWIFT if self.is_swift else C
        self.codec = programs.SWIFT_CODEC if self.is_swift else programs.C_CODEC
        self.broker = programs.swift_broker if self.is_swift else programs.c_broker

    def cases(self):
        return self.direct() + self.codecs() + self.frames() + self.clients() + self.brokers()

    def n(self, messages):
        return max(1000, int(messages * self.scale))

    def needing(self, what, measure):
        """A measurement that only our side can be asked for, if it can."""
        def checked():
            if not self.is_swift or (what.startswith("--") and not programs.swift_broker_has(what)):
                raise Skipped("there is no %s" % what)
            return measure()
        return checked

    def swift_only(self, measure):
        return self.needing("such program in C", measure)

    # MARK: From one process to another

    def rate(self, program, messages, options=MESSAGES):
        return lambda: measures.direct(program, self.n(messages), *options)

    def counts(self, ours, theirs, floor=None, **how):
        """The instructions of both sides of a connection; `how` as of `counting.peer`."""
        counts = {
            "ours": lambda: counting.both_sides(INSTRUCTIONS, ours, other=ours, **how),
            "theirs": lambda: counting.both_sides(INSTRUCTIONS, theirs, other=theirs, **how)}
        if floor:
            counts["floor"] = lambda: counting.both_sides(INSTRUCTIONS, floor, **{**how, "options": RAW})
        return counts

    def count(self, program, role, *own, **how):
        return lambda: counting.peer(INSTRUCTIONS, program, role, *own, **how)

    def allocations(self, program, role, *own, options=WITH_PROPERTIES):
        # Of the growth of arrays a few thousandths are left.
        return lambda: round(counting.peer(ALLOCATIONS, program, role, *own, options=options), 2)

    def copies(self, program, role):
        return lambda: counting.peer(COPIED, program, role, options=MESSAGES + ("-b", SIZE)) / SIZE

    def broker_copies(self, broker):
        return lambda: counting.broker(COPIED, broker, "-b", SIZE) / SIZE

    def round_trip(self, program, options=MESSAGES):
        return lambda: measures.round_trip(program, self.n(30000), *options)

    def direct(self):
        peer, few = self.peer, {"few": 100, "many": 600}
        return [
            Case("direct", "direct, unsettled, to C with pn_message", "msg/s", (">=", 1.1),
                 self.rate(peer, 500000), self.rate(C, 500000), floor=self.rate(C, 500000, RAW),
                 counts=self.counts(peer, C, floor=C)),
            Case("properties", "the same with properties", "msg/s", (">=", 1.35),
                 self.rate(peer, 400000, WITH_PROPERTIES), self.rate(C, 400000, WITH_PROPERTIES),
                 counts=self.counts(peer, C, options=WITH_PROPERTIES)),
            Case("cpp", "direct, to the C++ binding", "msg/s", (">=", 2.5),
                 self.rate(peer, 500000), self.rate(programs.CPP, 150000), counts=self.counts(peer, programs.CPP)),
            Case("python", "direct, to the Python binding", "msg/s", (">=", 40),
                 self.rate(peer, 500000), self.rate(programs.PYTHON_PEER, 10000),
                 counts=self.counts(peer, programs.PYTHON_PEER, **few)),
            Case("sender", "instructions a message, sender", "instr", ("<=", 7100),
                 self.count(peer, "send"), self.count(C, "send"), floor=self.count(C, "send", options=RAW),
                 limits_ours=True),
            Case("receiver", "instructions a message, receiver", "instr", ("<=", 6100),
                 self.count(peer, "recv"), self.count(C, "recv"), floor=self.count(C, "recv", options=RAW),
                 limits_ours=True),
            Case("allocations-sent", "allocations a message sent, with properties", "allocations", ("<=", 2),
                 self.allocations(peer, "send"), self.allocations(C, "send"), limits_ours=True),
            Case("allocations-received", "the same received, the body not read", "allocations", ("<=", 1),
                 self.allocations(peer, "recv", "-r", "head"), self.allocations(C, "recv", "-r", "head"),
                 limits_ours=True),
            Case("copies-sent", "copies of a body of 20 kB, sent", "copies", None,
                 self.copies(peer, "send"), self.copies(C, "send")),
            Case("copies-received", "the same received", "copies", None,
                 self.copies(peer, "recv"), self.copies(C, "recv")),
            Case("trip", "acknowledged one at a time, on one CPU, p50", "us", ("<=", 1.0),
                 self.round_trip(peer), self.round_trip(C), floor=self.round_trip(C, RAW),
                 counts=self.counts(peer, C, floor=C, window=1)),
        ]

    # MARK: The codec

    def coded(self, program, *options):
        return lambda: counting.alone(INSTRUCTIONS, program, *options)

    def codec_case(self, name, what, bar, *options, **others):
        theirs = others.pop("their_options", options)
        return Case(name, what, "instr", bar, self.coded(self.codec, *options), self.coded(programs.C_CODEC, *theirs),
                    **others)

    def views(self):
        """Only where the codec program knows views."""
        if not programs.codec_has("views"):
            raise Skipped("the codec program has no -r views")
        return self.coded(self.codec, "-r", "views")()

    def codecs(self):
        def timed(program):
            return lambda: measures.codec(program, self.n(1000000), "-r", "all")
        return [
            self.codec_case("codec-id", "with properties: build, encode, decode, read id and body", ("<=", 0.4), "-r", "id"),
            self.codec_case("codec-all", "the same, every field read", ("<=", 0.5), "-r", "all"),
            Case("codec-views", "the same, by views", "instr", ("<=", 0.4),
                 self.swift_only(self.views), self.coded(programs.C_CODEC, "-r", "all")),
            Case("codec-time", "the same, every field, by time", "ns", None,
                 timed(self.codec), timed(programs.C_CODEC)),
            self.codec_case("change", "a property of a decoded message changed, and encoded", ("<=", 1000),
                            "-d", "change", limits_ours=True),
            self.codec_case("transit", "decoded, a property changed, and encoded", None, "-d", "transit"),
        ]

    # MARK: What frames pass, and TLS

    def frames(self):
        peer = self.peer

        def to_itself(role, *own):
            return self.count(peer, role, *own, other=peer)

        def opening(program):
            return lambda: measures.opening(program, self.n(1000), *OVER_TLS)

        return [
            Case("layer", "direct, to itself without its layer of frames", "msg/s", (">=", 0.95),
                 self.swift_only(self.rate(peer, 500000)), self.rate(peer, 500000, MESSAGES + ("-G",))),
            Case("layer-sender", "instructions a message, sender, to itself without the layer", "instr", ("<=", 1.08),
                 self.swift_only(to_itself("send")), to_itself("send", "-G")),
            Case("layer-receiver", "the same of the receiver", "instr", ("<=", 1.08),
                 self.swift_only(to_itself("recv")), to_itself("recv", "-G")),
            Case("tls", "over TLS, bytes as they are, to C with pn_ssl", "msg/s", (">=", 0.95),
                 self.rate(peer, 500000, OVER_TLS), self.rate(C, 500000, OVER_TLS),
                 counts=self.counts(peer, C, options=OVER_TLS)),
            Case("tls-open", "connections opened over TLS, one at a time", "conn/s", (">=", 0.9),
                 opening(peer), opening(C)),
        ]

    # MARK: The other programming interfaces

    def client_case(self, name, what, bar, role, *own):
        messages = self.n(300000)
        return Case(
            name, what, "msg/s", bar,
            self.swift_only(lambda: measures.against_c(self.peer, role, messages, *own)),
            lambda: measures.against_c(C, role, messages),
            counts={"ours": lambda: counting.client(INSTRUCTIONS, self.peer, role, *own),
                    "theirs": lambda: counting.client(INSTRUCTIONS, C, role)})

    def blocking_case(self, name, what, bar, role, *own):
        """Of the blocking interface, to the handler interface with the same options."""
        def rate(*style):
            return self.swift_only(lambda: measures.against_c(self.peer, role, self.n(200000), *own, *style))

        def counts(*style):
            return lambda: counting.client(INSTRUCTIONS, self.peer, role, *own, *style)
        return Case(name, what, "msg/s", bar, rate("--blocking"), rate(),
                    counts={"ours": counts("--blocking"), "theirs": counts()})

    def asking_case(self, name, what, *own):
        return Case(
            name, what, "us", ("<=", 1.5),
            self.swift_only(lambda: measures.asking(self.peer, self.n(20000), *own)),
            lambda: measures.asking(C, self.n(20000)),
            counts={"ours": lambda: counting.client(INSTRUCTIONS, self.peer, "ping", *own),
                    "theirs": lambda: counting.client(INSTRUCTIONS, C, "ping")})

    def clients(self):
        return [
            self.client_case("async-send", "async client, sends with receipts, to C with pn_message", (">=", 0.75),
                             "send", "--async", "one"),
            self.client_case("async-tasks", "the same by 256 tasks that await each outcome", (">=", 0.4),
                             "send", "--async", "many"),
            self.client_case("async-receive", "async client, receives one by one", (">=", 0.65),
                             "recv", "--async", "one"),
            self.client_case("async-batches", "the same in batches", (">=", 0.95), "recv", "--async", "many"),
            self.asking_case("async-request", "request and response on the connection's thread, p50, to C's echo",
                             "--async", "one", "--on-thread"),
            self.asking_case("async-request-task", "the same from an ordinary task", "--async", "one"),
            self.blocking_case("blocking-send", "blocking API, sends, 256 unsettled, to the handler API", (">=", 0.6),
                               "send", "-W", 256),
            self.blocking_case("blocking-receive", "blocking API, receives one by one, to the handler API", None, "recv"),
        ]

    # MARK: Brokers

    def through(self, program, messages, connections=1):
        return lambda: brokers.through(program, self.n(messages), connections)

    def broker_counts(self, theirs, **few):
        return {"ours": lambda: counting.broker(INSTRUCTIONS, self.broker),
                "theirs": lambda: counting.broker(INSTRUCTIONS, theirs, **few)}

    def large_case(self, name, what, messages, size, window):
        def measure(program):
            return lambda: brokers.large_microseconds(program, self.n(messages), size, window)
        return Case(name, what, "us", ("<=", 1.15), measure(self.broker), measure(programs.c_forwarder))

    def threads_case(self, queues):
        """Two threads of the broker's to one, with a sender and a receiver for each queue, which have connections each."""
        def rate(threads):
            return self.needing(
                "--threads", self.through(programs.swift_broker_of(threads), 400000 + 4000 * queues, queues))
        noun = "queue" if queues == 1 else "queues"
        return Case("broker-threads-%d" % queues, "broker, 2 threads to 1, %d %s" % (queues, noun), "msg/s", None,
                    rate(2), rate(1))

    def connections(self, count):
        def measure():
            brokers.allow_files(count)
            return brokers.connection_kilobytes(self.broker, count)
        return measure

    def brokers(self):
        broker, theirs, n = self.broker, programs.c_broker, self.n
        return [
            Case("broker-c", "through the broker, to proton's C example", "msg/s", (">=", 4),
                 self.through(broker, 200000), self.through(theirs, 100000), counts=self.broker_counts(theirs)),
            Case("broker-one-thread", "the same with one thread", "msg/s", None,
                 self.needing("--threads", self.through(programs.swift_broker_of_one_thread, 200000)),
                 self.through(theirs, 100000)),
            Case("broker-instructions", "broker, instructions a message", "instr", ("<=", 12000),
                 lambda: counting.broker(INSTRUCTIONS, programs.swift_broker_of_one_thread if self.is_swift else broker),
                 lambda: counting.broker(INSTRUCTIONS, theirs), limits_ours=True),
            Case("broker-cpu", "broker, processor time a message, to C's", "us", ("<=", 0.4),
                 lambda: brokers.processor_microseconds(broker, n(400000)),
                 lambda: brokers.processor_microseconds(theirs, n(100000))),
            self.large_case("broker-20k", "the same of 20 kB, to a C program that only forwards", 60000, 20000, 256),
            self.large_case("broker-1m", "the same of 1 MB", 3000, 1000000, 16),
            Case("broker-copies", "copies of a body of 20 kB, to the forwarder", "copies", None,
                 self.broker_copies(broker), self.broker_copies(programs.c_forwarder)),
            Case("broker-trip", "round trip through the broker, p50, to C's", "us", ("<=", 0.9),
                 lambda: brokers.round_trip(broker, n(30000)), lambda: brokers.round_trip(theirs, n(30000))),
            Case("broker-python", "through the broker, to Python's example", "msg/s", (">=", 30),
                 self.through(broker, 200000), self.through(programs.python_broker, 10000),
                 counts=self.broker_counts(programs.python_broker, few=100, many=600)),
            Case("broker-memory", "broker, memory a connection with a link, at 1,000", "kB", ("<=", 40),
                 self.connections(1000), None, most_rounds=3),
            Case("broker-open", "the same, %s opened at once" % format(MANY_CONNECTIONS, ","), "kB", ("<=", 35),
                 self.needing("backlog for so many", self.connections(MANY_CONNECTIONS)), None, most_rounds=3),
            Case("broker-many", "100 senders and receivers on 100 queues, to 1 and 1", "msg/s", (">=", 0.7),
                 self.through(broker, 1500000, 100), self.through(broker, 1500000)),
            *(self.threads_case(queues) for queues in (1, 8, 100)),
            Case("broker-waiting", "broker, memory a message, 1,000,000 waiting", "bytes", ("<=", 300),
                 lambda: brokers.waiting_bytes(broker, 1000000), None, most_rounds=3),
            Case("broker-selector", "broker, a selector's 1,000 of 100,000 waiting", "ms", ("<=", 200),
                 self.needing("selectors", lambda: brokers.select_milliseconds(broker, 100000)), None),
            Case("broker-durable", "durable, 256 unsettled, to the disk's syncs", "msg/s", (">=", 50),
                 self.needing("--store", lambda: brokers.durable(broker, n(100000))), lambda: brokers.syncs(300),
                 their_unit="sync/s"),
        ]
