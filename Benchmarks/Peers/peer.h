// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// What the files of the C peer share: what was asked for, what has happened, and the messages it sends and takes.
#pragma once
#include <proton/connection.h>
#include <proton/link.h>
#include <proton/message.h>
#include <proton/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum role { SEND, RECEIVE, PING, IDLE, HANDSHAKE, FORWARD };
enum mode { RAW, MESSAGE, PROPERTIES, KINDS };
enum reading { READ_HEAD, READ_ID_AND_BODY, READ_ALL };
enum work { WHOLE, CHANGE, TRANSIT }; // of the codec

extern struct options {
    enum role role;
    enum mode mode;
    enum reading reading;
    enum work work;
    const char *name, *host, *port, *address, *selector, *tls;
    long count, inFlight; // inFlight 0: as many as there is credit for
    int bodySize, window, connections, links; // links of each connection
    bool presettled, listening, echoing, durable;
} options;

extern struct run {
    long sent, acknowledged, refused, received;
    int opened, closed, linksReady;
    double attached, first, last, sentAt; // seconds of the monotonic clock
    double *latencies;          // of one round trip each, for ping and one message in flight
    bool failed;
} run;

struct bytes {
    size_t size;
    char *start;
};

// peer_options.c
double now(void);
void parse_options(int argc, char **argv); // ends the program on a wrong one
void hold_connections(void);
void print_result(void);

// peer_tls.c
void prepare_tls(void);             // ends the program on a failure
pn_transport_t *make_transport(void); // of a new connection; NULL without TLS

// peer_forward.c
void forward_opened(pn_link_t *link);
void forward_ended(pn_connection_t *connection);
void forward_credit(void); // the consumer may have given more
void forward_message(const char *bytes, size_t size);

// peer_message.c: each ends the program on a failure, which is a bug here or a wrong -m on one of the sides
void prepare_messages(void);
struct bytes next_message(uint64_t id); // valid until the next call; pre-encoded with -m raw
void take_message(const char *bytes, size_t size); // decodes and reads it, with -m raw neither
void decode_message(const char *bytes, size_t size);
struct bytes change_message(int64_t number); // sets a property of what was decoded and encodes it; valid as above

// peer_reading.c
void read_message(pn_message_t *message);
void set_property(pn_message_t *message, int64_t number);
