// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The messages of the C peer: built, encoded and decoded by pn_message, as a careful C program does it.
#include "peer.h"
#include <proton/codec.h>
#include <proton/error.h>
#include <proton/message.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pn_message_t *outgoing, *incoming;
static char *body;
static struct bytes buffer, preencoded;

static void die(const char *what, int code) {
    fprintf(stderr, "peer: %s failed: %s\n", what, pn_code(code));
    exit(1);
}

static char *allocate(void *old, size_t size) {
    char *memory = realloc(old, size);
    if (!memory) die("memory allocation", PN_OUT_OF_MEMORY);
    return memory;
}

static void build(uint64_t id) {
    pn_message_t *message = outgoing;
    pn_message_clear(message);
    pn_message_set_inferred(message, true); // a data section, not an amqp-value
    if (options.durable) pn_message_set_durable(message, true);
    pn_message_set_id(message, (pn_atom_t){.type = PN_ULONG, .u.as_ulong = id});
    if (options.mode == PROPERTIES) {
        pn_message_set_durable(message, true);
        pn_message_set_subject(message, "subject");
        pn_message_set_address(message, options.address);
        pn_message_set_content_type(message, "application/octet-stream");
        pn_message_set_creation_time(message, 1700000000000);
        pn_data_t *properties = pn_message_properties(message);
        pn_data_put_map(properties);
        pn_data_enter(properties);
        pn_data_put_string(properties, pn_bytes(3, "key"));
        pn_data_put_string(properties, pn_bytes(5, "value"));
        pn_data_put_string(properties, pn_bytes(3, "seq"));
        pn_data_put_long(properties, id);
        pn_data_exit(properties);
    }
    if (options.mode == KINDS) { // a hundred kinds, in turn, for a selector to choose one of
        pn_data_t *properties = pn_message_properties(message);
        pn_data_put_map(properties);
        pn_data_enter(properties);
        pn_data_put_string(properties, pn_bytes(4, "kind"));
        pn_data_put_long(properties, id % 100);
        pn_data_exit(properties);
    }
    pn_data_put_binary(pn_message_body(message), pn_bytes(options.bodySize, body));
}

// Encodes a message into the buffer, which grows until it fits.
static struct bytes encode(pn_message_t *encoded) {
    for (;;) {
        struct bytes message = buffer;
        int error = pn_message_encode(encoded, message.start, &message.size);
        if (error == 0) return message;
        if (error != PN_OVERFLOW) die("encoding", error);
        buffer.size *= 2;
        buffer.start = allocate(buffer.start, buffer.size);
    }
}

void prepare_messages(void) {
    outgoing = pn_message();
    incoming = pn_message();
    body = allocate(NULL, options.bodySize + 1);
    memset(body, 'x', options.bodySize);
    buffer.size = options.bodySize + 512;
    buffer.start = allocate(NULL, buffer.size);
    if (!outgoing || !incoming) die("memory allocation", PN_OUT_OF_MEMORY);
    build(1);
    preencoded = encode(outgoing);
}

struct bytes next_message(uint64_t id) {
    if (options.mode == RAW) return preencoded;
    build(id);
    return encode(outgoing);
}

void decode_message(const char *bytes, size_t size) {
    int error = pn_message_decode(incoming, bytes, size);
    if (error) die("decoding", error);
}

void take_message(const char *bytes, size_t size) {
    if (options.mode == RAW || size == 0) return; // pn_message_decode aborts on nothing
    decode_message(bytes, size);
    read_message(incoming);
}

struct bytes change_message(int64_t number) {
    set_property(incoming, number);
    return encode(incoming);
}
