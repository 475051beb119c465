// libav, as Debian's libavformat-dev and its kin bring it, with functions for those of its macros
// that Swift does not see. Only attacca-media is linked with it.

#ifndef CLIBAV_SHIM_H
#define CLIBAV_SHIM_H

#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/channel_layout.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static inline int clibav_error_end(void) { return AVERROR_EOF; }
static inline int clibav_error_damage(void) { return AVERROR_INVALIDDATA; }
static inline int clibav_error_exit(void) { return AVERROR_EXIT; }
static inline int clibav_error_again(void) { return AVERROR(EAGAIN); }
static inline int clibav_error_memory(void) { return AVERROR(ENOMEM); }
static inline int clibav_error_system(int code) { return AVERROR(code); }
static inline int64_t clibav_no_time(void) { return AV_NOPTS_VALUE; }
static inline int clibav_is_key(const AVPacket *packet) { return packet->flags & AV_PKT_FLAG_KEY; }
static inline int clibav_is_corrupt(const AVPacket *packet) {
    return packet->flags & AV_PKT_FLAG_CORRUPT;
}
static inline int clibav_has_header(const AVFormatContext *context) {
    return (context->ctx_flags & AVFMTCTX_NOHEADER) == 0;
}
static inline AVStream *clibav_stream(const AVFormatContext *context, int index) {
    return index >= 0 && (unsigned)index < context->nb_streams ? context->streams[index] : NULL;
}

// What a process does to itself, and Swift can not: variadic, or an enumeration of its own.
static inline void clibav_end_with_parent(int signal) { prctl(PR_SET_PDEATHSIG, signal); }
static inline void clibav_gain_no_rights(void) { prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
static inline void clibav_limit(int resource, uint64_t value) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return;
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > value) limit.rlim_max = value;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(resource, &limit);
}
static inline void clibav_limit_data(uint64_t bytes) { clibav_limit(RLIMIT_DATA, bytes); }
static inline void clibav_limit_core(uint64_t bytes) { clibav_limit(RLIMIT_CORE, bytes); }
static inline void clibav_limit_files(uint64_t count) { clibav_limit(RLIMIT_NOFILE, count); }

#endif
