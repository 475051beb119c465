// The one programme that goes out: its PIDs, its tables, and which stream of which input feeds
// what.
//
// The first input on air gives PIDs, programme number and descriptors. Streams of other inputs are
// put on these slots by kind, codec, language and order. A slot is never taken away; one is added,
// or its codec changed, only when an input on air truly brings something else, and only then the
// PMT's version moves.

import TransportStream

/// One elementary stream of the output.
struct OutputSlot {
    var pid: PID
    var codec: Codec
    var stream: ProgramMap.Stream
    var language: String?
    var continuity = ContinuityCounter(15)
    /// For sound whose frames last no whole number of 90 kHz ticks.
    var grid: AudioGrid?
}

struct OutputProgram {
    private(set) var slots: [OutputSlot] = []
    private(set) var clockPID: PID = .null
    private(set) var mapPID = PID(0x1000)
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
                continuity: state.counter(of: stream.pid))
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
        self.mapPID = mapPID
        map = source
        map.streams = []
        clockPID = source.clockPID
        isSet = true
    }

    /// Finds or makes a slot for each stream of an epoch.
    /// - Parameter streams: the streams' descriptions in the order of the PMT.
    /// - Returns: for each stream its slot; -1 where the PMT has no room for another.
    mutating func slots(for streams: [StreamClaim]) -> [Int] {
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
        var isChanged = false
        for index in streams.indices {
            let stream = streams[index]
            if let slot = result[index] {
                if slots[slot].codec != stream.codec {
                    slots[slot].codec = stream.codec
                    slots[slot].stream.streamType = stream.stream.streamType
                    slots[slot].stream.descriptors = stream.stream.descriptors
                    slots[slot].language = stream.language
                    slots[slot].grid = nil
                    isChanged = true
                }
            } else if hasRoom(for: stream.stream) {
                result[index] = add(stream.codec, stream.language, stream.stream)
                isChanged = true
            }
        }
        if isChanged { writeTables(isNewVersion: !mapSection.isEmpty) }
        return result.map { $0 ?? -1 }
    }

    /// Whether the PMT stays within 1,021 bytes behind its length field (13818-1 §2.4.4.9).
    private func hasRoom(for stream: ProgramMap.Stream) -> Bool {
        let taken = slots.reduce(13 + map.descriptors.count) {
            $0 + 5 + $1.stream.descriptors.count
        }
        return taken + 5 + stream.descriptors.count <= 1021
    }

    private mutating func add(
        _ codec: Codec, _ language: String?, _ stream: ProgramMap.Stream
    ) -> Int {
        var stream = stream
        stream.pid = freePID(wishing: stream.pid)
        slots.append(
            OutputSlot(pid: stream.pid, codec: codec, stream: stream, language: language))
        return slots.count - 1
    }

    private func freePID(wishing wish: PID) -> PID {
        var pid = wish
        while pid.rawValue < 0x20 || pid == .null || pid == mapPID
            || slots.contains(where: { $0.pid == pid }) || (pid == clockPID && pid != wish)
        {
            pid = PID(max((pid.rawValue &+ 1) & 0x1FFF, 0x20))
        }
        return pid
    }

    private mutating func writeTables(isNewVersion: Bool) {
        if isNewVersion { map.version = (map.version + 1) & 0x1F }
        map.clockPID = clockPID
        map.streams = slots.map(\.stream)
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

    /// The counter that a packet without payload on the PCR PID repeats (13818-1 §2.4.3.3).
    var clockPacketContinuity: ContinuityCounter {
        slots.first { $0.pid == clockPID }?.continuity ?? clockContinuity
    }

    /// Version of the PMT, 0 ... 31.
    var version: UInt8 { map.version }
}
