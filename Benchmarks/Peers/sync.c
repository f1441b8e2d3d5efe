// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// How often a second a file takes 4 kB more for good: what a store that syncs for each message could do on this disk.
//     cc -O2 -o sync sync.c && ./sync DIRECTORY 300
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    int count = argc == 3 ? atoi(argv[2]) : 0;
    if (count < 1) {
        fputs("usage: sync DIRECTORY COUNT\n", stderr);
        return 2;
    }
    int file = open(argv[1], O_TMPFILE | O_WRONLY, 0600); // gone with this program
    if (file < 0) die(argv[1]);
    static char block[4096];
    double start = now();
    for (int i = 0; i < count; i++) {
        if (write(file, block, sizeof block) != sizeof block) die("write");
        if (fdatasync(file)) die("fdatasync");
    }
    printf("{\"role\":\"sync\",\"n\":%d,\"rate\":%.1f}\n", count, count / (now() - start));
    return 0;
}
