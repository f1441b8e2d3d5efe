// How often a second the disk under a directory takes 4 kB for good: what a store that syncs for each message could do.
//     cc -O2 -o sync sync.c && ./sync DIRECTORY 300
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 256 };

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
    int file = open(argv[1], O_TMPFILE | O_RDWR, 0600);
    if (file < 0) die(argv[1]);
    // Written first, and written over then: a sync is then of 4 kB alone, and not of where on the disk they are.
    static char block[BLOCK];
    for (int i = 0; i < BLOCKS; i++)
        if (pwrite(file, block, BLOCK, (off_t)i * BLOCK) != BLOCK) die("write");
    if (fsync(file)) die("fsync");
    double start = now();
    for (int i = 0; i < count; i++)
        if (pwrite(file, block, BLOCK, (off_t)(i % BLOCKS) * BLOCK) != BLOCK || fdatasync(file)) die("fdatasync");
    printf("{\"role\":\"sync\",\"n\":%d,\"rate\":%.1f}\n", count, count / (now() - start));
    return 0;
}
