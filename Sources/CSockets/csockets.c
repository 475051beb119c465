#define _GNU_SOURCE
#include "csockets.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { most_datagrams = 64, control_bytes = 128 };

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

void csockets_read_sender(const void *address, struct csockets_sender *sender) {
    const struct sockaddr *any = address;
    uint8_t bytes[16] = {0};
    uint16_t port = 0;
    if (any->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = address;
        memcpy(bytes, &six->sin6_addr, 16);
        port = six->sin6_port;
    } else if (any->sa_family == AF_INET) {
        const struct sockaddr_in *four = address;
        memset(bytes + 10, 0xFF, 2);
        memcpy(bytes + 12, &four->sin_addr, 4);
        port = four->sin_port;
    }
    uint64_t words[2];
    memcpy(words, bytes, 16);
    sender->high = be64toh(words[0]);
    sender->low = be64toh(words[1]);
    sender->port = ntohs(port);
}

int csockets_receive(int descriptor, uint8_t *bytes, int stride, int count, int32_t *lengths,
                     int64_t *arrivals, int32_t *segments, struct csockets_sender *senders) {
    struct sockaddr_storage from[most_datagrams];
    struct mmsghdr messages[most_datagrams];
    struct iovec pieces[most_datagrams];
    union {
        char bytes[control_bytes];
        struct cmsghdr aligned;
    } control[most_datagrams];
    if (count > most_datagrams) count = most_datagrams;
    memset(messages, 0, sizeof(messages[0]) * (size_t)count);
    for (int i = 0; i < count; i++) {
        pieces[i].iov_base = bytes + (size_t)i * (size_t)stride;
        pieces[i].iov_len = (size_t)stride;
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        if (senders != NULL) {
            from[i].ss_family = AF_UNSPEC;
            messages[i].msg_hdr.msg_name = &from[i];
            messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
        }
        messages[i].msg_hdr.msg_control = control[i].bytes;
        messages[i].msg_hdr.msg_controllen = control_bytes;
    }
    int received = recvmmsg(descriptor, messages, (unsigned)count, MSG_DONTWAIT, NULL);
    if (received < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
    }
    for (int i = 0; i < received; i++) {
        lengths[i] = (int32_t)messages[i].msg_len;
        if (senders != NULL) csockets_read_sender(&from[i], &senders[i]);
        arrivals[i] = 0;
        segments[i] = 0;
        struct msghdr *header = &messages[i].msg_hdr;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec time;
                memcpy(&time, CMSG_DATA(c), sizeof(time));
                arrivals[i] = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
            } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
                int size;
                memcpy(&size, CMSG_DATA(c), sizeof(size));
                segments[i] = size;
            }
        }
    }
    return received;
}

int csockets_send(int descriptor, const void *bytes, int length, int segment, const void *address,
                  uint32_t address_length) {
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = (size_t)length};
    struct msghdr message;
    memset(&message, 0, sizeof(message));
    message.msg_name = (void *)address;
    message.msg_namelen = address_length;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr aligned;
    } control;
    if (length > segment) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)segment;
        memcpy(CMSG_DATA(header), &size, sizeof(size));
    }
    return sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int csockets_stamp(int descriptor) {
    int on = 1;
    return setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ? -errno : 0;
}

int csockets_join_segments(int descriptor) {
    int on = 1;
    return setsockopt(descriptor, SOL_UDP, UDP_GRO, &on, sizeof(on)) < 0 ? -errno : 0;
}

int csockets_join_group(int descriptor, uint32_t interface_index, const void *group,
                        uint32_t group_length, const void *source, uint32_t source_length) {
    const struct sockaddr *address = group;
    int level = address->sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    if (source != NULL) {
        struct group_source_req request;
        memset(&request, 0, sizeof(request));
        request.gsr_interface = interface_index;
        memcpy(&request.gsr_group, group, group_length);
        memcpy(&request.gsr_source, source, source_length);
        return setsockopt(descriptor, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof(request)) < 0
                   ? -errno
                   : 0;
    }
    struct group_req request;
    memset(&request, 0, sizeof(request));
    request.gr_interface = interface_index;
    memcpy(&request.gr_group, group, group_length);
    return setsockopt(descriptor, level, MCAST_JOIN_GROUP, &request, sizeof(request)) < 0 ? -errno
                                                                                          : 0;
}

int csockets_pipe(int *read_end, int *write_end, int bytes) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    // Less is enough.
    (void)fcntl(ends[1], F_SETPIPE_SZ, bytes);
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

int csockets_memory_file(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int csockets_close_others(void *actions) {
    return -posix_spawn_file_actions_addclosefrom_np(actions, 3);
}
