// What libav writes: a container in a file, on a server, or in a pipe to the parent.

import CLibAV
import Glibc

final class Muxer {
    enum Place {
        /// With its protocol.
        case url(String)
        case pipe(PipeSink)
        case fragment(FragmentSink)
    }

    private var context: FormatContext?
    private let place: Place
    private var isBegun = false

    init(
        format: String, _ place: Place, options: [String: String] = [:]
    ) throws(MediaFailure) {
        self.place = place
        let name: String? = if case .url(let url) = place { url } else { nil }
        try check(avformat_alloc_output_context2(&context, nil, format, name), "format \(format)")
        guard let context else { throw MediaFailure("no memory") }
        context.pointee.interrupt_callback = Watch.interrupt
        // One stream without packets holds the others up no longer than this.
        context.pointee.max_interleave_delta = 1_000_000
        context.pointee.flush_packets = 1
        switch place {
        case .pipe(let sink): context.pointee.pb = sink.context
        case .fragment(let sink): context.pointee.pb = sink.context
        case .url(let url):
            var dictionary = Options(options)
            var interrupt = Watch.interrupt
            Watch.begin()
            defer { Watch.end() }
            try check(
                avio_open2(
                    &context.pointee.pb, url, AVIO_FLAG_WRITE, &interrupt, &dictionary.pointer),
                "opening")
        }
    }

    deinit {
        if case .url = place, let context, context.pointee.pb != nil {
            avio_closep(&context.pointee.pb)
        }
        avformat_free_context(context)
    }

    var maximumDelay: Int32 {
        get { context?.pointee.max_delay ?? 0 }
        set { context?.pointee.max_delay = newValue }
    }

    /// A stream like an input's; nil where the container can not hold it.
    func add(like stream: StreamPointer) throws(MediaFailure) -> StreamPointer? {
        guard let context, let parameters = stream.pointee.codecpar,
            hasPlace(for: parameters.pointee.codec_id)
        else { return nil }
        guard let made = avformat_new_stream(context, nil) else { throw MediaFailure("no memory") }
        try check(avcodec_parameters_copy(made.pointee.codecpar, parameters), "a stream")
        // Each container has its own.
        made.pointee.codecpar.pointee.codec_tag = 0
        let rate = parameters.pointee.sample_rate
        made.pointee.time_base =
            parameters.pointee.codec_type == AVMEDIA_TYPE_AUDIO && rate > 0
            ? AVRational(num: 1, den: rate) : stream.pointee.time_base
        made.pointee.avg_frame_rate = stream.pointee.avg_frame_rate
        made.pointee.sample_aspect_ratio = stream.pointee.sample_aspect_ratio
        av_dict_copy(&made.pointee.metadata, stream.pointee.metadata, 0)
        return made
    }

    /// A stream of what is encoded here.
    func add(
        _ encoder: UnsafeMutablePointer<AVCodecContext>
    ) throws(MediaFailure) -> StreamPointer {
        guard let made = avformat_new_stream(context, nil) else { throw MediaFailure("no memory") }
        try check(avcodec_parameters_from_context(made.pointee.codecpar, encoder), "a stream")
        made.pointee.time_base = encoder.pointee.time_base
        return made
    }

    /// Of a transport stream libav does not know it; see what goes in, in README.md.
    private static let transported = [
        AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_AAC,
        AV_CODEC_ID_AAC_LATM, AV_CODEC_ID_MP2, AV_CODEC_ID_MP3, AV_CODEC_ID_AC3, AV_CODEC_ID_EAC3,
        AV_CODEC_ID_OPUS,
    ]

    private func hasPlace(for codec: AVCodecID) -> Bool {
        let known = avformat_query_codec(context?.pointee.oformat, codec, FF_COMPLIANCE_NORMAL)
        return known == 1 || known < 0 && Muxer.transported.contains(codec)
    }

    func begin(_ options: [String: String]) throws(MediaFailure) {
        var dictionary = Options(options)
        Watch.begin()
        defer { Watch.end() }
        try check(avformat_write_header(context, &dictionary.pointer), "beginning")
        isBegun = true
    }

    /// Takes the packet's bytes.
    /// - Returns: false for a packet that is damaged: others are not.
    @discardableResult
    func write(_ packet: PacketPointer) throws(MediaFailure) -> Bool {
        Watch.begin()
        defer { Watch.end() }
        let bytes = Int(packet.pointee.size)
        let code = av_interleaved_write_frame(context, packet)
        if code == clibav_error_damage() || code == clibav_error_system(EINVAL) { return false }
        try check(code, "writing")
        Reporter.count(bytes: bytes)
        return true
    }

    /// Writes what is held, and the container's end.
    func finish() throws(MediaFailure) {
        guard isBegun else { return }
        isBegun = false
        Watch.begin()
        defer { Watch.end() }
        try check(av_write_trailer(context), "finishing")
        if case .url = place, let context {
            Watch.begin()
            try check(avio_closep(&context.pointee.pb), "finishing")
        }
    }
}
