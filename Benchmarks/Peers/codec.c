// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// What pn_message takes for a message with properties: nanoseconds of processor time, as JSON. By -d:
//     whole    it is built, encoded, decoded and read; -r says how much of it
//     change   one application property of a decoded message is set, and the message encoded
//     transit  it is decoded first
//     cc -O2 -o codec codec.c peer_message.c peer_reading.c peer_options.c -lqpid-proton
#define _GNU_SOURCE
#include "peer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double processor_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

// A message as it has come in, in memory of its own.
static struct bytes incoming_message(void) {
    struct bytes message = next_message(1);
    char *copy = malloc(message.size);
    if (!copy) abort();
    memcpy(copy, message.start, message.size);
    return (struct bytes){message.size, copy};
}

int main(int argc, char **argv) {
    parse_options(argc, argv); // a role, as everywhere, and -n, -b, -r and -d
    options.mode = PROPERTIES;
    prepare_messages();
    struct bytes transit = incoming_message();
    size_t size = transit.size;
    decode_message(transit.start, transit.size);
    double start = processor_seconds();
    for (long id = 1; id <= options.count; id++) {
        if (options.work == WHOLE) {
            struct bytes message = next_message(id);
            take_message(message.start, message.size);
        } else {
            if (options.work == TRANSIT) decode_message(transit.start, transit.size);
            size = change_message(id).size;
        }
    }
    double seconds = processor_seconds() - start;
    printf("{\"role\":\"codec\",\"n\":%ld,\"sec\":%.4f,\"ns\":%.1f,\"enc_bytes\":%zu}\n", options.count, seconds,
           seconds / options.count * 1e9, size);
    return 0;
}
