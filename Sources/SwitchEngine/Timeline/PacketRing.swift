// The packets of one input that may still go out, as they came, with what is known of each.

import TransportStream

/// What is known of one kept packet.
struct PacketNote {
    /// Below the ring's `stamped`: transport time τ in 27 MHz ticks on the input's own unwrapped
    /// PCR timeline. From there on: the packet's number among all that the input sent, null packets
    /// and other programmes too, in which τ is linear between two PCRs (13818-1 §2.4.2.2).
    var time: Int64
    /// Number of the packet's PES packet in its stream's log.
    var pes: Int
    /// Elementary stream position of the first payload byte that belongs to the stream.
    var elementaryPosition: Int64
    /// Index of the stream in the input's list.
    var stream: Int16
    /// First byte of the packet's payload that is elementary stream (behind a PES header).
    var elementaryOffset: UInt8
    var payloadOffset: UInt8
    var startsPES: Bool
    var hasClock: Bool

    static let none = PacketNote(
        time: 0, pes: 0, elementaryPosition: 0, stream: -1, elementaryOffset: 188,
        payloadOffset: 188, startsPES: false, hasClock: false)
}

/// Packets `first ..< end` by absolute number, bytes and notes side by side. The bytes stand in
/// chunks that are used again: memory is what is kept, and growing copies nothing.
struct PacketRing {
    /// The most packets that one input may hold, 188 MB. Reached only when no PCR comes or the
    /// bit rate is far beyond any broadcast; the oldest go then, and `overruns` counts them.
    static let packetLimit = 1 << 20
    /// Packets in a chunk, a power of two.
    static let chunkPackets = 256

    private var notes: Log<PacketNote>
    /// The chunk that is being filled; it is not among `chunks` yet.
    private var tail: [UInt8]
    /// The full ones, by their number.
    private var chunks = Log<[UInt8]>(filler: [])
    private var spare: [[UInt8]] = []
    /// Packets from here on have no transport time yet.
    private(set) var stamped = 0
    /// The input's number of the packet that got its transport time last.
    private(set) var stampedPosition = Int64.min
    private(set) var overruns: Int64 = 0

    init() {
        notes = Log(filler: .none, capacity: 1024)
        tail = PacketRing.newChunk()
    }

    var first: Int { notes.first }
    var end: Int { notes.end }
    /// Bytes of memory for packets, those not in use too.
    var capacityBytes: Int {
        (chunks.count + spare.count + 1) * PacketRing.chunkPackets * Packet.size
    }

    @inline(__always)
    subscript(number: Int) -> PacketNote {
        get { notes[number] }
        _modify { yield &notes[number] }
    }

    @inline(__always)
    mutating func append(_ source: Span<UInt8>, at offset: Int, note: PacketNote) {
        let number = notes.append(note)
        Bytes.copy(
            source, from: offset, count: Packet.size, to: &tail, at: PacketRing.place(number))
        if number & (PacketRing.chunkPackets - 1) == PacketRing.chunkPackets - 1 { beginChunk() }
    }

    /// Gives packets without a transport time theirs, in order.
    /// - Parameter time: the time for a packet, by its number in the ring and among all that the
    ///   input sent; nil ends it.
    @inline(__always)
    mutating func stamp(
        before limit: Int = .max, _ time: (_ number: Int, _ position: Int64) -> Int64?
    ) {
        let limit = min(limit, end)
        while stamped < limit, let time = time(stamped, notes[stamped].time) {
            notes.withElement(stamped) {
                stampedPosition = $0.time
                $0.time = time
            }
            stamped &+= 1
        }
    }

    /// Appends bytes `range` of a packet to `target`.
    @inline(__always)
    func copy(_ number: Int, _ range: Range<Int> = 0..<Packet.size, to target: inout [UInt8]) {
        precondition(number >= first && number < end && range.upperBound <= Packet.size)
        let at = PacketRing.place(number) &+ range.lowerBound
        let chunk = number / PacketRing.chunkPackets
        if chunk == chunks.end {
            Bytes.append(tail, from: at, count: range.count, to: &target)
        } else {
            chunks.lend(chunk) { Bytes.append($0, from: at, count: range.count, to: &target) }
        }
    }

    mutating func trim(before number: Int) {
        notes.trim(before: number)
        stamped = max(stamped, notes.first)
        while chunks.first < chunks.end, chunks.first < notes.first / PacketRing.chunkPackets {
            spare.append([])
            swap(&spare[spare.count - 1], &chunks[chunks.first])
            chunks.trim(before: chunks.first + 1)
        }
        // What is no longer needed goes back, but for what the next second may bring.
        if spare.count > chunks.count + 8 { spare.removeLast(spare.count - chunks.count) }
    }

    /// Where a packet begins in its chunk.
    @inline(__always)
    private static func place(_ number: Int) -> Int {
        (number & (chunkPackets - 1)) &* Packet.size
    }

    private static func newChunk() -> [UInt8] {
        [UInt8](repeating: 0, count: chunkPackets * Packet.size)
    }

    private mutating func beginChunk() {
        chunks.append(tail)
        tail = spare.popLast() ?? PacketRing.newChunk()
        guard notes.count >= PacketRing.packetLimit else { return }
        overruns += Int64(notes.count / 8)
        trim(before: notes.first + notes.count / 8)
    }
}

extension PacketRing {
    /// The kept packets of a stream that hold bytes of a stretch of its elementary stream.
    func packets(of stream: Int, _ track: StreamTrack, holding range: Range<Int64>) -> [Int] {
        var result: [Int] = []
        let begin = track.pes.partition { $0.elementaryEnd > range.lowerBound }
        guard begin < track.pes.end else { return [] }
        var number = max(track.pes[begin].firstPacket, first)
        while number < end {
            let note = self[number]
            number += 1
            guard Int(note.stream) == stream else { continue }
            if note.elementaryPosition >= range.upperBound { break }
            let count = Int64(Packet.size - Int(note.elementaryOffset))
            if note.elementaryPosition + count > range.lowerBound { result.append(number - 1) }
        }
        return result
    }
}
