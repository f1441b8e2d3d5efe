// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The peer of the benchmarks on proton's C++ binding: send and recv with the options and the output of the C peer.
//     c++ -O2 -std=c++17 -o peer-cpp peer.cpp -lqpid-proton-cpp -lqpid-proton
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <proton/binary.hpp>
#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/error_condition.hpp>
#include <proton/link.hpp>
#include <proton/listen_handler.hpp>
#include <proton/listener.hpp>
#include <proton/message.hpp>
#include <proton/message_id.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/symbol.hpp>
#include <proton/timestamp.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <proton/value.hpp>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

using Clock = std::chrono::steady_clock;

struct Options {
    std::string role, host = "127.0.0.1", port = "5672", address = "examples";
    long count = 100000, inFlight = 0; // inFlight 0: as many as there is credit for
    int bodySize = 100, window = 1000;
    bool properties = false, presettled = false, listening = false;

    std::string url() const { return "//" + host + ":" + port; }
    proton::delivery_mode mode() const {
        return presettled ? proton::delivery_mode::AT_MOST_ONCE : proton::delivery_mode::AT_LEAST_ONCE;
    }
};

// What both roles measure: the first message to the last, and round trips one at a time.
struct Measured : proton::messaging_handler {
    const Options &options;
    long done = 0;
    bool failed = false;
    Clock::time_point first, last;
    std::vector<double> latencies;

    explicit Measured(const Options &options) : options(options) {}

    void on_error(const proton::error_condition &error) override {
        std::cerr << "peer: " << error << std::endl;
        failed = true;
    }
};

class Sender : public Measured {
    proton::binary body;
    long sent = 0;
    Clock::time_point sentAt;

    proton::message build(uint64_t id) const {
        proton::message message;
        message.id(id);
        message.inferred(true); // a data section, not an amqp-value
        message.body(body);
        if (options.properties) {
            message.durable(true);
            message.subject("subject");
            message.to(options.address);
            message.content_type("application/octet-stream");
            message.creation_time(proton::timestamp(1700000000000));
            message.properties().put("key", "value");
            message.properties().put("seq", int64_t(id));
        }
        return message;
    }

    void send_available(proton::sender &sender) {
        while (sender.credit() > 0 && sent < options.count && (!options.inFlight || sent - done < options.inFlight)) {
            if (sent == 0) first = Clock::now();
            if (options.inFlight == 1) sentAt = Clock::now();
            sender.send(build(++sent));
            if (options.presettled) done = sent;
            if (options.presettled && sent == options.count) finish(sender.connection());
        }
    }

    void finish(proton::connection connection) {
        last = Clock::now();
        connection.close();
    }

  public:
    explicit Sender(const Options &options) : Measured(options), body(options.bodySize, 'x') {}

    void on_container_start(proton::container &container) override {
        auto link = proton::sender_options().delivery_mode(options.mode());
        container.open_sender(options.url() + "/" + options.address, link);
    }
    void on_sendable(proton::sender &sender) override { send_available(sender); }
    void on_tracker_accept(proton::tracker &tracker) override {
        if (options.inFlight == 1) latencies.push_back(std::chrono::duration<double>(Clock::now() - sentAt).count());
        if (++done == options.count) return finish(tracker.connection());
        proton::sender sender = tracker.sender();
        if (options.inFlight) send_available(sender);
    }
};

class Receiver : public Measured {
    struct Announcing : proton::listen_handler {
        void on_open(proton::listener &) override { std::cerr << "listening" << std::endl; }
        void on_error(proton::listener &, const std::string &why) override {
            std::cerr << "peer: " << why << std::endl;
            std::exit(1);
        }
    };
    Announcing announcing;
    proton::listener listener;
    size_t received = 0; // bytes of bodies

  public:
    using Measured::Measured;

    void on_container_start(proton::container &container) override {
        auto link = proton::receiver_options().credit_window(options.window).delivery_mode(options.mode());
        container.receiver_options(link); // of links that a peer opens
        if (options.listening) {
            listener = container.listen(options.url(), announcing);
        } else {
            container.open_receiver(options.url() + "/" + options.address, link);
        }
    }
    void on_message(proton::delivery &delivery, proton::message &message) override {
        if (done == 0) first = Clock::now();
        received += proton::get<proton::binary>(message.body()).size();
        if (++done < options.count) return;
        last = Clock::now();
        if (!options.listening) delivery.connection().close();
    }
    void on_transport_close(proton::transport &) override {
        if (options.listening && done >= options.count) listener.stop();
    }
};

[[noreturn]] static void usage() {
    std::cerr << "usage: peer-cpp send|recv [-h HOST] [-p PORT] [-a ADDRESS] [-n MESSAGES] [-b BODYBYTES]\n"
                 "            [-m msg|msgp] [-s presettled] [-w CREDITWINDOW] [-L listen] [-W INFLIGHT]\n";
    std::exit(2);
}

static Options parse(int argc, char **argv) {
    Options options;
    if (argc < 2) usage();
    options.role = argv[1];
    if (options.role != "send" && options.role != "recv") usage();
    optind = 2;
    for (int flag; (flag = getopt(argc, argv, "h:p:a:n:b:m:sw:LW:")) != -1;) {
        switch (flag) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = optarg; break;
        case 'a': options.address = optarg; break;
        case 'n': options.count = std::stol(optarg); break;
        case 'b': options.bodySize = std::stoi(optarg); break;
        case 'm': options.properties = std::string(optarg) == "msgp"; break;
        case 's': options.presettled = true; break;
        case 'w': options.window = std::stoi(optarg); break;
        case 'L': options.listening = true; break;
        case 'W': options.inFlight = std::stol(optarg); break;
        default: usage();
        }
    }
    if (optind != argc) usage();
    return options;
}

static void print(const Options &options, Measured &result) {
    double seconds = std::chrono::duration<double>(result.last - result.first).count();
    rusage used;
    getrusage(RUSAGE_SELF, &used);
    auto cpu = [](timeval time) { return time.tv_sec + time.tv_usec * 1e-6; };
    std::printf("{\"role\":\"%s\",\"n\":%ld,\"sec\":%.4f,\"rate\":%.0f,\"user\":%.3f,\"sys\":%.3f,\"maxrss_kb\":%ld",
                options.role.c_str(), result.done, seconds, seconds > 0 ? result.done / seconds : 0,
                cpu(used.ru_utime), cpu(used.ru_stime), used.ru_maxrss);
    auto &latencies = result.latencies;
    if (!latencies.empty()) {
        std::sort(latencies.begin(), latencies.end());
        size_t n = latencies.size();
        std::printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f", latencies[n / 2] * 1e6,
                    latencies[n * 99 / 100] * 1e6, latencies[n * 999 / 1000] * 1e6);
    }
    std::printf("}\n");
}

template <class Role> static int measure(const Options &options) {
    Role role(options);
    proton::container(role).run();
    if (role.failed) return 1;
    print(options, role);
    return 0;
}

int main(int argc, char **argv) {
    try {
        Options options = parse(argc, argv);
        return options.role == "send" ? measure<Sender>(options) : measure<Receiver>(options);
    } catch (const std::exception &error) {
        std::cerr << "peer: " << error.what() << std::endl;
        return 1;
    }
}
