// A file mapped into memory whose loss does not end the process: where somebody cuts the file off,
// or its disk fails, an access is a SIGBUS. Its handler puts plain memory in the file's place.

#ifndef CMAPPING_H
#define CMAPPING_H

#include <stddef.h>

/// Maps the first bytes of a file for reading and writing, shared. NULL with errno where it fails.
void *cmapping_map(int descriptor, size_t bytes);

/// Whether the file is lost: what is written goes nowhere.
int cmapping_is_lost(const void *memory);

void cmapping_unmap(void *memory, size_t bytes);

#endif
