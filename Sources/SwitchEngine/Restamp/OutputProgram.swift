// The one programme that goes out: its PIDs, its tables, and which stream of which input feeds
// what.
//
// The first input on air gives PIDs, programme number and descriptors. Streams of other inputs are
// put on these slots by kind, codec, language and order. A slot is never taken away; one is added,
// or its codec changed, only when an input on air truly brings something else, and only then the
// PMT's version moves.
//
//   seam decided          reserve    slots are found or made: their numbers hold from here on
//   its first packet      announce   the PMT names what they carry now
//
// Between the two the segment before is still on air, for seconds: the tables must not change yet,
// and all that is worked out for the next one may already speak of its slots.

import TransportStream

/// One elementary stream of the output.
struct OutputSlot {
    var pid: PID
    /// What the segment decided last puts on it.
    var codec: Codec
    var stream: ProgramMap.Stream
    var language: String?
    /// As the PMT names it; nil while nothing of it has left.
    var announced: ProgramMap.Stream?
    var continuity = ContinuityCounter(15)
    /// For sound whose frames last no whole number of 90 kHz ticks.
    var grid: AudioGrid?
}

/// What a stream of a segment got of the output.
struct SlotReservation {
    /// -1 where the PMT has no room for another.
    var slot: Int
    /// What the PMT is to say of it once the segment is on air.
    var stream: ProgramMap.Stream

    static let none = SlotReservation(
        slot: -1, stream: .init(streamType: 0, pid: .null, descriptors: []))
}

struct OutputProgram {
    private(set) var slots: [OutputSlot] = []
    private(set) var clockPID: PID = .null
    private(set) var mapPID = OutputProgram.usualMapPID
    private var transportStreamID: UInt16 = 1
    private var map = ProgramMap(
        program: 1, version: 0, clockPID: .null, descriptors: [], streams: [])
    private var association: [UInt8] = []
    private var mapSection: [UInt8] = []
    private var associationContinuity = ContinuityCounter(15)
    private var mapContinuity = ContinuityCounter(15)
    /// Counter of a PCR PID that is no slot's; it never counts, having no payload.
    private var clockContinuity = ContinuityCounter(0)
    private(set) var isSet = false

    /// Where an input does not say where the PMT is to be.
    static let usualMapPID = PID(0x1000)

    init() {}

    /// Goes on with the programme that was sent before: its PIDs, counters and tables.
    init(continuing state: OutputState) {
        transportStreamID = state.association.transportStreamID
        mapPID = state.mapPID
        map = state.map
        clockPID = state.map.clockPID
        slots = state.map.streams.map { stream in
            OutputSlot(
                pid: stream.pid,
                codec: Codec(stream: stream, programDescriptors: state.map.descriptors),
                stream: stream, language: Descriptors.language(stream.descriptors),
                announced: stream, continuity: state.counter(of: stream.pid))
        }
        associationContinuity = state.counter(of: .pat)
        mapContinuity = state.counter(of: mapPID)
        isSet = true
        writeTables(isNewVersion: false)
    }

    /// Takes over the programme of the first input on air.
    mutating func set(
        transportStreamID id: UInt16, mapPID: PID, map source: ProgramMap
    ) {
        transportStreamID = id
        self.mapPID = mapPID.isForProgrammes ? mapPID : OutputProgram.usualMapPID
        map = source
        map.streams = []
        clockPID = source.clockPID
        isSet = true
    }

    /// Finds or makes a slot for each stream of an epoch. The tables do not change yet.
    /// - Parameter streams: the streams' descriptions in the order of the PMT.
    /// - Returns: for each stream what it got, in that order.
    mutating func reserve(for streams: [StreamClaim]) -> [SlotReservation] {
        var taken = Set<Int>()
        var result = [Int?](repeating: nil, count: streams.count)
        func assign(_ matches: (Int, OutputSlot) -> Bool) {
            for index in streams.indices where result[index] == nil {
                let slot = slots.indices.first {
                    !taken.contains($0) && matches(index, slots[$0])
                }
                if let slot {
                    result[index] = slot
                    taken.insert(slot)
                }
            }
        }
        // The nearest likeness first. Data streams only go where data of the same sort went.
        assign { streams[$0].codec == $1.codec && streams[$0].language == $1.language
            && streams[$0].stream.streamType == $1.stream.streamType
            && streams[$0].isLike($1) }
        assign { streams[$0].codec == $1.codec && streams[$0].language == $1.language
            && $1.codec.kind != .data }
        assign { streams[$0].codec == $1.codec && $1.codec.kind != .data }
        assign { streams[$0].codec.kind == $1.codec.kind && $1.codec.kind != .data
            && streams[$0].language == $1.language }
        assign { streams[$0].codec.kind == $1.codec.kind && $1.codec.kind != .data }
        return streams.indices.map { index in
            let claim = streams[index]
            if let slot = result[index] {
                if slots[slot].codec != claim.codec { change(slot, to: claim) }
                return SlotReservation(slot: slot, stream: slots[slot].stream)
            }
            guard hasRoom(for: claim.stream) else { return .none }
            let slot = add(claim)
            return SlotReservation(slot: slot, stream: slots[slot].stream)
        }
    }

    /// The first packet of a segment leaves: from here on the PMT names what its slots carry.
    mutating func announce(_ reservations: [SlotReservation]) {
        var isChanged = false
        for reservation in reservations where slots.indices.contains(reservation.slot) {
            let slot = reservation.slot
            if let announced = slots[slot].announced, isSameFormat(announced, reservation.stream) {
                continue
            }
            slots[slot].announced = reservation.stream
            isChanged = true
        }
        if isChanged { writeTables(isNewVersion: !mapSection.isEmpty) }
    }

    /// What another input says of the same codec is no reason for another version of the PMT, even
    /// where the slot was to carry something else meanwhile and did not.
    private func isSameFormat(_ a: ProgramMap.Stream, _ b: ProgramMap.Stream) -> Bool {
        a.format(within: map.descriptors) == b.format(within: map.descriptors)
    }

    private mutating func change(_ slot: Int, to claim: StreamClaim) {
        slots[slot].codec = claim.codec
        slots[slot].stream.streamType = claim.stream.streamType
        slots[slot].stream.descriptors = claim.stream.descriptors
        slots[slot].language = claim.language
    }

    /// Whether the PMT stays within 1,021 bytes behind its length field (13818-1 §2.4.4.9).
    private func hasRoom(for stream: ProgramMap.Stream) -> Bool {
        let taken = slots.reduce(13 + map.descriptors.count) {
            $0 + 5 + $1.stream.descriptors.count
        }
        return taken + 5 + stream.descriptors.count <= 1021
    }

    private mutating func add(_ claim: StreamClaim) -> Int {
        var stream = claim.stream
        stream.pid = freePID(wishing: stream.pid)
        slots.append(
            OutputSlot(
                pid: stream.pid, codec: claim.codec, stream: stream, language: claim.language))
        return slots.count - 1
    }

    private func freePID(wishing wish: PID) -> PID {
        var pid = wish
        while pid.rawValue < 0x20 || pid == .null || pid == mapPID
            || slots.contains(where: { $0.pid == pid })
            || (pid == clockPID && (pid != wish || !mapSection.isEmpty))
        {
            pid = PID(max((pid.rawValue &+ 1) & 0x1FFF, 0x20))
        }
        return pid
    }

    private mutating func writeTables(isNewVersion: Bool) {
        if isNewVersion { map.version = (map.version + 1) & 0x1F }
        map.clockPID = clockPID
        map.streams = slots.compactMap(\.announced)
        association = ProgramAssociation(
            transportStreamID: transportStreamID, version: 0,
            entries: [.init(program: map.program, pid: mapPID)]
        ).sectionBytes()
        mapSection = map.sectionBytes()
    }

    /// Appends the packets of PAT and PMT.
    mutating func appendTables(to output: inout [UInt8]) {
        let (association, mapSection) = (association, mapSection)
        SectionPacketizer.append(
            association.span, pid: .pat, continuity: &associationContinuity, to: &output)
        SectionPacketizer.append(
            mapSection.span, pid: mapPID, continuity: &mapContinuity, to: &output)
    }

    /// How many packets `appendTables` makes.
    var tablePacketCount: Int {
        SectionPacketizer.packetCount(section: association.count)
            + SectionPacketizer.packetCount(section: mapSection.count)
    }

    /// Counts a slot's continuity on and gives it.
    @inline(__always)
    mutating func nextContinuity(slot: Int) -> ContinuityCounter {
        let next = slots[slot].continuity.next
        slots[slot].continuity = next
        return next
    }

    /// The stamp that a frame of sound gets instead of its own, rounded one; nil where its own is
    /// exact.
    /// - Parameter time: its own place on the output's line, 27 MHz ticks.
    mutating func audioStamp(slot: Int, mark: AccessUnitMark, near time: Int64) -> Timestamp? {
        if slots[slot].grid.map({ !$0.fits(mark) }) ?? true {
            slots[slot].grid = AudioGrid(origin: time, mark: mark)
        }
        return slots[slot].grid?.stamp(near: time)
    }

    /// The grids of the slots that have one, by slot.
    var grids: [Int: AudioGrid] {
        var result: [Int: AudioGrid] = [:]
        for index in slots.indices { result[index] = slots[index].grid }
        return result
    }

    /// The counter that a packet without payload on the PCR PID repeats (13818-1 §2.4.3.3). PCRs
    /// may come on the PID of a table too (table 2-3).
    var clockPacketContinuity: ContinuityCounter {
        if clockPID == mapPID { return mapContinuity }
        if clockPID == .pat { return associationContinuity }
        return slots.first { $0.pid == clockPID }?.continuity ?? clockContinuity
    }

    /// Version of the PMT, 0 ... 31.
    var version: UInt8 { map.version }
}
