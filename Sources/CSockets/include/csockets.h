// The few socket calls that Swift can not make: control messages and multicast structures are
// macros and flexible arrays in C.

#ifndef CSOCKETS_H
#define CSOCKETS_H

// Only this: a header of the system that is read here is hidden from who imports Glibc alone.
#include <stdint.h>

/// An IPv6 address (an IPv4 one mapped into it), as two numbers, and a port.
struct csockets_sender {
    uint64_t high;
    uint64_t low;
    uint16_t port;
};

/// Receives up to `count` datagrams without waiting. Datagram i stands at bytes + i * stride.
/// lengths[i]: its bytes; arrivals[i]: the kernel's CLOCK_REALTIME in nanoseconds, 0 where it gives
/// none; segments[i]: the size of the datagrams that the kernel joined (UDP_GRO), 0 for a single one;
/// senders[i]: whose it is; NULL where nobody asks. Returns how many came, 0 for none, or -errno.
int csockets_receive(int descriptor, uint8_t *bytes, int stride, int count, int32_t *lengths,
                     int64_t *arrivals, int32_t *segments, struct csockets_sender *senders);

/// What a struct sockaddr says; zeros where it is of neither family.
void csockets_read_sender(const void *address, struct csockets_sender *sender);

/// Sends `length` bytes to a struct sockaddr as datagrams of `segment` bytes, the last one as long as
/// is left. Where that is more than one the kernel cuts them (UDP_SEGMENT). Returns 0 or -errno.
int csockets_send(int descriptor, const void *bytes, int length, int segment, const void *address,
                  uint32_t address_length);

/// Switches time stamps (SO_TIMESTAMPNS) on. Returns 0 or -errno.
int csockets_stamp(int descriptor);

/// Switches UDP_GRO on. Returns 0 or -errno.
int csockets_join_segments(int descriptor);

/// Joins a multicast group, of either family; with `source` only what that host sends. Both are
/// struct sockaddr. Returns 0 or -errno.
int csockets_join_group(int descriptor, uint32_t interface_index, const void *group,
                        uint32_t group_length, const void *source, uint32_t source_length);

/// Makes a pipe, closed in what is executed, that holds `bytes` where the system allows so many.
/// Returns 0 or -errno.
int csockets_pipe(int *read_end, int *write_end, int bytes);

/// Closes all descriptors but the standard three in what is spawned; `actions` is a
/// posix_spawn_file_actions_t, whose other actions are there already. Returns 0 or -errno.
int csockets_close_others(void *actions);

/// Makes a file that stands in memory only, closed in what is executed. Returns its descriptor or
/// -errno.
int csockets_memory_file(const char *name);

#endif
