# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Does one thing with a broker by Microsoft's uamqp, for Tests/InteropTests:
uamqp_client.py HOST:PORT CERTIFICATE FEATURE QUEUE, where what listens there speaks TLS: uamqp speaks nothing else.

Ends with code 0 where the broker did what it should, and else says what it did instead.
"""
import asyncio
import sys
import threading

import uamqp
from uamqp import address, authentication, constants, types

broker, certificate, feature, queue = sys.argv[1:]
host, port = broker.split(":")


class Lacking(Exception):
    """What the broker does instead of what was asked of it."""


def require(condition, otherwise):
    if not condition:
        raise Lacking(otherwise)


def auth():
    return authentication.SASLAnonymous(host, port=int(port), verify=certificate)


# A node's address is all of its URL, but for the port.
def target(name=queue):
    return address.Target(f"amqp://{host}/{name}")


def source(name=queue):
    return address.Source(f"amqp://{host}/{name}")


def sender(name=queue, **options):
    return uamqp.SendClient(target(name), auth=auth(), **options)


def receiver(name=queue, **options):
    node = name if isinstance(name, address.Source) else source(name)
    return uamqp.ReceiveClient(node, auth=auth(), timeout=5000, **options)


def send(*bodies, name=queue, **options):
    """Sends messages, each of which must be accepted."""
    with_messages(name, [text(body) for body in bodies], **options)


def with_messages(name, messages, **options):
    client = sender(name, **options)
    for message in messages:
        client.queue_message(message)
    states = client.send_all_messages()
    complete = all(state == constants.MessageState.SendComplete for state in states)
    require(complete and len(states) == len(messages), f"the messages end as {states}")


def text(body):
    return uamqp.Message(body, body_type=constants.MessageBodyType.Value)


def body(message):
    data = message.get_data()
    return data.decode() if isinstance(data, bytes) else data


def take(count, client, settle=lambda message: message.accept()):
    """Receives and settles this many messages, or as many as come in five seconds."""
    bodies = []
    for message in client.receive_messages_iter():
        bodies.append(body(message))
        settle(message)
        if len(bodies) == count:
            break
    return bodies


def nothing(name=queue):
    with uamqp.ReceiveClient(source(name), auth=auth(), timeout=500) as client:
        rest = [body(message) for message in client.receive_messages_iter()]
        require(not rest, f"there is still {rest}")


def confirmed():
    send(*"abc", send_settle_mode=constants.SenderSettleMode.Unsettled)
    with receiver() as client:
        require(take(3, client) == list("abc"), "other messages come")


def settled():
    send("x", send_settle_mode=constants.SenderSettleMode.Settled)
    mode = constants.ReceiverSettleMode.ReceiveAndDelete
    with receiver(receive_settle_mode=mode, send_settle_mode=constants.SenderSettleMode.Settled) as client:
        require(take(1, client, lambda message: None) == ["x"], "another message comes")
    nothing()


def order():
    # uamqp waits 50 ms where it finds no message, as it does between one message and the next at prefetch 1.
    for window, count in ((1, 20), (10, 100), (1000, 300)):
        numbers = [str(number) for number in range(count)]
        send(*numbers)
        with receiver(prefetch=window) as client:
            bodies = take(count, client)
            require(bodies == numbers, f"at prefetch {window}, in the order {bodies}")


def batches():
    """Messages are taken and accepted in batches, as they come."""
    numbers = [str(number) for number in range(100)]
    send(*numbers)
    bodies = []
    with receiver(prefetch=40) as client:
        while len(bodies) < 100:
            batch = client.receive_message_batch(max_batch_size=20, timeout=5000)
            require(batch, f"after {len(bodies)} messages there are no more")
            bodies += [body(message) for message in batch]
    require(bodies == numbers, f"in the order {bodies}")
    nothing()


def outcomes():
    send("x")
    with receiver(auto_complete=False, prefetch=1) as client:
        messages = client.receive_messages_iter()
        next(messages).release()
        message = next(messages)
        require(body(message) == "x", "another message comes after a release")
        message.modify(True, False, annotations={types.AMQPSymbol(b"x-opt-tried"): True})
        message = next(messages)
        require(
            message.header.delivery_count == 1 and message.annotations == {b"x-opt-tried": True},
            f"modified, it comes with {message.header} and {message.annotations}")
        message.reject(condition=b"test:bad", description=b"No good.")
    nothing()


def large():
    content = b"0123456789abcdef" * 65536
    limit = 2_000_000 # by default it is 1 MiB
    message = uamqp.Message(content, body_type=constants.MessageBodyType.Data)
    with_messages(queue, [message], max_message_size=limit)
    with receiver(max_message_size=limit) as client:
        message = next(client.receive_messages_iter())
        require(b"".join(message.get_data()) == content, "it comes back changed")
        message.accept()


def echo():
    """Sends what comes from the queue to QUEUE-back, up to a message with the subject "last"."""
    with receiver() as client:
        for message in client.receive_messages_iter():
            kind = kinds[type(message._body)]
            data = message.get_data()
            back = uamqp.Message(
                data if kind == constants.MessageBodyType.Value else list(data), body_type=kind,
                properties=properties(message.properties),
                application_properties=message.application_properties, annotations=symbols(message.annotations),
                header=message.header, footer=symbols(message.footer),
                delivery_annotations=symbols(message.delivery_annotations))
            message.accept()
            with_messages(f"{queue}-back", [back])
            if message.properties and message.properties.subject == b"last":
                return
    raise Lacking("no last message has come")


kinds = {
    uamqp.message.DataBody: constants.MessageBodyType.Data,
    uamqp.message.SequenceBody: constants.MessageBodyType.Sequence,
    uamqp.message.ValueBody: constants.MessageBodyType.Value,
}


def properties(received):
    """Those of a received message hold what cannot be sent."""
    return received and uamqp.message.MessageProperties(**{
        name: getattr(received, name)
        for name in vars(uamqp.message.MessageProperties)
        if isinstance(getattr(uamqp.message.MessageProperties, name), property)
    })


def symbols(annotations):
    """The keys of annotations come as bytes, and would be sent as strings."""
    return annotations and {types.AMQPSymbol(key): value for key, value in annotations.items()}


def selector():
    for colour in ("red", "green", "blue", "green"):
        message = text(colour)
        message.application_properties = {"colour": colour}
        with_messages(queue, [message])
    chosen = source()
    chosen.set_filter(b"colour = 'green'")
    with receiver(chosen) as client:
        require(take(2, client) == ["green", "green"], "other messages come")
    with receiver() as client:
        require(take(2, client) == ["red", "blue"], "other messages are left")


def heartbeats():
    """A connection on which nothing happens for longer than its idle time-out."""
    with sender(idle_timeout=1000, keep_alive_interval=0) as client:
        client.send_message(text("before"))
        wait = threading.Event()
        for _ in range(250):
            wait.wait(0.01)
            require(client.do_work() is not False, "the connection is lost")
        client.send_message(text("after"))
    with receiver() as client:
        require(take(2, client) == ["before", "after"], "other messages come")


def asynchronous():
    async def run():
        numbers = [str(number) for number in range(20)]
        client = uamqp.SendClientAsync(target(), auth=auth())
        client.queue_message(*[text(number) for number in numbers])
        states = await client.send_all_messages_async()
        require(all(state == constants.MessageState.SendComplete for state in states), f"messages end as {states}")
        receiving = uamqp.ReceiveClientAsync(source(), auth=auth(), timeout=5000, prefetch=10)
        bodies = []
        async for message in receiving.receive_messages_iter_async():
            bodies.append(body(message))
            message.accept()
            if len(bodies) == 20:
                break
        await receiving.close_async()
        require(bodies == numbers, f"in the order {bodies}")

    asyncio.run(run())


features = {
    "anonymous": lambda: send("x"), "confirmed": confirmed, "settled": settled, "order": order, "batches": batches,
    "outcomes": outcomes, "large": large, "echo": echo, "selector": selector,
    "heartbeats": heartbeats, "asynchronous": asynchronous,
}

try:
    features[feature]()
except (Lacking, uamqp.errors.AMQPError, StopIteration) as error:
    sys.exit(f"{type(error).__name__}: {error}")
