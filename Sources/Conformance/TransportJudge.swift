// The way of a packet through the checker:
//
//   bytes -> PacketFraming -> counters of the packet header, continuity (every PID)
//                          -> PCR -> the clock, and everything that waited for it
//                          -> sections (PAT, CAT, PMT ...) -> which streams there are
//                          -> elementary streams of the judged programme
//
// State is bounded: one small entry per PID, a fixed number of sections and streams.

import TransportStream

/// Judges whole packets.
struct TransportJudge: Sendable {
    /// What is known of a PID.
    struct PIDState: Sendable {
        enum Role: UInt8 { case none, sections, stream }
        var watch = ContinuityWatch()
        var packets: Int64 = 0
        var role = Role.none
        /// Into `sections` or `streams`.
        var index: UInt8 = 0
    }

    let options: InspectionOptions
    var findings = Findings()
    var pids = [PIDState](repeating: PIDState(), count: PID.count)
    var sections: [SectionWatch] = []
    var streams: [ElementaryJudge] = []
    var program = JudgedProgram()
    var accuracy = ClockAccuracy()
    var totals = Totals()
    var rates = RateMeter()
    var early: [EarlyClock] = []
    /// Packets so far, with those whose sync byte is damaged.
    private(set) var slots: Int64 = 0
    /// Distance of the packets that came last; nil before any.
    private(set) var spacing: Int?
    private var nextByteOffset: Int64?

    /// Plain counts.
    struct Totals: Sendable {
        var packets: Int64 = 0
        var nulls: Int64 = 0
        var scrambled: Int64 = 0
        var duplicates: Int64 = 0
        var malformed: Int64 = 0
        var announcedGaps: Int64 = 0
        var hasAccessTable = false
        var firstScrambled: Position?
    }

    init(options: InspectionOptions) {
        self.options = options
        listen(PID(0x0000), .association)
        listen(PID(0x0001), .conditionalAccess)
        // NIT, SDT/BAT, EIT, TOT: their CRC counts in 2.2.
        for pid: UInt16 in [0x0010, 0x0011, 0x0012, 0x0014] { listen(PID(pid), .other) }
    }

    /// Takes packets that stand `spacing` bytes apart.
    /// - Parameter byteOffset: place of the first one in the input.
    mutating func take(
        _ buffer: Span<UInt8>, first: Int, count: Int, spacing: Int, byteOffset: Int64
    ) {
        findings.here.byteOffset = byteOffset
        self.spacing = spacing
        if let expected = nextByteOffset, expected != byteOffset {
            // One wrong sync byte between good ones is passed over; more of them end the
            // synchronisation (TR 101 290 1.1 and 1.2).
            let isOne = byteOffset - expected == Int64(spacing)
            findings.count(isOne ? .syncByte : .syncLoss, pid: nil)
            // Packets that can not be read took their time on the wire all the same.
            slots &+= max(byteOffset - expected, 0) / Int64(spacing)
        }
        for number in 0..<count {
            let start = first + number * spacing
            findings.here = Position(
                packet: slots, byteOffset: byteOffset + Int64(number * spacing), inside: 0)
            slots &+= 1
            totals.packets &+= 1
            packet(buffer, at: start)
        }
        nextByteOffset = byteOffset + Int64(count * spacing)
    }

    private mutating func packet(_ buffer: Span<UInt8>, at start: Int) {
        guard let header = PacketHeader(buffer, at: start) else { return }
        if header.transportError {
            // Nothing else that such a packet says can be believed.
            findings.count(.transportError, pid: header.pid)
            return
        }
        if header.pid == .null {
            totals.nulls &+= 1
            return
        }
        if header.isMalformed {
            totals.malformed &+= 1
            return
        }
        let index = header.pid.index
        pids[index].packets &+= 1
        if header.discontinuity { findings.breach(.discontinuityIndicator, pid: header.pid) }
        var isContinuous = true
        switch pids[index].watch.judge(header) {
        case .continuous: break
        case .duplicate:
            totals.duplicates &+= 1
            return
        case .gap(let announced):
            isContinuous = false
            if announced {
                totals.announcedGaps &+= 1
            } else {
                findings.count(.continuity, pid: header.pid)
                findings.breach(.continuity, pid: header.pid)
            }
        }
        if header.isScrambled {
            totals.scrambled &+= 1
            if totals.firstScrambled == nil { totals.firstScrambled = findings.here }
        }
        if let reference = header.clockReference { clockPacket(reference, header) }
        let target = Int(pids[index].index)
        switch pids[index].role {
        case .none: break
        case .sections:
            section(buffer, at: start, header, watch: target, isContinuous: isContinuous)
        case .stream:
            streams[target].facts.packets &+= 1
            streams[target].take(
                buffer, at: start, header, isContinuous: isContinuous, &findings)
        }
        // No PCR for long: times are taken from the rate so far, without one they stay unknown.
        if findings.timed.count >= SizeLimit.timedEvents - 256 { settle(all: true) }
    }
}
