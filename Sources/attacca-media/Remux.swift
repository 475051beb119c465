// Carries the packets of one demuxer into one muxer, never re-encoded.
//
// A container begins at time 0 with a random access picture; sound before that picture is left out,
// and what comes before the picture is known is held. Where packets are missing, pictures go on at
// the next random access, and the sound goes on at once.

import CLibAV
import MediaJobs

final class Remux {
    enum Container { case mp4, flv, transportStream }

    struct Manner {
        /// Times begin at 0, and pictures with a random access.
        var beginsAnew = true
        var container = Container.mp4
        /// Tells what is safe of a live stream.
        var tellsSafety = false
        /// A stream that comes later makes it another stream.
        var endsWhenStreamsChange = false
        /// One fragment of many, on their line of time.
        var fragment: FragmentOrder?
    }

    /// Packets that wait for the first picture; more is no use to anybody.
    private static let mostHeld = 2000

    private enum Begin {
        /// What has come, in order.
        case held([PacketPointer])
        /// The output's time 0 on the input's line, 90 kHz.
        case at(Int64)
    }

    /// Where one recording ends and another may go on.
    struct Joint {
        fileprivate var muxer: Muxer
        fileprivate var manner: Manner
        /// In the order of the output's streams.
        fileprivate var tracks: [Track]
        fileprivate var origin: Int64
        fileprivate var end: Int64
    }

    /// A recording that begins so near the end of the one before goes on from it, 90 kHz.
    private static let joinTicks: Int64 = 90_000

    let demuxer: Demuxer
    private let muxer: Muxer
    private let manner: Manner
    private let before: Joint?
    /// What is shown before it is left out, 90 kHz of the output's line.
    private var floor: Int64
    private var tracks: [Int32: Track] = [:]
    private var knownStreams = 0
    private var begin: Begin
    /// A time of any stream, 90 kHz.
    private var reference: Int64?
    private(set) var left: Int64 = 0
    private let packet: PacketPointer
    /// Where each stream's presentation begins and ends, 90 kHz from the origin: for who goes on.
    private(set) var span = Span()

    struct Span {
        var videoEnd: Int64 = 0
        var soundEnd: Int64 = 0
        var hasVideo = false
        var hasSound = false
        /// Of pictures.
        var frame: Int64 = 0
        var end: Int64 { max(videoEnd, soundEnd) }
    }

    private static let clock = AVRational(num: 1, den: 90_000)

    init(
        _ demuxer: Demuxer, into muxer: Muxer, _ manner: Manner = Manner()
    ) throws(MediaFailure) {
        self.demuxer = demuxer
        self.muxer = muxer
        self.manner = manner
        before = nil
        floor = manner.beginsAnew ? 0 : .min
        begin = manner.beginsAnew ? .held([]) : .at(0)
        reference = manner.fragment?.position
        guard let packet = av_packet_alloc() else { throw MediaFailure("no memory") }
        self.packet = packet
        try choose()
    }

    /// Into the same streams, behind another recording, or where times do not begin anew behind the
    /// same source, opened again.
    init(_ demuxer: Demuxer, behind joint: Joint) throws(MediaFailure) {
        self.demuxer = demuxer
        muxer = joint.muxer
        manner = joint.manner
        before = manner.beginsAnew ? joint : nil
        floor = manner.beginsAnew ? joint.end : .min
        begin = manner.beginsAnew ? .held([]) : .at(0)
        guard let packet = av_packet_alloc() else { throw MediaFailure("no memory") }
        self.packet = packet
        try chooseAlike(joint)
    }

    /// Nothing follows.
    func finish() throws(MediaFailure) { try muxer.finish() }

    /// As long as there are both pictures and sound, nanoseconds.
    var length: Int64 {
        let ends = (span.hasVideo ? [span.videoEnd] : []) + (span.hasSound ? [span.soundEnd] : [])
        var ticks = ends.min() ?? 0
        // In whole frames, so that the next pass's first picture follows one of this pass.
        if span.frame > 0 { ticks = ticks / span.frame * span.frame }
        return ticks * 100_000 / 9
    }

    /// Where the next recording may go on.
    var joint: Joint {
        let origin: Int64 = if case .at(let origin) = begin { origin } else { 0 }
        return Joint(
            muxer: muxer, manner: manner,
            tracks: tracks.values.sorted { $0.output.pointee.index < $1.output.pointee.index },
            origin: origin, end: max(span.end, before?.end ?? 0))
    }

    deinit {
        if case .held(let held) = begin { for one in held { Remux.free(one) } }
        for one in newest.values { Remux.free(one) }
        Remux.free(packet)
    }

    private static func free(_ packet: PacketPointer) {
        var packet: PacketPointer? = packet
        av_packet_free(&packet)
    }

    private func choose() throws(MediaFailure) {
        let streams = demuxer.streams
        knownStreams = streams.count
        for stream in streams where Remux.isWhole(stream) {
            let name = String(cString: avcodec_get_name(stream.pointee.codecpar.pointee.codec_id))
            guard let output = try muxer.add(like: stream) else {
                Reporter.remark(
                    "a stream of \(name) is left out: the container has no place for it")
                continue
            }
            var track = Track(
                stream, output, beginsAtKey: manner.beginsAnew, filter: try filter(for: stream))
            if let fragment = manner.fragment { track.goOn(fragment.before) }
            tracks[stream.pointee.index] = track
        }
        guard !tracks.isEmpty else {
            throw MediaFailure("there is neither picture nor sound that could go there")
        }
    }

    private func filter(for stream: StreamPointer) throws(MediaFailure) -> PacketFilter? {
        switch (stream.pointee.codecpar.pointee.codec_id, manner.container) {
        // libav does so by itself, but not for an MP4 whose header comes late.
        case (AV_CODEC_ID_AAC, .mp4), (AV_CODEC_ID_AAC, .flv):
            try PacketFilter("aac_adtstoasc", stream)
        // Parameter sets that change are told beside the pictures too.
        case (AV_CODEC_ID_H264, .flv): try PacketFilter("extract_extradata", stream)
        default: nil
        }
    }

    /// The streams of the same kind and order.
    private func chooseAlike(_ joint: Joint) throws(MediaFailure) {
        let streams = demuxer.streams.filter(Remux.isWhole)
        knownStreams = demuxer.streams.count
        for isVideo in [true, false] {
            let old = joint.tracks.filter { $0.isVideo == isVideo }
            let new = streams.filter {
                ($0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO) == isVideo
            }
            for (track, stream) in zip(old, new) {
                guard track.codec == stream.pointee.codecpar.pointee.codec_id else {
                    throw MediaFailure("the recordings have different codecs")
                }
                tracks[stream.pointee.index] = track.goingOn(
                    with: stream, beginsAtKey: manner.beginsAnew, filter: try filter(for: stream))
            }
        }
        guard tracks.count == joint.tracks.count else {
            throw MediaFailure("the recordings have different streams")
        }
    }

    /// Picture or sound of which enough is known for a container's header.
    static func isWhole(_ stream: StreamPointer) -> Bool {
        guard let parameters = stream.pointee.codecpar else { return false }
        return switch parameters.pointee.codec_type {
        case AVMEDIA_TYPE_VIDEO:
            parameters.pointee.width > 0
                && stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
        case AVMEDIA_TYPE_AUDIO:
            parameters.pointee.sample_rate > 0
                && parameters.pointee.ch_layout.nb_channels > 0
        default: false
        }
    }

    // MARK: Packets

    /// Carries one packet; false when there are none any more.
    func step() throws(MediaFailure) -> Bool {
        guard try demuxer.read(into: packet) else { return false }
        try take()
        return true
    }

    /// Random access pictures, or else any packets, that came not long ago.
    private var entries: [(time: Int64, position: Int64)] = []
    /// A fragment and what waits to be sorted into it are not longer than this, 90 kHz.
    private static let fragmentTicks: Int64 = 2 * 90_000

    /// Everything before a picture of two seconds ago is in the file.
    private func noteEntry(_ time: Int64, isKey: Bool) {
        // Of packets behind the same tables the first one tells: all of sound are entries.
        if isKey, packet.pointee.pos >= 0, let place = demuxer.entry(before: packet.pointee.pos),
            place != entries.last?.position
        {
            entries.append((time, place))
        }
        guard let safe = entries.lastIndex(where: { time - $0.time > Remux.fragmentTicks }) else {
            return
        }
        Reporter.tell(.safe(position: entries[safe].position))
        entries.removeFirst(safe + 1)
    }

    private func take() throws(MediaFailure) {
        let index = packet.pointee.stream_index
        guard var track = tracks[index] else {
            try lookAtStranger(index)
            return
        }
        let base = track.input.pointee.time_base
        let near = reference.map { av_rescale_q($0, Remux.clock, base) }
        let isAccepted = track.accept(packet, near: near)
        tracks[index] = track
        if packet.pointee.dts != clibav_no_time() {
            reference = av_rescale_q(packet.pointee.dts, base, Remux.clock)
        }
        if manner.tellsSafety, isAccepted, let reference,
            track.isVideo || !tracks.values.contains(where: \.isVideo)
        {
            noteEntry(reference, isKey: clibav_is_key(packet) != 0)
        }
        guard isAccepted else {
            left += 1
            return
        }
        switch begin {
        case .at(let origin):
            if track.isVideo || track.isSelfFramed, manner.fragment?.end != nil {
                try keep(index, origin: origin)
            } else {
                try write(packet, origin: origin)
            }
        case .held(var held):
            begin = .held([])
            guard let kept = av_packet_clone(packet) else { throw MediaFailure("no memory") }
            held.append(kept)
            if held.count > Remux.mostHeld { Remux.free(held.removeFirst()) }
            begin = .held(held)
            try beginWhereKnown()
        }
    }

    /// Of each stream of a fragment the newest frame: the piece's end may have cut sound off, and
    /// says how long a picture stands.
    private var newest: [Int32: PacketPointer] = [:]

    private func keep(_ index: Int32, origin: Int64) throws(MediaFailure) {
        guard let kept = av_packet_clone(packet) else { throw MediaFailure("no memory") }
        guard let before = newest.updateValue(kept, forKey: index) else { return }
        defer { Remux.free(before) }
        try write(before, origin: origin)
    }

    /// The piece is at its end. The last picture goes out, and a sound frame of before that nothing
    /// has come behind: it is whole.
    func endFragment() throws(MediaFailure) {
        guard case .at(let origin) = begin, let end = manner.fragment?.end else { return }
        for (index, kept) in newest {
            guard let track = tracks[index] else { continue }
            if track.isVideo {
                stretch(kept, track.input.pointee.time_base, to: end)
            } else {
                let before = manner.fragment?.before?.tracks.first {
                    $0.id == track.input.pointee.id
                }
                let isOld = before?.sound?.restBytes == Int(kept.pointee.size)
                guard isOld, !track.hasWritten else { continue }
            }
            newest[index] = nil
            defer { Remux.free(kept) }
            try write(kept, origin: origin)
        }
    }

    /// The last picture lasts until the next piece's first, whatever is missing between: a player
    /// may take anything else for a hole, and wait.
    private func stretch(_ packet: PacketPointer, _ base: AVRational, to end: Int64) {
        let duration = av_rescale_q(end, Remux.clock, base) - packet.pointee.dts
        guard duration > 0, duration < Remux.longestPicture * Int64(base.den) else { return }
        packet.pointee.duration = duration
    }

    /// Seconds.
    private static let longestPicture: Int64 = 10

    /// What the fragment has.
    var fragmentTracks: [FragmentTrack] {
        tracks.map { $1.fragmentTrack(rest: newest[$0]) }.sorted { $0.id < $1.id }
    }

    /// The first picture begins the output, or the first sound where there are no pictures.
    private func beginWhereKnown() throws(MediaFailure) {
        guard !tracks.values.contains(where: \.isAwaitingEntry), case .held(let held) = begin else {
            return
        }
        let hasVideo = tracks.values.contains(where: \.isVideo)
        let first = held.compactMap { one -> Int64? in
            guard let track = tracks[one.pointee.stream_index], track.isVideo == hasVideo else {
                return nil
            }
            return av_rescale_q(one.pointee.pts, track.input.pointee.time_base, Remux.clock)
        }
        guard let start = first.min() else { return }
        var origin = start
        if let before {
            origin -= before.end
            // 33 bits, as in a transport stream.
            let step = ((start - before.origin - before.end) << 31) >> 31
            if abs(step) <= Remux.joinTicks {
                origin -= step
                floor = .min
                for index in tracks.keys { tracks[index]?.open() }
            }
        }
        begin = .at(origin)
        defer { for one in held { Remux.free(one) } }
        for one in held { try write(one, origin: origin) }
    }

    private func write(_ packet: PacketPointer, origin: Int64) throws(MediaFailure) {
        guard var track = tracks[packet.pointee.stream_index] else { return }
        let base = track.input.pointee.time_base
        let time = av_rescale_q(packet.pointee.pts, base, Remux.clock) - origin
        // Sound of before the first picture.
        if time < floor {
            left += 1
            return
        }
        let end = time + av_rescale_q(packet.pointee.duration, base, Remux.clock)
        if track.isVideo {
            span.hasVideo = true
            span.videoEnd = max(span.videoEnd, end)
            span.frame = end - time
        } else {
            span.hasSound = true
            span.soundEnd = max(span.soundEnd, end)
        }
        let isForward = track.place(packet, origin: av_rescale_q(origin, Remux.clock, base))
        tracks[packet.pointee.stream_index] = track
        guard isForward else {
            left += 1
            return
        }
        let isWhole = try track.filter(packet)
        let isWritten = isWhole ? try muxer.write(packet) : false
        if !isWritten { left += 1 }
    }

    /// A packet of a stream that was not there when the container was begun.
    private func lookAtStranger(_ index: Int32) throws(MediaFailure) {
        guard manner.endsWhenStreamsChange, Int(index) >= knownStreams,
            let stream = demuxer.streams.first(where: { $0.pointee.index == index }),
            let kind = stream.pointee.codecpar?.pointee.codec_type,
            kind == AVMEDIA_TYPE_VIDEO || kind == AVMEDIA_TYPE_AUDIO
        else { return }
        throw MediaFailure("the streams have changed", isChange: true)
    }
}
