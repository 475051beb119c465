// The packets of one input that may still go out, as they came, with what is known of each.

import TransportStream

/// What is known of one kept packet.
struct PacketNote {
    /// Transport time τ in 27 MHz ticks on the input's own unwrapped PCR timeline; valid below the
    /// ring's `stamped`.
    var time: Int64
    /// The packet's number among all that the input sent, null packets and other programmes too:
    /// τ is linear in it between two PCRs (13818-1 §2.4.2.2).
    var position: Int64
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
        time: 0, position: 0, pes: 0, elementaryPosition: 0, stream: -1, elementaryOffset: 188,
        payloadOffset: 188, startsPES: false, hasClock: false)
}

/// Packets `first ..< end` by absolute number, bytes and notes side by side.
struct PacketRing {
    /// The most packets that one input may hold, 188 MB. Reached only when no PCR comes or the
    /// bit rate is far beyond any broadcast; the oldest go then, and `overruns` counts them.
    static let packetLimit = 1 << 20

    private(set) var notes: Log<PacketNote>
    /// All places of the ring; `offset(of:)` tells where a packet stands.
    private(set) var bytes: [UInt8]
    private var capacity: Int
    /// Packets from here on have no transport time yet.
    var stamped = 0
    private(set) var overruns: Int64 = 0

    init() {
        capacity = 1024
        notes = Log(filler: .none, capacity: capacity)
        bytes = [UInt8](repeating: 0, count: capacity * Packet.size)
    }

    var first: Int { notes.first }
    var end: Int { notes.end }

    @inline(__always)
    subscript(number: Int) -> PacketNote {
        get { notes[number] }
        _modify { yield &notes[number] }
    }

    /// Where the packet's 188 bytes begin in `bytes`.
    @inline(__always)
    func offset(of number: Int) -> Int { (number & (capacity &- 1)) &* Packet.size }

    @inline(__always)
    mutating func append(_ source: Span<UInt8>, at offset: Int, note: PacketNote) {
        if notes.count == capacity { makeRoom() }
        let number = notes.append(note)
        Bytes.copy(
            source, from: offset, count: Packet.size, to: &bytes, at: self.offset(of: number))
    }

    mutating func trim(before number: Int) {
        notes.trim(before: number)
        stamped = max(stamped, notes.first)
    }

    /// Lends the bytes of one packet for change.
    mutating func edit(_ number: Int, _ body: (inout MutableSpan<UInt8>, _ offset: Int) -> Void) {
        let at = offset(of: number)
        var span = bytes.mutableSpan
        body(&span, at)
    }

    private mutating func makeRoom() {
        if capacity >= PacketRing.packetLimit {
            trim(before: notes.first + capacity / 8)
            overruns += Int64(capacity / 8)
            return
        }
        var larger = [UInt8](repeating: 0, count: capacity * 2 * Packet.size)
        let mask = capacity * 2 - 1
        for number in notes.indices {
            Bytes.copy(
                bytes.span, from: offset(of: number), count: Packet.size, to: &larger,
                at: (number & mask) * Packet.size)
        }
        bytes = larger
        capacity *= 2
    }
}
