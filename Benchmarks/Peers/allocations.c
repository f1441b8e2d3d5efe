// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Counts how often a program asks for memory, in all its threads, and prints that to standard error as it ends:
//     cc -O2 -shared -fPIC -o allocations.so allocations.c
//     LD_PRELOAD=./allocations.so program
// What glibc does itself with what it is given is called by other names, which are not looked at.
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_ulong allocations;

static void count(void) { atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed); }

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || alignment & (alignment - 1)) return EINVAL;
    count();
    void *found = __libc_memalign(alignment, size);
    if (!found) return ENOMEM;
    *memory = found;
    return 0;
}

__attribute__((destructor)) static void tell(void) {
    char text[64]; // without stdio's streams, which may be closed, and allocate
    int size = snprintf(text, sizeof text, "allocations: %lu\n", atomic_load(&allocations));
    if (write(2, text, size) < 0) return;
}
