// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// What the C peer does with a message that it has decoded: reads what -r says, or sets one of its properties.
#include "peer.h"
#include <proton/codec.h>
#include <proton/message.h>
#include <string.h>

static volatile uint64_t checksum; // keeps the decoder's work from being optimised away

static uint64_t length(const char *text) { return text ? strlen(text) : 0; }

// What the properties of an application add up to: the lengths of keys and texts, and the numbers.
static uint64_t read_properties(pn_data_t *properties) {
    uint64_t sum = 0;
    pn_data_rewind(properties);
    if (!pn_data_next(properties) || pn_data_type(properties) != PN_MAP) return 0;
    pn_data_enter(properties);
    while (pn_data_next(properties)) {
        sum += pn_data_get_string(properties).size;
        if (!pn_data_next(properties)) break;
        if (pn_data_type(properties) == PN_STRING) sum += pn_data_get_string(properties).size;
        if (pn_data_type(properties) == PN_LONG) sum += pn_data_get_long(properties);
    }
    pn_data_exit(properties);
    return sum;
}

void read_message(pn_message_t *message) {
    uint64_t sum = pn_message_get_id(message).u.as_ulong;
    if (options.reading != READ_HEAD) {
        pn_data_t *content = pn_message_body(message);
        pn_data_next(content);
        sum += pn_data_get_binary(content).size;
    }
    if (options.reading == READ_ALL) {
        sum += pn_message_is_durable(message) + pn_message_get_creation_time(message);
        sum += length(pn_message_get_address(message)) + length(pn_message_get_subject(message));
        sum += length(pn_message_get_content_type(message)) + read_properties(pn_message_properties(message));
    }
    checksum += sum;
}

// The map of properties is written anew, with another number for "seq": there is no other way to change one of them.
void set_property(pn_message_t *message, int64_t number) {
    static pn_data_t *old;
    if (!old) old = pn_data(0);
    pn_data_t *properties = pn_message_properties(message);
    pn_data_copy(old, properties);
    pn_data_rewind(old);
    pn_data_clear(properties);
    pn_data_put_map(properties);
    pn_data_enter(properties);
    pn_data_next(old);
    pn_data_enter(old);
    while (pn_data_next(old)) {
        pn_bytes_t key = pn_data_get_string(old);
        pn_data_put_string(properties, key);
        if (!pn_data_next(old)) break;
        if (key.size == 3 && !memcmp(key.start, "seq", 3)) {
            pn_data_put_long(properties, number);
        } else {
            pn_data_put_atom(properties, pn_data_get_atom(old)); // the values of these messages are no compound ones
        }
    }
    pn_data_exit(properties);
}
