// What pn_message takes to build, encode and decode a message with properties: nanoseconds of processor time, as JSON.
//     cc -O2 -o codec codec.c peer_message.c peer_options.c -lqpid-proton
#define _GNU_SOURCE
#include "peer.h"
#include <stdio.h>
#include <time.h>

static double processor_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    parse_options(argc, argv); // a role, as everywhere, and -n and -b
    options.mode = PROPERTIES;
    prepare_messages();
    double start = processor_seconds();
    for (long id = 1; id <= options.count; id++) {
        struct bytes message = next_message(id);
        take_message(message.start, message.size);
    }
    double seconds = processor_seconds() - start;
    printf("{\"role\":\"codec\",\"n\":%ld,\"sec\":%.4f,\"ns\":%.1f,\"enc_bytes\":%zu}\n", options.count, seconds,
           seconds / options.count * 1e9, next_message(1).size);
    return 0;
}
