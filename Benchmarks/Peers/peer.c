// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The peer of the benchmarks on proton-c's proactor: what a careful C program reaches. Its options: peer_options.c.
//     cc -O2 -o peer peer.c peer_*.c -lqpid-proton
#include "peer.h"
#include <proton/codec.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/listener.h>
#include <proton/netaddr.h>
#include <proton/proactor.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pn_link_t *answering;  // sends pings, and the answers of an echoing peer
static struct bytes received; // a buffer for what comes in

static void close_connection(pn_link_t *link) {
    pn_connection_close(pn_session_connection(pn_link_session(link)));
}

static void send_bytes(pn_link_t *sender, struct bytes message) {
    static uint64_t tag;
    tag++;
    pn_delivery_t *delivery = pn_delivery(sender, pn_dtag((const char *)&tag, sizeof tag));
    pn_link_send(sender, message.start, message.size);
    pn_link_advance(sender);
    if (options.presettled || pn_link_snd_settle_mode(sender) == PN_SND_SETTLED) pn_delivery_settle(delivery);
}

static void send_one(pn_link_t *sender) {
    static uint64_t id;
    send_bytes(sender, next_message(++id));
}

// What a link has still to send or to receive is kept as its context.
static long left(pn_link_t *link) { return (intptr_t)pn_link_get_context(link); }
static void set_left(pn_link_t *link, long n) { pn_link_set_context(link, (void *)(intptr_t)n); }
static bool may_send(void) { return !options.inFlight || run.sent - run.acknowledged < options.inFlight; }

static void send_available(pn_link_t *sender) {
    long remaining = left(sender);
    while (remaining > 0 && pn_link_credit(sender) > 0 && may_send()) {
        if (run.sent == 0) run.first = now();
        if (options.inFlight == 1) run.sentAt = now();
        send_one(sender);
        run.sent++;
        set_left(sender, --remaining);
        if (options.presettled && run.sent == options.count) run.last = now();
        if (options.presettled && remaining == 0) close_connection(sender);
    }
}

static void send_ping(void) {
    bool ready = run.linksReady == 2 && pn_link_credit(answering) > 0;
    if (!ready || run.sent > run.received || run.sent == options.count) return;
    run.sentAt = now();
    if (run.sent == 0) run.first = run.sentAt;
    send_one(answering);
    run.sent++;
}

static void on_acknowledged(pn_delivery_t *delivery) {
    if (!pn_delivery_updated(delivery)) return;
    pn_link_t *sender = pn_delivery_link(delivery);
    uint64_t state = pn_delivery_remote_state(delivery);
    if (state != PN_ACCEPTED) {
        if (!state && !pn_delivery_settled(delivery)) return;
        run.refused++;
    }
    run.acknowledged++;
    pn_delivery_settle(delivery);
    if (options.role != SEND) return;
    if (options.inFlight == 1) run.latencies[run.acknowledged - 1] = now() - run.sentAt;
    if (options.inFlight) send_available(sender);
    if (run.acknowledged == options.count) run.last = now();
    bool done = options.connections == 1 ? run.acknowledged == options.count
                                         : left(sender) == 0 && pn_link_unsettled(sender) == 0;
    if (done) close_connection(sender);
}

static void on_message(pn_delivery_t *delivery) {
    pn_link_t *receiver = pn_delivery_link(delivery);
    size_t size = pn_delivery_pending(delivery);
    if (received.size < size) {
        received = (struct bytes){size * 2, realloc(received.start, size * 2)};
        if (!received.start) abort();
    }
    pn_link_recv(receiver, received.start, size);
    if (run.received == 0 && options.role == RECEIVE) run.first = now();
    run.received++;
    if (options.role == FORWARD) {
        forward_message(received.start, size);
    } else {
        take_message(received.start, size);
    }
    if (!pn_delivery_settled(delivery)) pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    if (options.role == FORWARD) return forward_credit();
    int credit = pn_link_credit(receiver);
    if (credit <= options.window / 2) pn_link_flow(receiver, options.window - credit);
    if (options.echoing && answering) send_bytes(answering, (struct bytes){size, received.start});
    if (options.role == PING) {
        run.latencies[run.received - 1] = now() - run.sentAt;
        send_ping();
    }
    if (run.received == options.count) run.last = now();
    if (options.listening) return;
    set_left(receiver, left(receiver) - 1);
    if (left(receiver) == 0) close_connection(receiver);
}

static void open_link(pn_link_t *link) {
    pn_link_set_snd_settle_mode(link, options.presettled ? PN_SND_SETTLED : PN_SND_UNSETTLED);
    pn_link_open(link);
}

// The address with the number of the connection, beginning with 0, in the place of a %d.
static void make_address(char *address, size_t size) {
    static int made;
    const char *number = strstr(options.address, "%d");
    if (number) {
        snprintf(address, size, "%.*s%d%s", (int)(number - options.address), options.address, made++, number + 2);
    } else {
        snprintf(address, size, "%s", options.address);
    }
}

static void select_messages(pn_data_t *filter) {
    const char *descriptor = "apache.org:selector-filter:string";
    pn_data_put_map(filter);
    pn_data_enter(filter);
    pn_data_put_symbol(filter, pn_bytes(8, "selector"));
    pn_data_put_described(filter);
    pn_data_enter(filter);
    pn_data_put_symbol(filter, pn_bytes(strlen(descriptor), descriptor));
    pn_data_put_string(filter, pn_bytes(strlen(options.selector), options.selector));
    pn_data_exit(filter);
    pn_data_exit(filter);
}

static void on_connecting(pn_connection_t *connection) {
    char id[64], address[256];
    make_address(address, sizeof address);
    snprintf(id, sizeof id, "peer-%d-%p", getpid(), (void *)connection);
    pn_connection_set_container(connection, id);
    pn_connection_set_hostname(connection, options.host);
    pn_connection_open(connection);
    if (options.role == HANDSHAKE) return;
    pn_session_t *session = pn_session(connection);
    pn_session_open(session);
    for (int i = 0; options.role != RECEIVE && i < options.links; i++) {
        char name[32];
        snprintf(name, sizeof name, "sender-%d", i);
        pn_link_t *sender = answering = pn_sender(session, name);
        pn_terminus_set_address(pn_link_target(sender), address);
        set_left(sender, options.count / options.connections / options.links);
        open_link(sender);
    }
    if (options.role == RECEIVE || options.role == PING) {
        pn_link_t *receiver = pn_receiver(session, "receiver");
        pn_terminus_set_address(pn_link_source(receiver), address);
        if (options.selector) select_messages(pn_terminus_filter(pn_link_source(receiver)));
        set_left(receiver, options.count / options.connections);
        run.attached = now();
        open_link(receiver);
        pn_link_flow(receiver, options.window);
    }
}

static void on_link_opened(pn_link_t *link) {
    if (options.listening) { // answer with what the peer asked for
        pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
        // A node for responses, to which an echo goes whatever it is called.
        if (pn_terminus_is_dynamic(pn_link_source(link))) pn_terminus_set_address(pn_link_source(link), "responses");
        pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
        pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
        pn_link_open(link);
        if (options.role == FORWARD) {
            forward_opened(link);
        } else if (pn_link_is_receiver(link)) {
            pn_link_flow(link, options.window);
        } else {
            answering = link;
            if (options.role == SEND) set_left(link, options.count);
        }
    } else {
        run.linksReady++;
        if (options.role == PING) send_ping();
        if (options.selector && pn_data_size(pn_terminus_filter(pn_link_remote_source(link))) == 0) {
            fprintf(stderr, "peer: the other side applies no selector\n");
            run.failed = true;
            close_connection(link);
        }
    }
}

static void report(pn_condition_t *condition) {
    if (!pn_condition_is_set(condition)) return;
    const char *description = pn_condition_get_description(condition);
    fprintf(stderr, "peer: %s: %s\n", pn_condition_get_name(condition), description ? description : "");
    run.failed = true;
}

static pn_proactor_t *proactor;
static char address[PN_MAX_ADDR];

static void connect_one(void) { pn_proactor_connect2(proactor, NULL, make_transport(), address); }

static void stop(int signal) {
    (void)signal;
    pn_proactor_interrupt(proactor);
}

// Returns whether to go on.
static bool handle(pn_event_t *event) {
    switch (pn_event_type(event)) {
    case PN_LISTENER_OPEN: fprintf(stderr, "listening\n"); break;
    case PN_LISTENER_ACCEPT: pn_listener_accept2(pn_event_listener(event), NULL, make_transport()); break;
    case PN_LISTENER_CLOSE: report(pn_listener_condition(pn_event_listener(event))); return false;
    case PN_CONNECTION_BOUND:
        if (options.listening) pn_transport_require_auth(pn_event_transport(event), false);
        break;
    case PN_CONNECTION_INIT:
        if (!options.listening) on_connecting(pn_event_connection(event));
        break;
    case PN_CONNECTION_REMOTE_OPEN:
        run.opened++;
        if (options.listening) pn_connection_open(pn_event_connection(event));
        if (options.role == HANDSHAKE && !options.listening) pn_connection_close(pn_event_connection(event));
        break;
    case PN_SESSION_REMOTE_OPEN:
        if (options.listening) pn_session_open(pn_event_session(event));
        break;
    case PN_LINK_REMOTE_OPEN: on_link_opened(pn_event_link(event)); break;
    case PN_LINK_FLOW:
        if (options.role == FORWARD) forward_credit();
        if (pn_link_is_receiver(pn_event_link(event)) || (options.listening && options.role != SEND)) break;
        if (options.role == SEND) send_available(pn_event_link(event));
        if (options.role == PING) send_ping();
        break;
    case PN_DELIVERY: {
        pn_delivery_t *delivery = pn_event_delivery(event);
        if (pn_link_is_sender(pn_delivery_link(delivery))) {
            on_acknowledged(delivery);
        } else if (pn_delivery_readable(delivery) && !pn_delivery_partial(delivery)) {
            on_message(delivery);
        }
        break;
    }
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
        report(pn_link_remote_condition(pn_event_link(event)));
        pn_link_close(pn_event_link(event));
        if (run.failed) pn_connection_close(pn_event_connection(event));
        break;
    case PN_CONNECTION_REMOTE_CLOSE:
        report(pn_connection_remote_condition(pn_event_connection(event)));
        forward_ended(pn_event_connection(event));
        pn_connection_close(pn_event_connection(event));
        break;
    case PN_TRANSPORT_CLOSED:
        forward_ended(pn_event_connection(event));
        report(pn_transport_condition(pn_event_transport(event)));
        run.closed++;
        if (options.role == FORWARD) return true; // until it is ended
        if (options.role == HANDSHAKE && !run.failed) {
            run.last = now();
            if (!options.listening && run.closed < options.count) connect_one();
            return run.closed < options.count;
        }
        if (options.listening && options.role != SEND && run.received < options.count) return true;
        return !(options.listening && run.closed >= run.opened);
    case PN_PROACTOR_INTERRUPT: return false;
    // It comes between two connections as well.
    case PN_PROACTOR_INACTIVE: return options.role == HANDSHAKE && !run.failed && run.closed < options.count;
    default: break;
    }
    return true;
}

int main(int argc, char **argv) {
    parse_options(argc, argv);
    prepare_messages();
    if (options.role == PING || options.inFlight == 1) run.latencies = calloc(options.count + 1, sizeof *run.latencies);

    prepare_tls();
    proactor = pn_proactor();
    if (options.role == FORWARD) signal(SIGTERM, stop);
    pn_proactor_addr(address, sizeof address, options.host, options.port);
    if (options.listening) {
        pn_proactor_listen(proactor, pn_listener(), address, 4096);
    } else {
        run.first = now();
        for (int i = 0; i < options.connections; i++) connect_one();
    }
    for (bool going = true; going;) {
        pn_event_batch_t *batch = pn_proactor_wait(proactor);
        for (pn_event_t *event; going && (event = pn_event_batch_next(batch));) going = handle(event);
        pn_proactor_done(proactor, batch);
        if (options.role != IDLE) continue;
        if (run.failed) return 1; // fewer than asked for
        if (run.linksReady == options.connections) {
            hold_connections();
            return 0;
        }
    }
    if (options.role != IDLE && !run.failed) print_result();
    return run.failed;
}
