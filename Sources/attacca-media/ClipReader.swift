// The pictures of a still or a clip, decoded, and brought into another stream's shape.

import CLibAV

typealias FramePointer = UnsafeMutablePointer<AVFrame>

final class ClipReader {
    private let demuxer: Demuxer
    let stream: StreamPointer
    private var decoder: UnsafeMutablePointer<AVCodecContext>?
    private let packet: PacketPointer
    private var frames: [FramePointer] = []
    private var isAtEnd = false

    init(_ path: String) throws(MediaFailure) {
        demuxer = try Demuxer("file:\(path)", ["protocol_whitelist": "file"])
        let isPicture = { (stream: StreamPointer) in
            stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
                && stream.pointee.codecpar.pointee.width > 0
        }
        guard let stream = demuxer.streams.first(where: isPicture), let packet = av_packet_alloc(),
            let codec = avcodec_find_decoder(stream.pointee.codecpar.pointee.codec_id)
        else { throw MediaFailure("there is no picture in it that could be decoded") }
        self.stream = stream
        self.packet = packet
        decoder = avcodec_alloc_context3(codec)
        try check(avcodec_parameters_to_context(decoder, stream.pointee.codecpar), "decoding")
        decoder?.pointee.thread_count = 1
        try check(avcodec_open2(decoder, codec, nil), "decoding")
    }

    deinit {
        for frame in frames {
            var frame: FramePointer? = frame
            av_frame_free(&frame)
        }
        avcodec_free_context(&decoder)
        var packet: PacketPointer? = packet
        av_packet_free(&packet)
    }

    /// The next picture; it is good until the reader goes.
    func next() throws(MediaFailure) -> FramePointer? {
        guard let frame = av_frame_alloc() else { throw MediaFailure("no memory") }
        // Two are in use: one that is looked at, one before it.
        frames.append(frame)
        if frames.count > 2 {
            var old: FramePointer? = frames.removeFirst()
            av_frame_free(&old)
        }
        while true {
            Watch.begin()
            let code = avcodec_receive_frame(decoder, frame)
            Watch.end()
            if code == clibav_error_end() { return nil }
            if code != clibav_error_again() {
                try check(code, "decoding")
                frame.pointee.pts = frame.pointee.best_effort_timestamp
                return frame
            }
            guard !isAtEnd else { return nil }
            if try demuxer.read(into: packet) {
                guard packet.pointee.stream_index == stream.pointee.index else { continue }
                Watch.begin()
                defer { Watch.end() }
                try check(avcodec_send_packet(decoder, packet), "decoding")
            } else {
                isAtEnd = true
                try check(avcodec_send_packet(decoder, nil), "decoding")
            }
        }
    }
}

/// Scales pictures into a shape, between bars where theirs is another, at another rate.
final class PictureShaper {
    private var graph: UnsafeMutablePointer<AVFilterGraph>?
    private var source: UnsafeMutablePointer<AVFilterContext>?
    private var sink: UnsafeMutablePointer<AVFilterContext>?
    private let shaped: FramePointer
    private let clip: ClipReader
    private let encoder: Encoder
    private let isStill: Bool
    /// Of the picture that was put in last, in the clip's time base.
    private var end: Int64 = 0

    /// - Parameter isStill: there is no rate.
    init(from clip: ClipReader, to encoder: Encoder, isStill: Bool) throws(MediaFailure) {
        self.isStill = isStill
        guard let shaped = av_frame_alloc() else { throw MediaFailure("no memory") }
        self.shaped = shaped
        self.clip = clip
        self.encoder = encoder
    }

    deinit {
        avfilter_graph_free(&graph)
        var shaped: FramePointer? = shaped
        av_frame_free(&shaped)
    }

    /// Takes a picture, or nil behind the last.
    func put(_ frame: FramePointer?) throws(MediaFailure) {
        if graph == nil, let frame { try build(for: frame) }
        Watch.begin()
        defer { Watch.end() }
        guard let frame else {
            // The last one lasts too.
            try check(av_buffersrc_close(source, end, 0), "scaling")
            return
        }
        end = frame.pointee.pts.addingReportingOverflow(frame.pointee.pkt_duration).partialValue
        try check(
            av_buffersrc_add_frame_flags(source, frame, Int32(AV_BUFFERSRC_FLAG_KEEP_REF)),
            "scaling")
    }

    /// Gives one that is ready; it is good until the next.
    func take() throws(MediaFailure) -> FramePointer? {
        Watch.begin()
        defer { Watch.end() }
        av_frame_unref(shaped)
        let code = av_buffersink_get_frame(sink, shaped)
        if code == clibav_error_again() || code == clibav_error_end() { return nil }
        try check(code, "scaling")
        return shaped
    }

    private func build(for frame: FramePointer) throws(MediaFailure) {
        let (width, height, aspect) = encoder.shape
        let base = clip.stream.pointee.time_base
        let own = frame.pointee.sample_aspect_ratio
        // In square pixels as wide as it is shown, then pressed into those of the stream.
        let shown = max(Int64(width) * Int64(aspect.num) / Int64(max(aspect.den, 1)), 2) / 2 * 2
        let rate = encoder.rate
        let description =
            "buffer@in=video_size=\(frame.pointee.width)x\(frame.pointee.height)"
            + ":pix_fmt=\(frame.pointee.format):time_base=\(max(base.num, 1))/\(max(base.den, 1))"
            + ":pixel_aspect=\(own.num > 0 ? own.num : 1)/\(own.num > 0 ? max(own.den, 1) : 1)"
            + ",scale=w='iw*sar':h=ih,setsar=1"
            + ",scale=\(shown):\(height):force_original_aspect_ratio=decrease:flags=lanczos"
            + ",pad=\(shown):\(height):-1:-1,scale=\(width):\(height)"
            + ",setsar=\(aspect.num)/\(aspect.den),format=yuv420p"
            + (isStill ? "" : ",fps=\(rate.num)/\(rate.den)") + ",buffersink@out"
        graph = avfilter_graph_alloc()
        var (inputs, outputs): (
            UnsafeMutablePointer<AVFilterInOut>?, UnsafeMutablePointer<AVFilterInOut>?
        ) = (nil, nil)
        defer {
            avfilter_inout_free(&inputs)
            avfilter_inout_free(&outputs)
        }
        try check(avfilter_graph_parse2(graph, description, &inputs, &outputs), "scaling")
        try check(avfilter_graph_config(graph, nil), "scaling")
        source = avfilter_graph_get_filter(graph, "buffer@in")
        sink = avfilter_graph_get_filter(graph, "buffersink@out")
    }
}
