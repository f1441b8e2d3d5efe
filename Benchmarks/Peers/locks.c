// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// How long a program holds its POSIX mutexes, and how often it takes them: a library to load first. It prints a line of
// JSON for each of the sixteen that are taken most, to standard error as the program ends:
//     cc -O2 -shared -fPIC -o locks.so locks.c -ldl
//     LD_PRELOAD=./locks.so program
// Taking the time adds some 20 ns to each; of a program with one thread nothing is waited for.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 4096, SHOWN = 16 };

// Only who holds the mutex changes what is kept of it, but for its place, which is never given back.
static struct kept {
    _Atomic(pthread_mutex_t *) mutex;
    uint64_t taken, held, since;
} table[PLACES];

static int (*real_lock)(pthread_mutex_t *), (*real_trylock)(pthread_mutex_t *), (*real_unlock)(pthread_mutex_t *);

static void find(void) {
    real_lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    real_trylock = dlsym(RTLD_NEXT, "pthread_mutex_trylock");
    real_unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
}

static uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

// What is kept of a mutex; NULL where the table is full.
static struct kept *kept(pthread_mutex_t *mutex) {
    size_t start = ((uintptr_t)mutex >> 4) * 2654435761u;
    for (size_t i = 0; i < 64; i++) {
        struct kept *place = &table[(start + i) % PLACES];
        pthread_mutex_t *there = atomic_load_explicit(&place->mutex, memory_order_relaxed);
        if (there == mutex) return place;
        if (!there && atomic_compare_exchange_strong(&place->mutex, &there, mutex)) return place;
        if (there == mutex) return place;
    }
    return NULL;
}

static int taken(pthread_mutex_t *mutex, int result) {
    struct kept *place = result ? NULL : kept(mutex);
    if (place) {
        place->taken++;
        place->since = nanoseconds();
    }
    return result;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    if (!real_lock) find();
    return taken(mutex, real_lock(mutex));
}

int pthread_mutex_trylock(pthread_mutex_t *mutex) {
    if (!real_trylock) find();
    return taken(mutex, real_trylock(mutex));
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    if (!real_unlock) find();
    struct kept *place = kept(mutex);
    if (place && place->since) {
        place->held += nanoseconds() - place->since;
        place->since = 0;
    }
    return real_unlock(mutex);
}

static int by_taken(const void *a, const void *b) {
    uint64_t x = ((const struct kept *)a)->taken, y = ((const struct kept *)b)->taken;
    return (x < y) - (x > y);
}

__attribute__((destructor)) static void tell(void) {
    static struct kept sorted[PLACES];
    for (int i = 0; i < PLACES; i++) sorted[i] = table[i];
    qsort(sorted, PLACES, sizeof *sorted, by_taken);
    for (int i = 0; i < SHOWN && sorted[i].taken; i++) {
        char text[160];
        int size = snprintf(text, sizeof text, "{\"mutex\":\"%p\",\"taken\":%lu,\"held_ns\":%lu}\n",
                            (void *)sorted[i].mutex, (unsigned long)sorted[i].taken, (unsigned long)sorted[i].held);
        if (write(2, text, size) < 0) return;
    }
}
