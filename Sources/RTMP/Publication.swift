// From one publisher's messages to access units for the `TransportMuxer`: FLV tags taken apart,
// ADTS headers before AAC frames, and times. RTMP counts milliseconds; pictures and sound stand on
// grids of their own, and are put back on them (`StampGrid`, `SoundGrid`).
//
// It adds nothing and leaves nothing out but what can not be put on the air, which `complaints`
// tells, each once.

import TransportStream

public struct Publication: Sendable {
    private var clock = MediaClock()
    private var video: Video?
    private var sound: SoundConfiguration?
    private var pictureGrid = StampGrid()
    private var soundGrid = SoundGrid()
    private var rate = RateGuess()
    /// Frames a second as the publisher's metadata state it, as 27 MHz ticks; 0 where they do not.
    private var announcedTicks: Int64 = 0
    /// DTS of the last picture on the wire, for those that come in several messages.
    private var lastPicture: Int64?
    private var told: Set<String> = []
    private var untold: [String] = []

    private struct Video {
        var codec: Codec
        var configuration: VideoConfiguration
        /// As its parameter sets state it, 27 MHz ticks; 0 where they do not.
        var statedTicks: Int64
    }

    /// Different complaints of one publisher; it may say anything.
    private static let mostComplaints = 8

    public init() {}

    /// What could not be put on the air, since asked last.
    public mutating func takeComplaints() -> [String] {
        defer { untold.removeAll() }
        return untold
    }

    /// Takes a message.
    public mutating func take(_ message: MediaMessage, into muxer: inout TransportMuxer) {
        switch message.kind {
        case .video: takeVideo(message, &muxer)
        case .audio: takeSound(message, &muxer)
        case .data: takeData(message)
        }
    }

    // MARK: Pictures

    private mutating func takeVideo(_ message: MediaMessage, _ muxer: inout TransportMuxer) {
        switch VideoTag.read(message.payload) {
        case .configuration(let codec, let offset):
            configure(codec, message.payload, from: offset, &muxer)
        case .picture(let codec, let isKey, let composition, let offset):
            guard let video, video.codec == codec else {
                return complain("pictures before their configuration")
            }
            let units = video.configuration.units(message.payload, from: offset)
            guard !units.isEmpty else { return }
            put(
                units, of: message.payload, isKey: isKey, at: message.milliseconds,
                composition: composition, video, &muxer)
        case .unsupported(let what):
            complain("\(what) is not taken: H.264 or HEVC is expected")
        case .nothing: break
        }
    }

    private mutating func configure(
        _ codec: Codec, _ bytes: [UInt8], from offset: Int,
        _ muxer: inout TransportMuxer
    ) {
        let configuration = codec == .hevc
            ? VideoConfiguration(hevc: bytes, from: offset)
            : VideoConfiguration(avc: bytes, from: offset)
        guard let configuration else { return complain("a video configuration that is broken") }
        let stated = StatedRate.frameTicks(codec, parameterSets: configuration.parameterSets)
        video = Video(codec: codec, configuration: configuration, statedTicks: stated)
        muxer.announce(video: codec, parameterSets: configuration.parameterSets)
    }

    private mutating func put(
        _ units: [Range<Int>], of bytes: [UInt8], isKey: Bool, at milliseconds: UInt32,
        composition: Int32, _ video: Video, _ muxer: inout TransportMuxer
    ) {
        guard let time = self.time(of: milliseconds, .video, &muxer) else {
            return complain("pictures far from the sound's time \(MediaClock.reach) are left out")
        }
        // Some encoders send each slice in a message of its own.
        if time == lastPicture, let first = units.first,
            PictureUnits.continuesPicture(bytes.span, first, video.codec)
        {
            return muxer.append(continuation: units, of: bytes.span)
        }
        lastPicture = time
        rate.take(time)
        let known = [video.statedTicks, announcedTicks, rate.ticks]
            .first(where: { $0 > 0 }) ?? Int64(0)
        pictureGrid.setStep(ticks: known)
        let decoding = pictureGrid.place(time)
        let shown = pictureGrid.nearest(time &+ MediaClock.ticks(Int64(composition)))
        muxer.append(
            picture: units, of: bytes.span, presentation: StreamTime(ticks: max(shown, decoding)),
            decoding: StreamTime(ticks: decoding), isEntry: isKey)
    }

    // MARK: Sound

    private mutating func takeSound(_ message: MediaMessage, _ muxer: inout TransportMuxer) {
        switch AudioTag.read(message.payload) {
        case .configuration(let offset):
            // Before it knows its own, ffmpeg sends one of no bytes.
            guard message.payload.count > offset else { return }
            switch SoundConfiguration.read(message.payload, from: offset) {
            case .success(let configuration):
                sound = configuration
                soundGrid.setStep(
                    ticks: SoundConfiguration.samples &* StreamTime.ticksPerSecond,
                    over: configuration.sampleRate)
                muxer.announce(audio: .aacADTS)
            case .failure(.broken): complain("an audio configuration that is broken")
            case .failure(.unsupported(let what)): complain("\(what) is not taken")
            }
        case .frame(let offset):
            guard let sound else { return complain("sound before its configuration") }
            let count = message.payload.count - offset
            guard (1...SoundConfiguration.longestFrame).contains(count) else { return }
            guard let rough = time(of: message.milliseconds, .audio, &muxer) else {
                return complain("sound far from the pictures' time \(MediaClock.reach) is left out")
            }
            guard let time = soundGrid.place(rough) else { return }
            let frame = sound.header(frameBytes: count) + message.payload[offset...]
            muxer.append(sound: frame, presentation: StreamTime(ticks: time))
        case .unsupported(let what): complain("\(what) is not taken: AAC is expected")
        case .nothing: break
        }
    }

    // MARK: Metadata and time

    /// Of the metadata only the frame rate is of use, where the pictures do not state it.
    private mutating func takeData(_ message: MediaMessage) {
        let values = AMFReader.values(message.payload)
        guard let rate = values.lazy.compactMap({ $0["framerate"]?.number }).first,
            rate.isFinite, rate >= 1, rate <= 240
        else { return }
        announcedTicks = StatedRate.exactTicks(framesPerSecond: rate)
    }

    /// Nil for what can not be lined up with the other stream.
    private mutating func time(
        of milliseconds: UInt32, _ kind: MediaMessage.Kind, _ muxer: inout TransportMuxer
    ) -> Int64? {
        switch clock.take(milliseconds, of: kind) {
        case .apart: return nil
        case .goesOn(let ticks): return ticks
        case .breaks(let ticks):
            muxer.breakLine()
            pictureGrid.forget()
            soundGrid.forget()
            rate = RateGuess()
            lastPicture = nil
            return ticks
        }
    }

    private mutating func complain(_ text: String) {
        guard told.count < Publication.mostComplaints, told.insert(text).inserted else { return }
        untold.append(text)
    }
}

/// RTMP's time: milliseconds in 32 bits, for pictures and sound alike.
///
/// A step far back or forward is a restart of the encoder where a stream makes it against its own
/// times. Where it only goes on in its own way, far from the other, it is not: a line that broke
/// for each of its messages would be none.
struct MediaClock: Sendable {
    /// From the newest time on the wire: as far back as the multiplexer has room for, and 10 s
    /// forward.
    static let steps =
        -Int32(TransportMuxer.longestLagTicks / StreamTime.ticksPerMillisecond)...10_000

    /// The same for people.
    static var reach: String {
        "(\(-steps.lowerBound / 1000) s behind, \(steps.upperBound / 1000) s ahead)"
    }

    enum Step: Equatable {
        /// 27 MHz ticks.
        case goesOn(Int64)
        /// Nothing of before has to do with it.
        case breaks(Int64)
        /// It is too far from the other stream, and no restart.
        case apart
    }

    /// The newest time on the wire, and as milliseconds that do not wrap.
    private var newest: (wire: UInt32, line: Int64)?
    /// The last times on the wire, also of what is apart.
    private var lastPicture: UInt32?
    private var lastSound: UInt32?

    static func ticks(_ milliseconds: Int64) -> Int64 {
        milliseconds &* StreamTime.ticksPerMillisecond
    }

    private static func isNear(_ wire: UInt32, _ before: UInt32) -> Bool {
        steps.contains(Int32(bitPattern: wire &- before))
    }

    mutating func take(_ wire: UInt32, of kind: MediaMessage.Kind) -> Step {
        let last = kind == .audio ? lastSound : lastPicture
        if kind == .audio { lastSound = wire } else { lastPicture = wire }
        guard let newest else { return .goesOn(begin(wire)) }
        guard MediaClock.isNear(wire, newest.wire) else {
            // The first pictures make the line, the first sound has to keep to it.
            let goesOnAlone = last.map { MediaClock.isNear(wire, $0) } ?? (kind == .audio)
            return goesOnAlone ? .apart : .breaks(begin(wire))
        }
        let step = Int32(bitPattern: wire &- newest.wire)
        let line = newest.line &+ Int64(step)
        if step > 0 { self.newest = (wire, line) }
        return .goesOn(MediaClock.ticks(line))
    }

    private mutating func begin(_ wire: UInt32) -> Int64 {
        newest = (wire, Int64(wire))
        return MediaClock.ticks(Int64(wire))
    }
}
