#!/usr/bin/python3
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""The peer of the benchmarks on proton's Python binding: send and recv with the options and the JSON of the C peer.

Run it with Debian's own Python (/usr/bin/python3), which python3-qpid-proton is for.
"""
import argparse
import json
import resource
import sys
import time

from proton import Message, symbol, timestamp
from proton.handlers import MessagingHandler
from proton.reactor import AtLeastOnce, AtMostOnce, Container


class Measured(MessagingHandler):
    """What both roles measure: the first message to the last, and round trips one at a time."""

    def __init__(self, options, **arguments):
        super().__init__(**arguments)
        self.options = options
        self.url = "%s:%s" % (options.host, options.port)
        self.mode = AtMostOnce() if options.presettled else AtLeastOnce()
        self.done = 0
        self.first = self.last = 0.0
        self.latencies = []
        self.failed = False

    def on_transport_error(self, event):
        print("peer: %s" % event.transport.condition, file=sys.stderr)
        self.failed = True


class Sender(Measured):
    def __init__(self, options):
        super().__init__(options, prefetch=0, auto_settle=True)
        self.body = b"x" * options.body_size
        self.sent = 0
        self.sent_at = 0.0

    def on_start(self, event):
        connection = event.container.connect(self.url, reconnect=False)
        event.container.create_sender(connection, self.options.address, options=self.mode)

    def build(self, identifier):
        message = Message(id=identifier, body=self.body, inferred=True)
        if self.options.mode == "msgp":
            message.durable = True
            message.subject = "subject"
            message.address = self.options.address
            message.content_type = symbol("application/octet-stream")
            message.creation_time = timestamp(1700000000000)
            message.properties = {"key": "value", "seq": identifier}
        return message

    def send_available(self, sender):
        options = self.options
        while sender.credit and self.sent < options.count:
            if options.in_flight and self.sent - self.done >= options.in_flight:
                break
            if self.sent == 0:
                self.first = time.perf_counter()
            if options.in_flight == 1:
                self.sent_at = time.perf_counter()
            self.sent += 1
            sender.send(self.build(self.sent))
            if options.presettled:
                self.done = self.sent
                if self.sent == options.count:
                    self.finish(sender.connection)

    def finish(self, connection):
        self.last = time.perf_counter()
        connection.close()

    def on_sendable(self, event):
        self.send_available(event.sender)

    def on_accepted(self, event):
        self.done += 1
        if self.options.in_flight == 1:
            self.latencies.append(time.perf_counter() - self.sent_at)
        if self.done == self.options.count:
            self.finish(event.connection)
        elif self.options.in_flight:
            self.send_available(event.sender)


class Receiver(Measured):
    def __init__(self, options):
        super().__init__(options, prefetch=options.window)
        self.acceptor = None
        self.received = 0  # bytes of bodies

    def on_start(self, event):
        if self.options.listening:
            self.acceptor = event.container.listen(self.url)
            print("listening", file=sys.stderr, flush=True)
        else:
            connection = event.container.connect(self.url, reconnect=False)
            event.container.create_receiver(connection, self.options.address, options=self.mode)

    def on_message(self, event):
        if self.done == 0:
            self.first = time.perf_counter()
        self.received += len(event.message.body)
        self.done += 1
        if self.done == self.options.count:
            self.last = time.perf_counter()
            if not self.options.listening:
                event.connection.close()

    def on_connection_closing(self, event):
        if self.options.listening and self.done >= self.options.count:
            self.acceptor.close()


def parse():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("role", choices=["send", "recv"])
    parser.add_argument("-h", dest="host", default="127.0.0.1")
    parser.add_argument("-p", dest="port", default="5672")
    parser.add_argument("-a", dest="address", default="examples")
    parser.add_argument("-n", dest="count", type=int, default=50000)
    parser.add_argument("-b", dest="body_size", type=int, default=100)
    parser.add_argument("-m", dest="mode", choices=["msg", "msgp"], default="msg")
    parser.add_argument("-s", dest="presettled", action="store_true")
    parser.add_argument("-w", dest="window", type=int, default=1000)
    parser.add_argument("-L", dest="listening", action="store_true")
    parser.add_argument("-W", dest="in_flight", type=int, default=0)
    return parser.parse_args()


def result(role, measured):
    seconds = measured.last - measured.first
    used = resource.getrusage(resource.RUSAGE_SELF)
    line = {
        "role": role,
        "n": measured.done,
        "sec": round(seconds, 4),
        "rate": round(measured.done / seconds) if seconds > 0 else 0,
        "user": round(used.ru_utime, 3),
        "sys": round(used.ru_stime, 3),
        "maxrss_kb": used.ru_maxrss,
    }
    latencies = sorted(measured.latencies)
    for name, share in (("p50_us", 500), ("p99_us", 990), ("p999_us", 999)):
        if latencies:
            line[name] = round(latencies[len(latencies) * share // 1000] * 1e6, 1)
    return json.dumps(line)


def main():
    options = parse()
    measured = (Sender if options.role == "send" else Receiver)(options)
    try:
        Container(measured).run()
    except Exception as error:  # such as a port in use
        sys.exit("peer: %s" % error)
    if measured.failed:
        sys.exit(1)
    print(result(options.role, measured))


main()
