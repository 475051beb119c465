// What a receiver of the output has seen so far: the counter of each PID, the tables, the clock.
// Taken from the packets themselves, so it is true of what was sent, whatever was meant to be.
//
// A new engine goes on from it (`Engine.init(_:continuing:)`) after the process has been restarted.

import TransportStream

public struct OutputTrail: Sendable {
    /// In `counters`: no packet with payload of that PID was sent.
    public static let unseen: UInt8 = 0xFF

    /// The continuity counter sent last, by PID.
    public private(set) var counters = [UInt8](repeating: unseen, count: PID.count)
    /// The sections of PAT and PMT sent last.
    public private(set) var association: [UInt8] = []
    public private(set) var map: [UInt8] = []
    /// How often one of them was another than before.
    public private(set) var tableChanges = 0
    /// The PCR sent last, unwrapped, 27 MHz ticks; and the latest PTS or DTS, on the same line, of
    /// those that are within reach of it.
    public private(set) var clock: Int64?
    public private(set) var latestStamp: Int64?
    private var mapPID = PID.null
    private var clockPID = PID.null
    private var associations = SectionAssembler()
    private var maps = SectionAssembler()

    /// - Parameter state: what was sent before; nil where this is the begin.
    public init(continuing state: OutputState? = nil) {
        guard let state else { return }
        counters = state.counters
        clock = state.clock
        latestStamp = state.latestStamp
        association = state.association.sectionBytes()
        map = state.map.sectionBytes()
        mapPID = state.mapPID
        clockPID = state.map.clockPID
    }

    /// Takes whole packets of the output, in their order.
    /// - Returns: whether a PCR was among them.
    public mutating func take(_ packets: Span<UInt8>) -> Bool {
        var hasClock = false
        var at = 0
        while at + Packet.size <= packets.count {
            if PacketHeader.isPlain(packets, at: at) {
                let pid = PacketHeader.pid(packets, at: at)
                counters[pid.index] = packets[at + 3] & 0x0F
                // A long table's later packets are plain.
                if pid == mapPID { take(packets, at: at) }
            } else {
                hasClock = take(packets, at: at) || hasClock
            }
            at += Packet.size
        }
        return hasClock
    }

    @discardableResult
    private mutating func take(_ packets: Span<UInt8>, at offset: Int) -> Bool {
        guard let header = PacketHeader(packets, at: offset), !header.isMalformed,
            header.pid != .null
        else { return false }
        if header.hasPayload { counters[header.pid.index] = header.continuity.rawValue }
        let (start, end) = (offset + Int(header.payloadOffset), offset + Packet.size)
        if header.pid == .pat || header.pid == mapPID {
            takeTable(packets, header, start, end)
            return false
        }
        var hasClock = false
        if header.pid == clockPID, let reference = header.clockReference {
            let near = StreamTime(ticks: clock ?? reference.ticks)
            let time = reference.unwrapped(near: near).ticks
            clock = time
            // A clock that was set back, or went round by more than half while nothing was sent.
            let latest = max(latestStamp ?? time, time)
            latestStamp = latest - time > OutputState.reachTicks ? time : latest
            hasClock = true
        }
        if header.startsUnit, header.hasPayload, let clock,
            case .header(let pes) = PESHeader.read(packets, from: start, to: end)
        {
            for stamp in [pes.presentation, pes.decoding] {
                guard let stamp else { continue }
                let time = stamp.unwrapped(near: StreamTime(ticks: clock)).ticks
                // Streams of data stamp as they like.
                guard time - clock <= OutputState.reachTicks else { continue }
                latestStamp = max(latestStamp ?? time, time)
            }
        }
        return hasClock
    }

    private mutating func takeTable(
        _ packets: Span<UInt8>, _ header: PacketHeader, _ start: Int, _ end: Int
    ) {
        guard header.hasPayload else { return }
        var section: [UInt8] = []
        if header.pid == .pat {
            associations.append(packets, from: start, to: end, startsUnit: header.startsUnit) {
                found in section = (0..<found.count).map { found[$0] }
            }
            guard !section.isEmpty, section != association,
                let table = ProgramAssociation(section: section.span),
                let entry = table.entries.first
            else { return }
            association = section
            mapPID = entry.pid
            maps.reset()
        } else {
            maps.append(packets, from: start, to: end, startsUnit: header.startsUnit) {
                found in section = (0..<found.count).map { found[$0] }
            }
            guard !section.isEmpty, section != map, let table = ProgramMap(section: section.span)
            else { return }
            map = section
            clockPID = table.clockPID
        }
        tableChanges += 1
    }

    /// What a successor goes on from; nil before the first PCR.
    /// - Parameter instant: when the PCR sent last was due.
    public func state(clockDueAt instant: MonotonicInstant) -> OutputState? {
        guard let clock, let latestStamp else { return nil }
        return OutputState(
            association: association, map: map, counters: counters, clock: clock,
            latestStamp: latestStamp, dueAt: instant)
    }
}

/// Where an output stands, for an engine that goes on with it.
public struct OutputState: Sendable, Equatable {
    public let association: ProgramAssociation
    public let map: ProgramMap
    public let mapPID: PID
    /// By PID; `OutputTrail.unseen` where nothing was sent.
    public let counters: [UInt8]
    /// A PCR, 27 MHz ticks on the output's line.
    public let clock: Int64
    /// The latest PTS or DTS, on the same line.
    public let latestStamp: Int64
    /// When that PCR was due on the host's clock: in another process that may be before its zero.
    /// Within 73 years of it.
    public let dueAt: MonotonicInstant

    /// How far time stamps may be from the clock, one minute.
    fileprivate static let reachTicks: Int64 = 60 * StreamTime.ticksPerSecond
    /// Beyond any clock that is not made up, and small enough that no sum of a few of them, and no
    /// conversion to nanoseconds, comes near the end of an Int64: 84 years of 27 MHz, and 73 of
    /// nanoseconds.
    private static let limitTicks: Int64 = 1 << 56
    private static let limitNanoseconds: Int64 = 1 << 61

    /// Nil where the values do not belong together: they may come from a damaged file.
    /// - Parameters:
    ///   - association: a section of the PAT, `map` one of the PMT.
    public init?(
        association: [UInt8], map: [UInt8], counters: [UInt8], clock: Int64, latestStamp: Int64,
        dueAt: MonotonicInstant
    ) {
        guard counters.count == PID.count,
            counters.allSatisfy({ $0 <= 0x0F || $0 == OutputTrail.unseen }),
            (-OutputState.limitTicks...OutputState.limitTicks).contains(clock),
            (clock...(clock + OutputState.reachTicks)).contains(latestStamp),
            (-OutputState.limitNanoseconds...OutputState.limitNanoseconds)
                .contains(dueAt.nanoseconds),
            OutputState.isWhole(association), OutputState.isWhole(map),
            let table = ProgramAssociation(section: association.span),
            let entry = table.entries.first, table.entries.count == 1,
            let programMap = ProgramMap(section: map.span), programMap.program == entry.program
        else { return nil }
        let pids = [entry.pid] + programMap.streams.map(\.pid)
        let clockPID = programMap.clockPID
        guard Set(pids).count == pids.count, clockPID != entry.pid,
            (pids + [clockPID]).allSatisfy(\.isForProgrammes)
        else { return nil }
        self.association = table
        self.map = programMap
        mapPID = entry.pid
        self.counters = counters
        self.clock = clock
        self.latestStamp = latestStamp
        self.dueAt = dueAt
    }

    private static func isWhole(_ section: [UInt8]) -> Bool {
        section.count >= 12 && CRC32MPEG.checksum(section.span, from: 0, to: section.count) == 0
    }

    /// The counter that a PID's next packet counts on from.
    func counter(of pid: PID) -> ContinuityCounter {
        let value = counters[pid.index]
        return ContinuityCounter(value == OutputTrail.unseen ? 15 : value)
    }
}
