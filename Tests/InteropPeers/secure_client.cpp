// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Logs in by proton's C++ binding over TLS, for Tests/InteropTests:
// secure_client HOST PORT anonymous|plain|external|wrong QUEUE FOLDER/, and then sends a message and takes it.
//
// The folder has the files authority.pem, guest.pem and guest-key.pem. With a wrong password it has to be refused.
#include <iostream>
#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/error_condition.hpp>
#include <proton/message.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/reconnect_options.hpp>
#include <proton/sender.hpp>
#include <proton/ssl.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <string>

struct client : proton::messaging_handler {
    std::string url, login, queue, folder, result = "nothing came";
    bool sent = false;

    void on_container_start(proton::container &container) override {
        proton::connection_options options;
        const std::string authority = folder + "authority.pem";
        if (login == "external") {
            proton::ssl_certificate certificate(folder + "guest.pem", folder + "guest-key.pem");
            options.ssl_client_options(proton::ssl_client_options(certificate, authority, proton::ssl::VERIFY_PEER_NAME));
        } else {
            options.ssl_client_options(proton::ssl_client_options(authority, proton::ssl::VERIFY_PEER_NAME));
        }
        if (login == "plain" || login == "wrong") options.user("guest").password(login == "plain" ? "guest" : "wrong");
        options.sasl_allowed_mechs(login == "anonymous" ? "ANONYMOUS" : login == "external" ? "EXTERNAL" : "PLAIN");
        container.connect(url, options);
    }
    void on_connection_open(proton::connection &connection) override {
        connection.open_sender(queue);
        connection.open_receiver(queue);
    }
    void on_sendable(proton::sender &sender) override {
        if (sent) return;
        sent = true;
        sender.send(proton::message("secret"));
    }
    void on_message(proton::delivery &delivery, proton::message &message) override {
        std::string body = proton::get<std::string>(message.body());
        result = body == "secret" ? "" : "the message comes as " + body;
        delivery.accept();
        delivery.connection().close();
    }
    void on_transport_error(proton::transport &transport) override {
        result = transport.error().what();
        if (login == "wrong" && transport.error().name() == "amqp:unauthorized-access") result = "";
    }
    void on_error(const proton::error_condition &error) override { result = error.what(); }
};

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    client client;
    client.url = std::string("amqps://") + argv[1] + ":" + argv[2];
    client.login = argv[3];
    client.queue = argv[4];
    client.folder = argv[5];
    proton::container(client).run();
    if (!client.result.empty()) std::cout << client.result << std::endl;
    return client.result.empty() ? 0 : 1;
}
