// Two short memories of one elementary stream: which transport packet a byte came in, and which
// PES header is still without its access unit. Detectors tell of an access unit some bytes after
// its begin, so both have to be asked about the past.

import TransportStream

/// Where the last bytes of an elementary stream stand in the transport stream.
struct PacketTrail: Sendable {
    private struct Piece: Sendable {
        var streamByte: Int64
        /// `inside` is where the piece's first byte stands in its packet.
        var position: Position
    }

    private var ring: [Piece] = []
    private var newest = -1

    /// A packet's bytes begin; `streamByte` grows from call to call.
    mutating func add(streamByte: Int64, at position: Position) {
        let piece = Piece(streamByte: streamByte, position: position)
        if ring.isEmpty { ring.reserveCapacity(SizeLimit.pieces) }
        newest = (newest + 1) % SizeLimit.pieces
        if ring.count < SizeLimit.pieces { ring.append(piece) } else { ring[newest] = piece }
    }

    /// The place of a byte; for bytes older than the trail its oldest packet, nil before any.
    func position(of streamByte: Int64) -> Position? {
        guard newest >= 0 else { return nil }
        var index = newest
        for _ in 1..<max(ring.count, 1) {
            if ring[index].streamByte <= streamByte { break }
            index = (index - 1 + ring.count) % ring.count
        }
        var position = ring[index].position
        let offset = streamByte &- ring[index].streamByte
        position.inside = min(max(position.inside &+ max(offset, 0), 0), 187)
        return position
    }
}

/// The PTS and DTS of a PES header, 90 kHz unwrapped.
struct Stamps: Sendable {
    var presentation: Int64
    var decoding: Int64
}

/// PES headers that wait for the access unit their time stamps belong to: the first one that
/// begins in the PES packet (13818-1 §2.4.3.7).
struct StampQueue: Sendable {
    private struct Entry: Sendable {
        var streamByte: Int64
        var stamps: Stamps?
    }

    private var entries: [Entry] = []
    /// Headers with a PTS that no access unit took.
    private(set) var unused: Int64 = 0

    /// A PES packet's payload begins at this byte of the stream.
    mutating func add(streamByte: Int64, stamps: Stamps?) {
        if entries.count >= SizeLimit.stamps { drop(1) }
        entries.append(Entry(streamByte: streamByte, stamps: stamps))
    }

    /// The stamps of the access unit that begins at this byte, once.
    mutating func take(for streamByte: Int64) -> Stamps? {
        var last = -1
        for index in entries.indices where entries[index].streamByte <= streamByte { last = index }
        guard last >= 0 else { return nil }
        drop(last)
        let stamps = entries[0].stamps
        entries[0].stamps = nil
        return stamps
    }

    private mutating func drop(_ count: Int) {
        for index in 0..<count where entries[index].stamps != nil { unused &+= 1 }
        entries.removeFirst(count)
    }
}

/// How often each distance between two PTS was seen.
struct StepHistogram: Sendable {
    private(set) var steps: [(ticks: Int64, count: Int64)] = []
    private(set) var others: Int64 = 0

    mutating func add(_ ticks: Int64) {
        for index in steps.indices where steps[index].ticks == ticks {
            steps[index].count &+= 1
            return
        }
        if steps.count < SizeLimit.steps { steps.append((ticks, 1)) } else { others &+= 1 }
    }
}

/// Unwraps the 33-bit stamps of one stream, in 90 kHz ticks.
struct StampLine: Sendable {
    private var last: Int64?

    /// The value nearest to the one before.
    func unwrap(_ stamp: Timestamp) -> Int64 {
        guard let last else { return stamp.ticks }
        let half = Timestamp.modulus / 2
        let distance = (stamp.ticks &- last &+ half) & (Timestamp.modulus - 1)
        return last &+ distance &- half
    }

    mutating func advance(to value: Int64) { last = value }
}
