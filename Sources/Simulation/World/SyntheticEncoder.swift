// A synthetic encoder: a profile in, a proper MPEG-TS out, packet by packet with the source time at
// which each packet leaves. No pictures are coded: see `PictureWriter`.
//
//   pictures, sound, data, tables  ->  one queue each, by wished time  ->  packets, PCRs, nulls
//
// It makes no mistakes; faults are the network's business.

import TransportStream

/// One life of an encoder, from its start to its restart.
public struct SyntheticEncoder: Sendable {
    /// Packets of one source that wait for their time.
    private struct Queue: Sendable {
        var bytes: [UInt8] = []
        /// Source time of each packet.
        var times: [Int64] = []
        var first = 0

        var next: Int64? { first < times.count ? times[first] : nil }

        mutating func clear() {
            guard first > 0 else { return }
            bytes.removeFirst(first * Packet.size)
            times.removeFirst(first)
            first = 0
        }
    }

    private enum Source: Int, CaseIterable { case tables, video, audio, data, secondAudio }

    /// One of its sounds on the way into PES packets.
    private struct SoundLine: Sendable {
        let writer: SoundWriter
        let pid: PID
        let source: Source
        var nextSample: Int64
        /// Bytes that have not filled a PES packet, with where frames begin in them.
        var bytes: [UInt8] = []
        var starts: [(at: Int, sample: Int64)] = []
        /// When the last of them can leave.
        var ready: Int64 = 0
    }

    public let profile: EncoderProfile
    /// Identity that its marks carry.
    public let life: UInt8
    let pattern: GroupPattern
    private let pictures: PictureWriter

    private var queues = [Queue](repeating: Queue(), count: Source.allCases.count)
    private var decoded: Int64 = 0
    private var sounds: [SoundLine] = []
    private var nextTables: Int64
    private var nextData: Int64
    private var dataCount = 0
    private var counters = [ContinuityCounter](repeating: ContinuityCounter(15), count: PID.count)
    private var lastTime: Int64
    private var lastClock: Int64 = .min
    private var slot: Int64 = 0
    private let start: Int64

    /// Packets of a variable rate come no closer than this, 20 Mbit/s.
    private static let spacing: Int64 = 2_030
    static let dataTicks = StreamTime.ticksPerSecond

    /// - Parameter start: source time of its first picture.
    public init(_ profile: EncoderProfile, life: UInt8, start: Int64) {
        var profile = profile
        let frame = profile.content.frameTicks
        profile.firstIndex = (start + frame - 1) / frame
        self.profile = profile
        self.life = life
        self.start = start
        pattern = GroupPattern(profile)
        pictures = PictureWriter(profile, life: life)
        let samples = profile.content.sound.samples
        let first = start.scaled(by: profile.content.sound.rate, over: StreamTime.ticksPerSecond)
        nextTables = start
        nextData = (start / SyntheticEncoder.dataTicks + 1) * SyntheticEncoder.dataTicks
        lastTime = start
        guard profile.content.sound != .none else { return }
        let next = (first / samples + 1) * samples + profile.samplePhase
        sounds.append(
            SoundLine(
                writer: SoundWriter(profile, life: life), pid: profile.audioPID, source: .audio,
                nextSample: next))
        guard profile.hasSecondSound else { return }
        sounds.append(
            SoundLine(
                writer: SoundWriter(profile, life: life | SoundWriter.secondMark),
                pid: profile.secondAudioPID, source: .secondAudio, nextSample: next))
    }

    private var sendsSections: Bool { profile.hasSplices || !profile.breaks.isEmpty }

    /// PCR of a packet that leaves at `time`, 27 MHz ticks, not wrapped.
    public func clock(at time: Int64) -> Int64 { profile.base + time - profile.systemDelay }

    /// Writes the next packet and gives the source time at which it leaves.
    public mutating func next(into bytes: inout [UInt8]) -> Int64 {
        refill()
        var choice = Source.tables
        for source in Source.allCases {
            let time = queues[source.rawValue].next ?? .max
            if time < queues[choice.rawValue].next ?? .max { choice = source }
        }
        let wished = queues[choice.rawValue].next ?? .max
        let clockDue = lastClock == .min ? start : lastClock + profile.clockInterval
        guard let rate = profile.packetsPerSecond else {
            let time = max(min(wished, clockDue), lastTime + SyntheticEncoder.spacing)
            lastTime = time
            if clockDue <= wished { appendClock(at: time, to: &bytes) } else {
                take(choice, at: time, to: &bytes)
            }
            return time
        }
        let time = start + (slot * StreamTime.ticksPerSecond) / rate
        slot += 1
        if clockDue <= time {
            appendClock(at: time, to: &bytes)
        } else if wished <= time {
            take(choice, at: time, to: &bytes)
        } else {
            appendNull(to: &bytes)
        }
        return time
    }

    // MARK: Packets out

    private mutating func take(_ source: Source, at time: Int64, to bytes: inout [UInt8]) {
        let index = source.rawValue
        let from = queues[index].first * Packet.size
        let at = bytes.count
        bytes.append(contentsOf: queues[index].bytes[from..<(from + Packet.size)])
        queues[index].first += 1
        guard bytes[at + 3] & 0x20 != 0, bytes[at + 4] > 0, bytes[at + 5] & 0x10 != 0 else {
            return
        }
        var span = bytes.mutableSpan
        PacketWriter.setClock(ClockReference(wrapping: clock(at: time)), in: &span, at: at)
        lastClock = time
    }

    private var clockPID: PID {
        switch profile.clockPlace {
        case .own: profile.ownClockPID
        case .video: profile.content.picture == .none ? profile.audioPID : profile.videoPID
        case .audio: profile.content.sound == .none ? profile.videoPID : profile.audioPID
        }
    }

    private mutating func appendClock(at time: Int64, to bytes: inout [UInt8]) {
        let at = bytes.count
        bytes.append(contentsOf: SyntheticEncoder.stuffing)
        // The counter is that of the last packet with payload that has left, not of the last made.
        let pid = clockPID
        var counter = counters[pid.index]
        for queue in queues {
            for index in queue.first..<queue.times.count
            where UInt16(queue.bytes[index * Packet.size + 1] & 0x1F) << 8
                | UInt16(queue.bytes[index * Packet.size + 2]) == pid.rawValue
            {
                counter = ContinuityCounter(counter.rawValue &- 1)
            }
        }
        var span = bytes.mutableSpan
        PacketWriter.writeClockPacket(
            pid: pid, continuity: counter, clock: ClockReference(wrapping: clock(at: time)),
            in: &span, at: at)
        lastClock = time
    }

    private func appendNull(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: SyntheticEncoder.nullPacket)
    }

    private static let nullPacket: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: Packet.size)
        var span = bytes.mutableSpan
        PacketWriter.writeNull(in: &span, at: 0)
        return bytes
    }()

    private static let stuffing = [UInt8](repeating: 0xFF, count: Packet.size)

    // MARK: Packets made

    private mutating func refill() {
        for source in Source.allCases where queues[source.rawValue].next == nil {
            queues[source.rawValue].clear()
            switch source {
            case .tables: makeTables()
            case .video: if profile.content.picture != .none { makePicture() }
            case .audio: if !sounds.isEmpty { makeSound(0) }
            case .secondAudio: if sounds.count > 1 { makeSound(1) }
            case .data: if profile.hasData || sendsSections { makeData() }
            }
        }
    }

    private mutating func makeTables() {
        let at = Source.tables.rawValue
        let association = ProgramAssociation(
            transportStreamID: 1, version: 0,
            entries: [.init(program: profile.program, pid: profile.mapPID)])
        append(section: association.sectionBytes(), pid: .pat, to: at, time: nextTables)
        append(section: map().sectionBytes(), pid: profile.mapPID, to: at, time: nextTables + 1)
        nextTables += profile.tableInterval
    }

    private func map() -> ProgramMap {
        var streams: [ProgramMap.Stream] = []
        switch profile.content.picture {
        case .none: break
        case .h264: streams.append(.init(streamType: 0x1B, pid: profile.videoPID, descriptors: []))
        case .mpeg2: streams.append(.init(streamType: 0x02, pid: profile.videoPID, descriptors: []))
        }
        for line in sounds {
            let language = line.source == .audio ? profile.language : profile.secondLanguage
            streams.append(
                .init(
                    streamType: profile.content.sound == .layerTwo ? 0x03 : 0x0F, pid: line.pid,
                    descriptors: language.map(SyntheticEncoder.languageDescriptor) ?? []))
        }
        if profile.hasData {
            streams.append(.init(streamType: 0x06, pid: profile.dataPID, descriptors: []))
        }
        if sendsSections {
            streams.append(.init(streamType: 0x86, pid: profile.splicePID, descriptors: []))
        }
        return ProgramMap(
            program: profile.program, version: 0, clockPID: clockPID, descriptors: [],
            streams: streams)
    }

    /// 13818-1 §2.6.18: ISO_639_language_descriptor with one language.
    private static func languageDescriptor(_ code: String) -> [UInt8] {
        [0x0A, 4] + Array(code.utf8.prefix(3)) + [0]
    }

    private mutating func append(section: [UInt8], pid: PID, to queue: Int, time: Int64) {
        var counter = counters[pid.index]
        SectionPacketizer.append(
            section.span, pid: pid, continuity: &counter, to: &queues[queue].bytes)
        counters[pid.index] = counter
        while queues[queue].times.count * Packet.size < queues[queue].bytes.count {
            queues[queue].times.append(time)
        }
    }

    private mutating func makePicture() {
        let picture = pattern.picture(decoded: decoded)
        let unit = pictures.bytes(of: picture)
        let frame = profile.content.frameTicks
        let stamp = profile.base + picture.index * frame
        let decoding = profile.base
            + (profile.firstIndex + decoded - profile.reorderFrames) * frame
        let header = PESHeader.bytes(
            streamID: 0xE0, presentation: Timestamp(StreamTime(ticks: stamp)),
            decoding: Timestamp(StreamTime(ticks: decoding)),
            payloadLength: profile.tellsPictureLength ? unit.count : nil, dataAlignment: true)
        append(
            pes: header + unit, pid: profile.videoPID, isEntry: picture.isEntry,
            to: Source.video.rawValue,
            from: leavingTime(decoded: decoded), over: frame * 3 / 4)
        decoded += 1
    }

    /// Source time at which the first byte of a picture leaves, where the rate has room for it.
    func leavingTime(decoded number: Int64) -> Int64 {
        (profile.firstIndex + number) * profile.content.frameTicks + profile.latency
            + profile.pictureWait
    }

    private mutating func makeSound(_ number: Int) {
        let frames = profile.framesPerPacket
        var line = sounds[number]
        while true {
            let unit = line.writer.bytes(ofSample: line.nextSample)
            line.starts.append((line.bytes.count, line.nextSample))
            line.bytes += unit
            line.nextSample += profile.content.sound.samples
            // A frame can leave when its last sample has been taken and coded.
            line.ready = profile.content.time(ofSample: line.nextSample) + profile.latency
            let isFull = profile.straddles
                ? line.bytes.count >= (unit.count * (2 * frames + 1)) / 2
                : line.starts.count >= frames
            if isFull { break }
        }
        let count = profile.straddles
            ? (line.bytes.count / line.starts.count * (2 * frames + 1)) / 2 : line.bytes.count
        let payload = Array(line.bytes[..<min(count, line.bytes.count)])
        let first = line.starts.first { $0.at < payload.count }
        let stamp = first.map { start -> Timestamp in
            let time = profile.content.time(ofSample: start.sample)
            return Timestamp(StreamTime(ticks: profile.base + time))
        }
        line.bytes.removeFirst(payload.count)
        line.starts = line.starts.filter { $0.at >= payload.count }.map {
            ($0.at - payload.count, $0.sample)
        }
        sounds[number] = line
        let header = PESHeader.bytes(
            streamID: 0xC0 + UInt8(number), presentation: stamp, decoding: nil,
            payloadLength: payload.count, dataAlignment: !profile.straddles)
        append(
            pes: header + payload, pid: line.pid, isEntry: true, to: line.source.rawValue,
            from: line.ready, over: profile.content.soundFrameTicks * 3 / 4)
    }

    private mutating func makeData() {
        let time = nextData
        nextData += SyntheticEncoder.dataTicks
        dataCount += 1
        let stamp = Timestamp(StreamTime(ticks: profile.base + time))
        if profile.hasData {
            let payload = (0..<40).map { UInt8(truncatingIfNeeded: dataCount &* 31 &+ $0) }
            let header = PESHeader.bytes(
                streamID: 0xBD, presentation: stamp, decoding: nil, payloadLength: payload.count,
                dataAlignment: true)
            append(
                pes: header + payload, pid: profile.dataPID, isEntry: false,
                to: Source.data.rawValue, from: time + profile.latency, over: 1_000)
        }
        if profile.hasSplices {
            append(
                section: SpliceWriter.timeSignal(at: stamp), pid: profile.splicePID,
                to: Source.data.rawValue, time: time + profile.latency)
        }
        for section in SpliceWriter.announcements(profile, at: time) {
            append(
                section: section, pid: profile.splicePID, to: Source.data.rawValue,
                time: time + profile.latency)
        }
    }

    /// Cuts a PES packet into transport packets that leave evenly over a span.
    private mutating func append(
        pes: [UInt8], pid: PID, isEntry: Bool, to queue: Int, from time: Int64, over span: Int64
    ) {
        let carriesClock = pid == clockPID && profile.clockPlace != .own
        let count = (pes.count + (carriesClock ? 8 : 0) + 183) / 184
        var position = 0
        var number: Int64 = 0
        while position < pes.count {
            let isFirst = position == 0
            let head = isFirst && carriesClock ? 8 : 0
            let take = min(184 - head, pes.count - position)
            counters[pid.index] = counters[pid.index].next
            appendPacket(
                pes[position..<(position + take)], pid: pid, isFirst: isFirst,
                randomAccess: isFirst && isEntry, hasClock: head > 0, to: queue)
            queues[queue].times.append(time + span * number / Int64(max(count, 1)))
            number += 1
            position += take
        }
    }

    private mutating func appendPacket(
        _ payload: ArraySlice<UInt8>, pid: PID, isFirst: Bool, randomAccess: Bool, hasClock: Bool,
        to queue: Int
    ) {
        let field = 184 - payload.count
        queues[queue].bytes.append(Packet.syncByte)
        queues[queue].bytes.append((isFirst ? 0x40 : 0) | UInt8(pid.rawValue >> 8))
        queues[queue].bytes.append(UInt8(truncatingIfNeeded: pid.rawValue))
        queues[queue].bytes.append((field > 0 ? 0x30 : 0x10) | counters[pid.index].rawValue)
        if field > 0 { queues[queue].bytes.append(UInt8(field - 1)) }
        if field > 1 {
            queues[queue].bytes.append((randomAccess ? 0x40 : 0) | (hasClock ? 0x10 : 0))
            queues[queue].bytes.append(contentsOf: SyntheticEncoder.stuffing[..<(field - 2)])
        }
        queues[queue].bytes.append(contentsOf: payload)
    }
}
