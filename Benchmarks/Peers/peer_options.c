// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The command line of the C peer and the line of JSON it prints: those of all peers and of Swift's `throughput`.
#define _GNU_SOURCE
#include "peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct options options = {.host = "127.0.0.1", .port = "5672", .address = "examples",
                          .count = 1000000, .bodySize = 100, .window = 1000, .connections = 1, .links = 1,
                          .reading = READ_ID_AND_BODY};
struct run run;

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void usage(void) {
    fputs("usage: peer send|recv|ping|conn|open|forward [-h HOST] [-p PORT] [-a ADDRESS] [-n MESSAGES] [-b BODYBYTES]\n"
          "            [-m raw|msg|msgp|kinds] [-s presettled] [-w CREDITWINDOW] [-c CONNECTIONS] [-l LINKS] [-L listen]\n"
          "            [-E echo] [-W INFLIGHT] [-D durable] [-x SELECTOR] [-T FOLDER] [-r head|id|all] [-d whole|change|transit]\n"
          "A %d in the address stands for the number of the connection: each has a queue of its own.\n", stderr);
    exit(2);
}

static long number(const char *text) {
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || *end || n < 0 || n > 1000000000) usage();
    return n;
}

static int choice(const char *text, int count, const char *const names[]) {
    for (int i = 0; i < count; i++)
        if (!strcmp(text, names[i])) return i;
    usage();
    return 0;
}

void parse_options(int argc, char **argv) {
    if (argc < 2) usage();
    options.name = argv[1];
    options.role = choice(argv[1], 6, (const char *[]){"send", "recv", "ping", "conn", "open", "forward"});
    optind = 2;
    for (int flag; (flag = getopt(argc, argv, "h:p:a:n:b:m:sw:c:l:LEW:Dx:T:r:d:")) != -1;) {
        switch (flag) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = optarg; break;
        case 'a': options.address = optarg; break;
        case 'n': options.count = number(optarg); break;
        case 'b': options.bodySize = number(optarg); break;
        case 'm': options.mode = choice(optarg, 4, (const char *[]){"raw", "msg", "msgp", "kinds"}); break;
        case 's': options.presettled = true; break;
        case 'w': options.window = number(optarg); break;
        case 'c': options.connections = number(optarg); break;
        case 'l': options.links = number(optarg); break;
        case 'L': options.listening = true; break;
        case 'E': options.echoing = true; break;
        case 'W': options.inFlight = number(optarg); break;
        case 'D': options.durable = true; break;
        case 'x': options.selector = optarg; break;
        case 'T': options.tls = optarg; break;
        case 'r': options.reading = choice(optarg, 3, (const char *[]){"head", "id", "all"}); break;
        case 'd': options.work = choice(optarg, 3, (const char *[]){"whole", "change", "transit"}); break;
        default: usage();
        }
    }
    if (options.connections == 0 || options.links == 0 || options.window == 0 || optind != argc) usage();
    if (options.links > 1 && (options.role != SEND || options.listening || options.connections > 1)) usage();
    if (options.inFlight && options.connections * options.links > 1) usage(); // an outcome lets its own link go on
    if (options.role == FORWARD) options.listening = true;
    options.count -= options.count % (options.connections * options.links); // the same number on each
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static long resident_kilobytes(void) {
    long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// With idle connections there is nothing to time: say that they are open, and hold them until standard input closes.
void hold_connections(void) {
    printf("{\"role\":\"conn\",\"opened\":%d,\"rss_kb\":%ld}\n", run.opened, resident_kilobytes());
    fflush(stdout);
    for (char byte; read(0, &byte, 1) > 0;) continue;
}

static double cpu(struct timeval time) { return time.tv_sec + time.tv_usec * 1e-6; }

void print_result(void) {
    long n = options.role == SEND ? (options.presettled ? run.sent : run.acknowledged) : run.received;
    if (options.role == HANDSHAKE) n = run.opened;
    double seconds = run.last - run.first;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"role\":\"%s\",\"n\":%ld,\"other\":%ld,\"sec\":%.4f,\"rate\":%.0f,", options.name, n, run.refused,
           seconds, seconds > 0 ? n / seconds : 0);
    printf("\"user\":%.3f,\"sys\":%.3f,\"maxrss_kb\":%ld,\"nvcsw\":%ld", cpu(used.ru_utime), cpu(used.ru_stime),
           used.ru_maxrss, used.ru_nvcsw);
    if (run.attached) printf(",\"since_attach\":%.4f", run.last - run.attached);
    if (run.latencies && n > 0) {
        qsort(run.latencies, n, sizeof *run.latencies, by_value);
        printf(",\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f", run.latencies[n / 2] * 1e6,
               run.latencies[n * 99 / 100] * 1e6, run.latencies[n * 999 / 1000] * 1e6);
    }
    printf("}\n");
}
