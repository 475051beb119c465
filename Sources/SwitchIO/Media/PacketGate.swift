// Lets a stream's packets into a queue that has an end, or leaves them out: whole PES packets, so
// that what was let in before and what comes after is whole. A stream is closed at one of its
// begins when the queue is nearly full, and opened at one when it has become empty again.

import TransportStream

struct PacketGate {
    private enum Rule { case open, closing, opening }

    private var rule = Rule.open
    /// PIDs of which packets are left out.
    private var closed = [Bool](repeating: false, count: PID.count)
    /// Packets that were left out.
    private(set) var refused: Int64 = 0

    /// - Parameters:
    ///   - fill: bytes that wait.
    ///   - limit: bytes that may; an eighth of it is for what ends behind the closing.
    mutating func pass(
        _ packets: Span<UInt8>, fill: Int, limit: Int, _ take: (Span<UInt8>) -> Void
    ) {
        if fill > limit / 8 * 7 { rule = .closing } else if rule == .closing, fill < limit / 2 {
            rule = .opening
        }
        guard rule != .open else { return take(packets) }
        var at = 0
        while at + Packet.size <= packets.count {
            let packet = packets.extracting(at..<(at + Packet.size))
            at += Packet.size
            let pid = PacketHeader.pid(packet, at: 0).index
            if packet[1] & 0x40 != 0 { closed[pid] = rule == .closing }
            if fill >= limit { closed[pid] = true }
            if closed[pid] { refused += 1 } else { take(packet) }
        }
        if rule == .opening, !closed.contains(true) { rule = .open }
    }

    /// Nothing is kept out any more, whatever was: the reader begins anew.
    mutating func reset() {
        rule = .open
        for pid in closed.indices { closed[pid] = false }
    }
}
