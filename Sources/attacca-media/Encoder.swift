// One of libav's encoders, set up to make what another stream is.

import CLibAV

final class Encoder {
    private var context: UnsafeMutablePointer<AVCodecContext>?
    private var output: StreamPointer?
    private let packet: PacketPointer
    private var silence: UnsafeMutablePointer<AVFrame>?
    /// Of the next frame, in the encoder's time base.
    private var time: Int64 = 0
    /// Frames in a second, of pictures.
    private(set) var rate = AVRational(num: 0, den: 1)

    /// How far it has come.
    var seconds: Double {
        guard let base = context?.pointee.time_base else { return 0 }
        return Double(time) * Double(base.num) / Double(max(base.den, 1))
    }

    private init(_ name: String) throws(MediaFailure) {
        guard let codec = avcodec_find_encoder_by_name(name) else {
            throw MediaFailure("libav has no encoder \(name) here")
        }
        context = avcodec_alloc_context3(codec)
        guard let packet = av_packet_alloc(), context != nil else {
            throw MediaFailure("no memory")
        }
        self.packet = packet
    }

    deinit {
        avcodec_free_context(&context)
        av_frame_free(&silence)
        var packet: PacketPointer? = packet
        av_packet_free(&packet)
    }

    // MARK: What it is like

    convenience init(pictureLike stream: StreamPointer) throws(MediaFailure) {
        guard let like = stream.pointee.codecpar else { throw MediaFailure("no picture") }
        let names = [
            AV_CODEC_ID_H264: "libx264", AV_CODEC_ID_HEVC: "libx265",
            AV_CODEC_ID_MPEG2VIDEO: "mpeg2video",
        ]
        guard let name = names[like.pointee.codec_id] else {
            let codec = String(cString: avcodec_get_name(like.pointee.codec_id))
            throw MediaFailure("\(codec) is not encoded here")
        }
        try self.init(name)
        guard let context else { return }
        let rate = stream.pointee.avg_frame_rate.num > 0
            ? stream.pointee.avg_frame_rate : AVRational(num: 25, den: 1)
        self.rate = rate
        context.pointee.width = like.pointee.width
        context.pointee.height = like.pointee.height
        context.pointee.sample_aspect_ratio = like.pointee.sample_aspect_ratio
        context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
        context.pointee.framerate = rate
        context.pointee.time_base = AVRational(num: rate.den, den: rate.num)
        context.pointee.color_range = like.pointee.color_range
        context.pointee.color_primaries = like.pointee.color_primaries
        context.pointee.color_trc = like.pointee.color_trc
        context.pointee.colorspace = like.pointee.color_space
        context.pointee.gop_size = max((rate.num + rate.den / 2) / max(rate.den, 1), 1)
        context.pointee.max_b_frames = 0
        // What is on the air needs the processor more.
        context.pointee.thread_count = 1
        var options = Options(Encoder.options(name, like.pointee.profile))
        if name == "mpeg2video" {
            context.pointee.bit_rate = 4_000_000
            context.pointee.rc_max_rate = 8_000_000
            context.pointee.rc_buffer_size = 1_835_008
        }
        try check(avcodec_open2(context, context.pointee.codec, &options.pointer), name)
    }

    private static func options(_ name: String, _ profile: Int32) -> [String: String] {
        switch name {
        case "libx264":
            let profiles: [Int32: String] = [66: "baseline", 578: "baseline", 77: "main"]
            return [
                "preset": "veryfast", "crf": "20", "tune": "stillimage",
                "profile": profiles[profile] ?? "high",
            ]
        case "libx265":
            return ["preset": "fast", "crf": "22", "x265-params": "log-level=none:pools=1"]
        default: return [:]
        }
    }

    convenience init(soundLike stream: StreamPointer) throws(MediaFailure) {
        guard let like = stream.pointee.codecpar else { throw MediaFailure("no sound") }
        let names = [
            AV_CODEC_ID_AAC: "aac", AV_CODEC_ID_MP2: "mp2", AV_CODEC_ID_AC3: "ac3",
            AV_CODEC_ID_EAC3: "eac3", AV_CODEC_ID_MP3: "libmp3lame",
        ]
        guard let name = names[like.pointee.codec_id] else {
            let codec = String(cString: avcodec_get_name(like.pointee.codec_id))
            throw MediaFailure("\(codec) is not encoded here")
        }
        try self.init(name)
        guard let context, let codec = context.pointee.codec else { return }
        context.pointee.sample_rate = like.pointee.sample_rate
        context.pointee.sample_fmt = codec.pointee.sample_fmts?.pointee ?? AV_SAMPLE_FMT_FLTP
        av_channel_layout_default(&context.pointee.ch_layout, like.pointee.ch_layout.nb_channels)
        context.pointee.time_base = AVRational(num: 1, den: like.pointee.sample_rate)
        context.pointee.bit_rate = like.pointee.bit_rate > 0 ? like.pointee.bit_rate : 128_000
        try check(avcodec_open2(context, codec, nil), name)
    }

    func add(to muxer: Muxer) throws(MediaFailure) {
        guard let context else { return }
        output = try muxer.add(context)
    }

    /// What its pictures are.
    var shape: (width: Int32, height: Int32, aspect: AVRational) {
        guard let context else { return (0, 0, AVRational(num: 1, den: 1)) }
        let aspect = context.pointee.sample_aspect_ratio
        return (
            context.pointee.width, context.pointee.height,
            aspect.num > 0 && aspect.den > 0 ? aspect : AVRational(num: 1, den: 1)
        )
    }

    // MARK: Frames

    func encode(
        _ frame: UnsafeMutablePointer<AVFrame>, into muxer: Muxer
    ) throws(MediaFailure) {
        frame.pointee.pts = time
        // The encoder decides which picture is what.
        frame.pointee.pict_type = AV_PICTURE_TYPE_NONE
        time += 1
        try send(frame, into: muxer)
    }

    func encodeSilence(into muxer: Muxer) throws(MediaFailure) {
        guard let context else { return }
        let count = context.pointee.frame_size > 0 ? context.pointee.frame_size : 1024
        if silence == nil {
            silence = av_frame_alloc()
            guard let silence else { throw MediaFailure("no memory") }
            silence.pointee.nb_samples = count
            silence.pointee.format = context.pointee.sample_fmt.rawValue
            silence.pointee.sample_rate = context.pointee.sample_rate
            try check(
                av_channel_layout_copy(&silence.pointee.ch_layout, &context.pointee.ch_layout),
                "silence")
            try check(av_frame_get_buffer(silence, 0), "silence")
            av_samples_set_silence(
                silence.pointee.extended_data, 0, count,
                silence.pointee.ch_layout.nb_channels, context.pointee.sample_fmt)
        }
        guard let silence else { return }
        silence.pointee.pts = time
        time += Int64(count)
        try send(silence, into: muxer)
    }

    func finish(into muxer: Muxer) throws(MediaFailure) { try send(nil, into: muxer) }

    private func send(
        _ frame: UnsafeMutablePointer<AVFrame>?, into muxer: Muxer
    ) throws(MediaFailure) {
        guard let context, let output else { return }
        Watch.begin()
        try check(avcodec_send_frame(context, frame), "encoding")
        while true {
            let code = avcodec_receive_packet(context, packet)
            if code == clibav_error_again() || code == clibav_error_end() { break }
            try check(code, "encoding")
            av_packet_rescale_ts(packet, context.pointee.time_base, output.pointee.time_base)
            packet.pointee.stream_index = output.pointee.index
            try muxer.write(packet)
        }
        Watch.end()
    }
}
