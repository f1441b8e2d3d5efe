# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Logs in by Microsoft's uamqp over TLS, for Tests/InteropTests:
secure_uamqp.py HOST PORT anonymous|plain|wrong QUEUE FOLDER/, and then sends a message and takes it.

The folder has the file authority.pem. With a wrong password it has to be refused.
"""
import sys

import uamqp
from uamqp import authentication, constants

host, port, login, queue, folder = sys.argv[1:]
authority = folder + "authority.pem"


def auth():
    if login == "anonymous":
        return authentication.SASLAnonymous(host, port=int(port), verify=authority)
    password = "wrong" if login == "wrong" else "guest"
    return authentication.SASLPlain(host, "guest", password, port=int(port), verify=authority)


node = f"amqp://{host}/{queue}"
try:
    client = uamqp.SendClient(node, auth=auth())
    client.queue_message(uamqp.Message(b"secret"))
    states = client.send_all_messages()
except Exception as error:
    sys.exit(0 if login == "wrong" else f"sending: {error}")
if login == "wrong":
    sys.exit("the log-in succeeds")
if states != [constants.MessageState.SendComplete]:
    sys.exit(f"the message ends as {states}")
receiver = uamqp.ReceiveClient(node, auth=auth(), timeout=5000)
messages = receiver.receive_message_batch(max_batch_size=1, timeout=5000)
bodies = [b"".join(message.get_data()) for message in messages]
for message in messages:
    message.accept()
receiver.close()
sys.exit(None if bodies == [b"secret"] else f"the messages come as {bodies}")
