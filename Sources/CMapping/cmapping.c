#define _GNU_SOURCE
#include "cmapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

enum { most_mappings = 1024 };

// A handler may wait for no lock: an entry is free where its end is 0, and good once that is set.
static struct {
    atomic_int is_taken;
    _Atomic uintptr_t start;
    _Atomic uintptr_t end;
    atomic_int is_lost;
} entries[most_mappings];

static struct sigaction before;

static void replace(int number, siginfo_t *facts, void *context) {
    (void)context;
    uintptr_t place = (uintptr_t)facts->si_addr;
    for (int i = 0; i < most_mappings; i++) {
        uintptr_t end = atomic_load(&entries[i].end);
        uintptr_t start = atomic_load(&entries[i].start);
        if (end == 0 || place < start || place >= end) continue;
        int error = errno;
        void *memory = mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        errno = error;
        if (memory == MAP_FAILED) break;
        atomic_store(&entries[i].is_lost, 1);
        return;
    }
    // Nothing of ours: the access is made again, and is told to whom it was told before.
    sigaction(number, &before, NULL);
}

static void install(void) {
    struct sigaction action = {0};
    action.sa_sigaction = replace;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before);
}

void *cmapping_map(int descriptor, size_t bytes) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    for (int i = 0; i < most_mappings; i++) {
        int is_free = 0;
        if (!atomic_compare_exchange_strong(&entries[i].is_taken, &is_free, 1)) continue;
        void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        if (memory == MAP_FAILED) {
            atomic_store(&entries[i].is_taken, 0);
            return NULL;
        }
        atomic_store(&entries[i].is_lost, 0);
        atomic_store(&entries[i].start, (uintptr_t)memory);
        atomic_store(&entries[i].end, (uintptr_t)memory + bytes);
        return memory;
    }
    errno = ENOMEM;
    return NULL;
}

static int entry_of(const void *memory) {
    for (int i = 0; i < most_mappings; i++) {
        if (atomic_load(&entries[i].end) != 0 &&
            atomic_load(&entries[i].start) == (uintptr_t)memory) {
            return i;
        }
    }
    return -1;
}

int cmapping_is_lost(const void *memory) {
    int i = entry_of(memory);
    return i >= 0 && atomic_load(&entries[i].is_lost);
}

void cmapping_unmap(void *memory, size_t bytes) {
    int i = entry_of(memory);
    munmap(memory, bytes);
    if (i < 0) return;
    atomic_store(&entries[i].end, 0);
    atomic_store(&entries[i].is_taken, 0);
}
