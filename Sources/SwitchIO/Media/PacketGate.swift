// Lets a stream's packets into a queue that has an end, or leaves them out: whole PES packets, so
// that what was let in before and what comes after is whole. A stream is closed at one of its
// begins when the queue is nearly full, and opened at one when it has become empty again. Null
// packets go in while all is open only.

import TransportStream

struct PacketGate {
    private enum Rule {
        case open, closing
        /// - bytes: that have come since. A unit that was cut before is over when as many have come
        ///   as the queue holds: then no PID that has not come waits for its begin.
        case opening(bytes: Int)
    }

    private var rule = Rule.open
    /// PIDs of which packets are left out.
    private var closed = [Bool](repeating: false, count: PID.count)
    private var closedCount = 0
    /// Packets that were left out.
    private(set) var refused: Int64 = 0

    /// - Parameters:
    ///   - fill: bytes that wait.
    ///   - limit: bytes that may; an eighth of it is for what ends behind the closing.
    mutating func pass(
        _ packets: Span<UInt8>, fill: Int, limit: Int, _ take: (Span<UInt8>) -> Void
    ) {
        if fill > limit / 8 * 7 {
            rule = .closing
        } else if case .closing = rule, fill < limit / 2 {
            rule = .opening(bytes: 0)
        }
        if case .open = rule { return take(packets) }
        for at in stride(from: 0, through: packets.count - Packet.size, by: Packet.size) {
            let packet = packets.extracting(at..<(at + Packet.size))
            let pid = PacketHeader.pid(packet, at: 0)
            // Worth nothing to anybody now.
            guard pid != .null else { continue }
            if isLetIn(packet, pid.index, isFull: fill >= limit) {
                take(packet)
            } else {
                refused += 1
            }
        }
        guard case .opening(let bytes) = rule else { return }
        rule = .opening(bytes: bytes + packets.count)
        if closedCount == 0 || bytes > limit { reset() }
    }

    private var isClosing: Bool { if case .closing = rule { true } else { false } }

    private mutating func isLetIn(_ packet: Span<UInt8>, _ pid: Int, isFull: Bool) -> Bool {
        // Without payload it is of no unit: the PID of a clock alone has no begins.
        guard packet[3] & 0x10 != 0 else { return !isFull && !closed[pid] }
        if packet[1] & 0x40 != 0 { set(pid, isClosed: isClosing) }
        if isFull { set(pid, isClosed: true) }
        return !closed[pid]
    }

    private mutating func set(_ pid: Int, isClosed: Bool) {
        guard closed[pid] != isClosed else { return }
        closed[pid] = isClosed
        closedCount += isClosed ? 1 : -1
    }

    /// Nothing is kept out any more, whatever was: the reader begins anew.
    mutating func reset() {
        rule = .open
        closedCount = 0
        for pid in closed.indices { closed[pid] = false }
    }
}
