// A recording that plays itself: packets come when the recording's own clock says.
//
// Time 0 is the first packet. Between two PCRs of the chosen programme time is linear in packets
// (13818-1 §2.4.2.2). Where the recording's clock jumps, the packets go on at the pace before the
// jump: a jump is a fault of the stream, not of its delivery.

import TransportStream

/// Gives the packets of a byte stream their arrival times.
public struct PacedReader: Sendable {
    /// A PCR step beyond this is a jump, 10 s.
    static let jumpTicks: Int64 = 10 * StreamTime.ticksPerSecond
    /// Without any PCR so many packets are held before they are sent at `fallbackTicks`, 60 MB.
    static let heldPacketLimit = 320_000
    /// Bytes that are read at a time: whole packets, and few enough for the processor's cache.
    static let pieceBytes = 1000 * Packet.size
    /// Pace of a recording without PCR: a packet each 0.15 ms, 10 Mbit/s.
    static let fallbackTicks: Int64 = 4060

    private var framing = PacketFraming()
    private let wished: UInt16?
    private var associations = SectionAssembler()
    private var maps = SectionAssembler()
    private var mapPID: PID?
    private var clockPID: PID?
    /// Packets in order, `heldStart ..< heldEnd`; behind them is room for the next piece.
    private var held: [UInt8] = []
    private var heldStart = 0
    private var heldEnd = 0
    /// Packets from `heldStart` that have their times.
    private var timed = 0
    private var step: (numerator: Int64, denominator: Int64) = (PacedReader.fallbackTicks, 1)
    private var lastClock: StreamTime?
    private var isEnded = false

    /// - Parameter program: the programme whose PCRs count; nil for the first of the PAT.
    public init(program: UInt16?) { wished = program }

    /// Bytes skipped because they are in no packet, and the place of the first packet.
    public var framingFacts: PacketFraming { framing }

    /// Whether `append` must be called before `next` can give more.
    public var needsBytes: Bool { timed == 0 && !isEnded }

    /// No packet is left.
    public var isAtEnd: Bool { timed == 0 && isEnded }

    /// Arrival of the next packet, 27 MHz ticks since the first.
    public var nextTime: Int64? { timed > 0 ? time(of: 0) : nil }

    /// Reads the next piece, in place where it is whole packets.
    /// - Parameter source: puts bytes into places of the buffer, from the first on, and returns how
    ///   many; 0 at the end of the recording.
    public mutating func read(from source: (inout [UInt8], _ places: Range<Int>) -> Int) {
        makeRoom(for: PacedReader.pieceBytes)
        let count = source(&held, heldEnd..<(heldEnd + PacedReader.pieceBytes))
        let piece = heldEnd..<(heldEnd + max(count, 0))
        guard !piece.isEmpty else { return finish() }
        if isWhole(piece) {
            heldEnd = piece.upperBound
        } else {
            let bytes = Array(held[piece])
            var framing = takeFraming()
            framing.append(bytes.span) { hold($0, $1, $2, $3) }
            self.framing = framing
        }
        pace()
    }

    /// The recording is at its end: the rest goes on at the last pace.
    private mutating func finish() {
        var framing = takeFraming()
        framing.finish { hold($0, $1, $2, $3) }
        self.framing = framing
        pace()
        isEnded = true
        if timed == 0 && heldCount > 0 {
            timed = heldCount
            scanned = timed
        }
    }

    /// Takes the packets that arrive before `limit`, one at least, and none beyond the next PCR.
    /// - Returns: where they stand in `bytes`, and when the last of them arrives; nil when no
    ///   packet has its time yet.
    public mutating func take(before limit: Int64) -> (range: Range<Int>, time: Int64)? {
        guard timed > 0 else { return nil }
        let taken = packets(before: limit)
        let range = heldStart..<(heldStart + taken * Packet.size)
        let last = time(of: taken - 1)
        heldStart += taken * Packet.size
        timed -= taken
        scanned -= taken
        offset += Int64(taken)
        if timed == 0 {
            runStart = last
            offset = 0
            advanceRun()
        }
        return (range, last)
    }

    /// The packets that are held; `take` gives places in here, which hold until the next `append`.
    public var bytes: [UInt8] { held }

    // MARK: Time

    /// Packets that have been looked at, from `heldStart`.
    private var scanned = 0
    /// Packets of the run that were taken before `heldStart`.
    private var offset: Int64 = 0
    private var runStart: Int64 = 0
    private var heldCount: Int { (heldEnd - heldStart) / Packet.size }

    /// A run ends with a PCR packet, which comes exactly when its PCR says.
    private func time(of packet: Int) -> Int64 {
        runStart + (offset + Int64(packet) + 1) * step.numerator / step.denominator
    }

    /// How many of the timed packets, one at least, arrive before `limit`.
    private func packets(before limit: Int64) -> Int {
        if time(of: timed - 1) < limit { return timed }
        // Time is linear in packets: the last one before the limit follows from the limit.
        let behind = max(limit - runStart, 1) - 1
        let last = behind.scaled(by: step.denominator, over: step.numerator)
        var taken = Int(min(max(last - offset, 1), Int64(timed)))
        while taken < timed, time(of: taken) < limit { taken += 1 }
        while taken > 1, time(of: taken - 1) >= limit { taken -= 1 }
        return taken
    }

    /// The run between two PCRs is used up: the next begins where it ended.
    private mutating func advanceRun() {
        pace()
        if isEnded && timed == 0 && heldCount > 0 {
            timed = heldCount
            scanned = timed
        }
    }

    /// Looks for the next PCR in what is held, and times the packets before it.
    private mutating func pace() {
        guard timed == 0 else { return }
        let count = heldCount
        while scanned < count {
            let at = heldStart + scanned * Packet.size
            scanned += 1
            // Most packets have neither a PCR nor a table in them.
            if clockPID != nil, held[at + 3] & 0x20 == 0, !isOfMap(at) { continue }
            guard let header = PacketHeader(held.span, at: at) else { continue }
            watchProgram(header, at: at)
            guard let clock = header.clockReference, !header.transportError,
                clockPID == nil || header.pid == clockPID
            else { continue }
            if clockPID == nil {
                if mapPID != nil { continue }
                // No tables: the first PID with a PCR must do.
                if scanned < PacedReader.heldPacketLimit / 64 { continue }
                clockPID = header.pid
            }
            if let lastClock {
                let time = clock.unwrapped(near: lastClock)
                let distance = time - lastClock
                self.lastClock = time
                let packets = Int64(scanned) + untimed
                if distance > 0 && distance <= PacedReader.jumpTicks {
                    step = (distance, max(packets, 1))
                }
                // The very first packet comes at time 0.
                if untimed < 0 { runStart = -(step.numerator / step.denominator) }
                begin(scanned)
                return
            }
            lastClock = StreamTime(ticks: clock.ticks)
            untimed = -Int64(scanned)
        }
        // No PCR for very long: the rest goes on at the pace there was.
        if count >= PacedReader.heldPacketLimit { begin(count) }
    }

    /// Packets before the first PCR take part in the first run but not in its rate.
    private var untimed: Int64 = 0

    private mutating func begin(_ packets: Int) {
        timed = packets
        untimed = 0
    }

    // MARK: Bytes

    /// Whether a piece is packets as they are to be held.
    private mutating func isWhole(_ piece: Range<Int>) -> Bool {
        let held = held
        return framing.passes(held.span.extracting(piece))
    }

    /// The framing, to be put back: it gives its packets to `self`.
    private mutating func takeFraming() -> PacketFraming {
        var framing = PacketFraming()
        swap(&framing, &self.framing)
        return framing
    }

    private mutating func hold(_ buffer: Span<UInt8>, _ first: Int, _ count: Int, _ spacing: Int) {
        makeRoom(for: count * Packet.size)
        var from = first
        for _ in 0..<count {
            for index in 0..<Packet.size { held[heldEnd + index] = buffer[from + index] }
            heldEnd += Packet.size
            from += spacing
        }
    }

    /// Moves what is held to the front, and makes sure that `count` bytes fit behind it.
    private mutating func makeRoom(for count: Int) {
        if heldStart > 0 {
            held.withUnsafeMutableBytes {
                guard let base = $0.baseAddress else { return }
                base.copyMemory(from: base + heldStart, byteCount: heldEnd - heldStart)
            }
            heldEnd -= heldStart
            heldStart = 0
        }
        let missing = heldEnd + count - held.count
        if missing > 0 {
            held.append(contentsOf: repeatElement(0, count: max(missing, held.count)))
        }
    }

    /// Whether the packet belongs to the PMT's PID.
    private func isOfMap(_ at: Int) -> Bool {
        guard let mapPID else { return false }
        return held[at + 2] == UInt8(truncatingIfNeeded: mapPID.rawValue)
            && held[at + 1] & 0x1F == UInt8(mapPID.rawValue >> 8)
    }

    /// Finds the PCR PID of the wished programme.
    private mutating func watchProgram(_ header: PacketHeader, at offset: Int) {
        guard header.hasPayload, clockPID == nil || header.pid == mapPID else { return }
        let start = offset + Int(header.payloadOffset)
        let end = offset + Packet.size
        let held = held
        if header.pid == .pat {
            var found: ProgramAssociation?
            associations.append(held.span, from: start, to: end, startsUnit: header.startsUnit) {
                found = ProgramAssociation(section: $0) ?? found
            }
            mapPID = found?.entries.first {
                $0.program != 0 && (wished == nil || wished == $0.program)
            }?.pid ?? mapPID
        } else if header.pid == mapPID {
            var found: ProgramMap?
            maps.append(held.span, from: start, to: end, startsUnit: header.startsUnit) {
                found = ProgramMap(section: $0) ?? found
            }
            if let found, wished == nil || found.program == wished { clockPID = found.clockPID }
        }
    }
}
