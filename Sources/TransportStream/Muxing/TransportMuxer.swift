// Access units in, a transport stream of one programme out, for sources that bring pictures and
// sound without one: RTMP.
//
//   time       ----+------+------+------+----->   the DTS of the newest unit
//   packets        [V][PCR][A]   [PCR]  [V]…      a unit that comes after its turn follows at once
//   stamps         time + lead
//
// A unit leaves when it comes: there is no rate to smooth it to that the source would have kept.
// All stamps are `lead` behind the clock, so a unit is there long before it is decoded, and one
// stream may run that far behind the other.
//
// Contract: nothing is reordered inside a stream, and nothing left out; PAT and PMT at most 100 ms
// apart and PCRs at most 40 ms, as long as units come. Whoever brings the units leaves out what is
// further behind than `longestLagTicks`: the lead grows with it.

public struct TransportMuxer: Sendable {
    /// From the clock to the DTS of the unit that is sent then, 500 ms.
    public static let leadTicks: Int64 = 500 * StreamTime.ticksPerMillisecond
    /// One stream may be so far behind the other, 3 s.
    public static let longestLagTicks: Int64 = 3 * StreamTime.ticksPerSecond
    /// A unit has to be sent so long before its DTS, 60 ms: the packets of what came before it.
    static let marginTicks: Int64 = 60 * StreamTime.ticksPerMillisecond
    /// PCRs are no closer than this, 20 ms, …
    static let clockStepTicks: Int64 = 20 * StreamTime.ticksPerMillisecond
    /// … and no further apart, 35 ms (TR 101 290: 40 ms).
    static let longestClockStepTicks: Int64 = 35 * StreamTime.ticksPerMillisecond
    /// What is longer is a hole of the source, 1 s: no PCRs are made for it.
    static let holeTicks: Int64 = StreamTime.ticksPerSecond
    /// PAT and PMT, 60 ms: with the next unit they are still within 100 ms.
    static let tableStepTicks: Int64 = 60 * StreamTime.ticksPerMillisecond
    /// The first units wait so long for the other stream to be announced, 500 ms.
    static let patienceTicks: Int64 = 500 * StreamTime.ticksPerMillisecond
    /// … and no more bytes than this.
    static let patienceBytes = 4 << 20

    static let mapPID = PID(0x1000)
    static let videoPID = PID(0x0100)
    static let audioPID = PID(0x0101)

    enum Kind: Sendable { case video, audio }

    struct Unit: Sendable {
        var kind: Kind
        /// The elementary stream's bytes.
        var bytes: [UInt8]
        var presentation: Int64
        var decoding: Int64
        var isEntry: Bool
    }

    private enum State: Sendable {
        /// The other stream may still be announced.
        case gathering([Unit])
        case running
    }

    var output: [UInt8] = []
    private var state = State.gathering([])
    private var video: Codec?
    private var audio: Codec?
    private var parameterSets: [[UInt8]] = []
    private var lead = TransportMuxer.leadTicks
    /// Of the packets being written, and of the last PCR and tables; nil before the first.
    private var time: Int64?
    private var lastClock: Int64?
    private var lastTables: Int64?
    /// The next PCR has nothing to do with the last.
    private var isBroken = false
    /// What the last PMT said.
    private var map: ProgramMap?
    private var version: UInt8 = 31
    var counters: [PID: ContinuityCounter] = [:]

    public init() {}

    // MARK: What comes

    /// Another publisher begins: its streams are not known yet, and its time is its own. Counters
    /// and PIDs go on.
    public mutating func begin() {
        breakLine()
        state = .gathering([])
        (video, audio, parameterSets) = (nil, nil, [])
    }

    /// The times of what follows have nothing to do with those before.
    public mutating func breakLine() {
        // What waits belongs to the old times.
        run()
        isBroken = time != nil
        (time, lastClock, lastTables) = (nil, nil, nil)
        lead = TransportMuxer.leadTicks
    }

    /// Pictures will come.
    /// - Parameter sets: NAL units that go before random access pictures.
    public mutating func announce(video codec: Codec, parameterSets sets: [[UInt8]]) {
        video = codec
        parameterSets = sets
        if audio != nil { run() }
    }

    /// Sound will come.
    public mutating func announce(audio codec: Codec) {
        audio = codec
        if video != nil { run() }
    }

    /// A picture.
    /// - Parameters:
    ///   - units: its NAL units inside `bytes`, without start codes, none of them empty.
    ///   - isEntry: a decoder may start here, as the source says; IDR pictures tell it themselves.
    public mutating func append(
        picture units: [Range<Int>], of bytes: Span<UInt8>, presentation: StreamTime,
        decoding: StreamTime, isEntry: Bool
    ) {
        guard let video else { return }
        let isEntry = isEntry || PictureUnits.isEntry(bytes, units, video)
        let stream = PictureUnits.byteStream(
            bytes, units, video, parameterSets: isEntry ? parameterSets : [])
        take(
            Unit(
                kind: .video, bytes: stream, presentation: presentation.ticks,
                decoding: decoding.ticks, isEntry: isEntry))
    }

    /// More NAL units of the picture before.
    public mutating func append(continuation units: [Range<Int>], of bytes: Span<UInt8>) {
        guard video != nil else { return }
        let stream = PictureUnits.byteStream(bytes, units)
        if case .gathering(var held) = state {
            state = .gathering([])
            if let index = held.lastIndex(where: { $0.kind == .video }) {
                held[index].bytes += stream
            }
            state = .gathering(held)
        } else if time != nil {
            packetize([], stream, pid: TransportMuxer.videoPID, first: nil)
        }
    }

    /// A frame of sound, with what makes it one in a transport stream (an ADTS header).
    public mutating func append(sound bytes: [UInt8], presentation: StreamTime) {
        guard audio != nil else { return }
        take(
            Unit(
                kind: .audio, bytes: bytes, presentation: presentation.ticks,
                decoding: presentation.ticks, isEntry: true))
    }

    /// Gives the packets made since asked last.
    public mutating func drain(_ take: (Span<UInt8>) -> Void) {
        guard !output.isEmpty else { return }
        take(output.span)
        output.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ unit: Unit) {
        guard case .gathering(var held) = state else { return write(unit) }
        state = .gathering([])
        held.append(unit)
        let times = held.map(\.decoding)
        let span = (times.max() ?? 0) &- (times.min() ?? 0)
        let bytes = held.reduce(0) { $0 + $1.bytes.count }
        state = .gathering(held)
        let isComplete = video != nil && audio != nil
        if isComplete || span >= TransportMuxer.patienceTicks
            || bytes >= TransportMuxer.patienceBytes
        {
            run()
        }
    }

    /// Nothing more is waited for.
    private mutating func run() {
        guard case .gathering(let held) = state else { return }
        // With nothing to send there is nothing to announce either.
        guard !held.isEmpty else { return }
        state = .running
        for unit in held { write(unit) }
    }

    // MARK: What goes out

    private mutating func write(_ unit: Unit) {
        let now = max(time ?? unit.decoding, unit.decoding)
        makeRoom(for: unit, at: now)
        fill(to: now)
        time = now
        let isEntry = unit.isEntry && unit.kind == .video
        if isEntry && lastTables != now { writeTables(at: now) }
        writeTablesWhereDue(at: now)
        let pid = unit.kind == .video ? TransportMuxer.videoPID : TransportMuxer.audioPID
        let head = PESHeader.bytes(
            streamID: unit.kind == .video ? 0xE0 : 0xC0,
            presentation: Timestamp(StreamTime(ticks: unit.presentation &+ lead)),
            decoding: unit.kind == .video
                ? Timestamp(StreamTime(ticks: unit.decoding &+ lead)) : nil,
            payloadLength: unit.kind == .video ? nil : unit.bytes.count, dataAlignment: true)
        var first = FirstPacket(isEntry: unit.isEntry)
        if isClockDue(at: now, with: unit.kind) {
            if pid == clockPID {
                first.clock = noteClock(now)
                first.isBroken = isBroken
                isBroken = false
            } else {
                writeClock(at: now)
            }
        }
        packetize(head, unit.bytes, pid: pid, first: first)
    }

    private var clockPID: PID {
        video != nil ? TransportMuxer.videoPID : TransportMuxer.audioPID
    }

    private func isClockDue(at now: Int64, with kind: Kind) -> Bool {
        guard let lastClock else { return true }
        return now &- lastClock >= TransportMuxer.clockStepTicks
    }

    /// A unit is sent before it is decoded. The lead grows where a stream runs further behind the
    /// other than it allows: all stamps make one step then, and are right again.
    private mutating func makeRoom(for unit: Unit, at now: Int64) {
        let late = now &- unit.decoding &+ TransportMuxer.marginTicks
        // Half as much again, so that it is one step and not many.
        if late > lead { lead = late &+ late / 2 }
    }

    /// PCRs and tables for the time in which no unit came.
    private mutating func fill(to now: Int64) {
        guard var clock = lastClock, now &- clock <= TransportMuxer.holeTicks else { return }
        while now &- clock > TransportMuxer.longestClockStepTicks {
            clock += TransportMuxer.clockStepTicks
            time = clock
            writeTablesWhereDue(at: clock)
            writeClock(at: clock)
        }
    }

    private mutating func writeTablesWhereDue(at now: Int64) {
        if let lastTables, now &- lastTables < TransportMuxer.tableStepTicks { return }
        writeTables(at: now)
    }

    private mutating func writeTables(at now: Int64) {
        lastTables = now
        var streams: [ProgramMap.Stream] = []
        if let video {
            streams.append(
                .init(
                    streamType: video == .hevc ? 0x24 : 0x1B, pid: TransportMuxer.videoPID,
                    descriptors: []))
        }
        if audio != nil {
            streams.append(
                .init(streamType: 0x0F, pid: TransportMuxer.audioPID, descriptors: []))
        }
        if map?.streams != streams || map?.clockPID != clockPID {
            version = (version &+ 1) & 0x1F
            map = ProgramMap(
                program: 1, version: version, clockPID: clockPID, descriptors: [],
                streams: streams)
        }
        let association = ProgramAssociation(
            transportStreamID: 1, version: 0,
            entries: [.init(program: 1, pid: TransportMuxer.mapPID)])
        append(section: association.sectionBytes(), pid: .pat)
        if let map { append(section: map.sectionBytes(), pid: TransportMuxer.mapPID) }
    }

    /// A packet with nothing but a PCR.
    private mutating func writeClock(at now: Int64) {
        let pid = clockPID
        writeClockPacket(pid: pid, clock: noteClock(now), isBroken: isBroken)
        isBroken = false
    }

    private mutating func noteClock(_ now: Int64) -> ClockReference {
        lastClock = now
        return ClockReference(StreamTime(ticks: now))
    }
}
