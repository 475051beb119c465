// One stream on its way from a demuxer to a muxer: which of its packets go on, and when they are.

import CLibAV
import Foundation
import MediaJobs

struct Track {
    let input: StreamPointer
    let output: StreamPointer
    let isVideo: Bool
    /// Known when the input is gone.
    let codec: AVCodecID
    /// Of the newest packet, in the input's time base, without the wraps of its 33 bits.
    private var lastDecoding: Int64?
    private var lastTicks: Int64 = 0
    /// Of the newest packet that was written, in the output's time base.
    private var lastWritten: Int64?
    /// What `av_rescale_delta` knows: sound frames keep their length whatever the time base rounds.
    private var soundPlace = clibav_no_time()
    private var entry: Entry
    private let filter: PacketFilter?

    /// Where pictures may begin.
    private enum Entry {
        /// At the next random access picture.
        case awaited
        /// Begun at a picture of this time: what is shown before it needs what is not there.
        case at(Int64)
        /// Nothing was missing before.
        case open
    }

    /// Of a sound frame its time is off by rounding, a sixteenth.
    private static let roundingShare: Int64 = 16
    /// A step beyond this is a place where packets are missing, in seconds.
    private static let longestStep: Int64 = 1

    init(
        _ input: StreamPointer, _ output: StreamPointer, beginsAtKey: Bool, filter: PacketFilter?
    ) {
        self.input = input
        self.output = output
        codec = input.pointee.codecpar.pointee.codec_id
        isVideo = input.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
        entry = isVideo && beginsAtKey ? .awaited : .open
        self.filter = filter
    }

    /// The same stream of the output, out of another input.
    func goingOn(
        with stream: StreamPointer, beginsAtKey: Bool, filter: PacketFilter?
    ) -> Track {
        var track = Track(stream, output, beginsAtKey: beginsAtKey, filter: filter)
        track.lastWritten = lastWritten
        track.soundPlace = soundPlace
        return track
    }

    /// It is that of a fragment, whose number is the PID; sound goes on where the fragment before
    /// ended.
    mutating func goOn(_ before: FragmentOrder.Before?) {
        output.pointee.id = input.pointee.id
        if codec == AV_CODEC_ID_HEVC { output.pointee.codecpar.pointee.codec_tag = Track.hvc1 }
        let own = fragmentTrack(rest: nil)
        if let old = before?.tracks.first(where: { $0.id == own.id && $0.kind == own.kind }),
            let sound = old.sound
        {
            soundPlace = sound.end
        }
    }

    private static let hvc1 = "hvc1".utf8.reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }

    /// Nothing is missing before the first picture.
    mutating func open() { entry = .open }

    /// Ticks of the input in a second.
    private var rate: Int64 {
        let base = input.pointee.time_base
        return base.num > 0 ? Int64(base.den) / Int64(base.num) : 90_000
    }

    var hasWritten: Bool { lastWritten != nil }

    var isAwaitingEntry: Bool {
        if case .awaited = entry { true } else { false }
    }

    // MARK: In

    /// Gives the packet its unwrapped times and says whether it goes on.
    /// - Parameter reference: a time of the other streams, where this one has none yet.
    mutating func accept(_ packet: PacketPointer, near reference: Int64?) -> Bool {
        let none = clibav_no_time()
        if packet.pointee.dts == none, packet.pointee.pts != none {
            packet.pointee.dts = packet.pointee.pts - reorderTicks(packet)
        }
        // Of the sound frames in a stream's first PES packet libav knows the first one's time only.
        if !isVideo, packet.pointee.dts == none, packet.pointee.pts == none, let lastDecoding {
            packet.pointee.dts = lastDecoding + lastTicks
        }
        if packet.pointee.pts == none { packet.pointee.pts = packet.pointee.dts }
        guard packet.pointee.dts != none else { return false }
        let decoding = unwrapped(packet.pointee.dts, near: lastDecoding ?? reference)
        packet.pointee.pts = decoding + wrapped(packet.pointee.pts &- packet.pointee.dts)
        packet.pointee.dts = decoding
        defer {
            lastDecoding = decoding
            lastTicks = frameTicks(packet)
        }
        guard clibav_is_corrupt(packet) == 0 else {
            if isVideo { missSome() }
            return false
        }
        guard isVideo else { return true }
        if let lastDecoding, abs(decoding - lastDecoding) > Track.longestStep * rate { missSome() }
        return enter(packet)
    }

    /// How long a sound frame lasts, in the input's time base.
    private func frameTicks(_ packet: PacketPointer) -> Int64 {
        let parameters = input.pointee.codecpar
        guard !isVideo, let rate = parameters?.pointee.sample_rate, rate > 0 else {
            return packet.pointee.duration
        }
        let samples = av_get_audio_frame_duration2(parameters, packet.pointee.size)
        return av_rescale_q(
            Int64(samples), AVRational(num: 1, den: rate), input.pointee.time_base)
    }

    private mutating func enter(_ packet: PacketPointer) -> Bool {
        switch entry {
        case .open: return true
        case .awaited:
            guard clibav_is_key(packet) != 0 else { return false }
            entry = .at(packet.pointee.pts)
            return true
        case .at(let time):
            if packet.pointee.pts < time { return false }
            if clibav_is_key(packet) != 0 { entry = .open }
            return true
        }
    }

    /// Packets are missing: pictures go on at the next random access.
    mutating func missSome() {
        if isVideo { entry = .awaited }
    }

    /// How far decoding goes before showing, where only the latter is told: Matroska's first
    /// pictures.
    private func reorderTicks(_ packet: PacketPointer) -> Int64 {
        guard isVideo, let delay = input.pointee.codecpar?.pointee.video_delay, delay > 0 else {
            return 0
        }
        let rate = input.pointee.avg_frame_rate
        let frame = rate.num > 0
            ? av_rescale_q(1, AVRational(num: rate.den, den: rate.num), input.pointee.time_base)
            : packet.pointee.duration
        return Int64(delay) * frame
    }

    private func unwrapped(_ time: Int64, near reference: Int64?) -> Int64 {
        guard let reference else { return time }
        return reference + wrapped(time &- reference)
    }

    /// A distance between two times, of which each may have wrapped.
    private func wrapped(_ distance: Int64) -> Int64 {
        let bits = Int64(input.pointee.pts_wrap_bits)
        guard bits > 0, bits < 63 else { return distance }
        let unused = 64 - bits
        return (distance << unused) >> unused
    }

    // MARK: Out

    /// Moves the packet onto the output's line; false where that is no step forward.
    /// - Parameter origin: where the output's time 0 is, in the input's time base.
    mutating func place(_ packet: PacketPointer, origin: Int64) -> Bool {
        let (from, to) = (input.pointee.time_base, output.pointee.time_base)
        let delay = packet.pointee.pts - packet.pointee.dts
        let time = packet.pointee.dts - origin
        let parameters = input.pointee.codecpar
        let samples = isVideo ? 0
            : av_get_audio_frame_duration2(parameters, packet.pointee.size)
        if !isVideo, samples > 0, let rate = parameters?.pointee.sample_rate, rate > 0 {
            let grid = AVRational(num: 1, den: rate)
            let end = soundPlace
            packet.pointee.dts = av_rescale_delta(from, time, grid, samples, &soundPlace, to)
            // Where the input's clock is the finer one libav rounds each frame by itself.
            let length = Int64(samples)
            if end != clibav_no_time(),
                abs(soundPlace - length - end) <= length / Track.roundingShare
            {
                soundPlace = end + length
                packet.pointee.dts = av_rescale_q(end, grid, to)
            }
            packet.pointee.duration = av_rescale_q(Int64(samples), grid, to)
        } else {
            packet.pointee.dts = av_rescale_q(time, from, to)
            packet.pointee.duration = av_rescale_q(packet.pointee.duration, from, to)
        }
        packet.pointee.pts = isVideo
            ? av_rescale_q(time + delay, from, to) : packet.pointee.dts
        if let lastWritten, packet.pointee.dts <= lastWritten {
            // A picture that is left out costs others.
            guard isVideo, packet.pointee.pts > lastWritten else { return false }
            packet.pointee.dts = lastWritten + 1
        }
        lastWritten = packet.pointee.dts
        packet.pointee.stream_index = output.pointee.index
        packet.pointee.pos = -1
        return true
    }

    /// Makes of the packet what the container wants of it.
    /// - Returns: false where it is damaged.
    func filter(_ packet: PacketPointer) throws(MediaFailure) -> Bool {
        try filter?.pass(packet) ?? true
    }

    // MARK: Told

    /// Its frames say themselves where they begin, and may do so anywhere in the transport stream's
    /// PES packets.
    var isSelfFramed: Bool {
        let codecs = [
            AV_CODEC_ID_AAC, AV_CODEC_ID_MP1, AV_CODEC_ID_MP2, AV_CODEC_ID_MP3, AV_CODEC_ID_AC3,
            AV_CODEC_ID_EAC3,
        ]
        return codecs.contains(codec)
    }

    /// What a fragment has of it.
    /// - Parameter rest: a sound frame that it leaves to the next one.
    func fragmentTrack(rest: PacketPointer?) -> FragmentTrack {
        let own = input.pointee.codecpar.pointee
        var kind = String(cString: avcodec_get_name(codec))
        var parameters = own.extradata.map { Data(bytes: $0, count: Int(own.extradata_size)) }
        guard !isVideo else {
            let aspect = own.sample_aspect_ratio
            kind += " \(own.width)x\(own.height) \(aspect.num):\(aspect.den)"
            if parameters?.count ?? 0 > FragmentTrack.mostParameterBytes { parameters = nil }
            return FragmentTrack(
                id: input.pointee.id, kind: kind, sound: nil, parameters: parameters)
        }
        kind += " \(own.profile) \(own.sample_rate) \(own.ch_layout.nb_channels)"
        // Of pictures it stands in the stream too; ADTS has none.
        kind += parameters.map { " " + $0.base64EncodedString() } ?? ""
        return FragmentTrack(id: input.pointee.id, kind: kind, sound: sound(rest), parameters: nil)
    }

    private func sound(_ rest: PacketPointer?) -> FragmentTrack.Sound? {
        let rate = max(input.pointee.codecpar.pointee.sample_rate, 1)
        let (base, samples) = (input.pointee.time_base, AVRational(num: 1, den: rate))
        let begin = rest.map { av_rescale_q($0.pointee.pts, base, samples) }
        let isPlaced = soundPlace != clibav_no_time()
        guard let end = isPlaced ? soundPlace : begin else { return nil }
        return FragmentTrack.Sound(
            end: end, restBytes: rest.map { Int($0.pointee.size) } ?? 0,
            restPosition: rest.map {
                av_rescale_q($0.pointee.pts, base, AVRational(num: 1, den: 90_000))
            } ?? 0)
    }
}

/// One of libav's bitstream filters, on one stream.
final class PacketFilter {
    private var context: UnsafeMutablePointer<AVBSFContext>?

    init(_ name: String, _ stream: StreamPointer) throws(MediaFailure) {
        guard let kind = av_bsf_get_by_name(name) else { throw MediaFailure("no filter \(name)") }
        try check(av_bsf_alloc(kind, &context), name)
        guard let context else { throw MediaFailure("no memory") }
        try check(avcodec_parameters_copy(context.pointee.par_in, stream.pointee.codecpar), name)
        context.pointee.time_base_in = stream.pointee.time_base
        try check(av_bsf_init(context), name)
    }

    deinit { av_bsf_free(&context) }

    /// - Returns: false for a packet that is damaged.
    func pass(_ packet: PacketPointer) throws(MediaFailure) -> Bool {
        try check(av_bsf_send_packet(context, packet), "a filter")
        let code = av_bsf_receive_packet(context, packet)
        if code == clibav_error_memory() { throw MediaFailure("no memory") }
        // A damaged header says anything, and so do the reasons why it is none.
        if code < 0 { av_bsf_flush(context) }
        return code >= 0
    }
}
