# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0

"""Logs in by proton's Python binding over TLS, for Tests/InteropTests:
secure_client.py HOST PORT anonymous|plain|external|wrong QUEUE FOLDER/, and then sends a message and takes it.

The folder has the files authority.pem, guest.pem and guest-key.pem. With a wrong password it has to be refused.
"""
import sys

from proton import Message, SSLDomain
from proton.utils import BlockingConnection

host, port, login, queue, folder = sys.argv[1:]
domain = SSLDomain(SSLDomain.MODE_CLIENT)
domain.set_trusted_ca_db(folder + "authority.pem")
domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
if login == "external":
    domain.set_credentials(folder + "guest.pem", folder + "guest-key.pem", None)
user = {"plain": "guest:guest@", "wrong": "guest:wrong@"}.get(login, "")
mechanism = {"wrong": "PLAIN"}.get(login, login.upper())
try:
    connection = BlockingConnection(
        f"amqps://{user}{host}:{port}", ssl_domain=domain, allowed_mechs=mechanism, timeout=10)
except Exception as error:
    if login == "wrong" and "unauthorized" in str(error).lower():
        sys.exit(0)
    sys.exit(f"connecting: {error}")
if login == "wrong":
    sys.exit("the log-in succeeds")
connection.create_sender(queue).send(Message("secret"))
receiver = connection.create_receiver(queue)
body = receiver.receive(timeout=5).body
receiver.accept()
connection.close()
sys.exit(None if body == "secret" else f"the message comes as {body}")
