// Whole packets out of one link's datagrams. Each link has its own, so half a packet of one is
// never glued to half a packet of another.

import TransportStream

struct LinkFraming {
    private var framing = PacketFraming()
    /// A datagram's packets side by side, where its first began in the datagram before.
    private var gathered: [UInt8] = []

    /// Bytes that were in no packet.
    var skippedBytes: Int64 { framing.skippedBytes }

    /// Datagrams have been lost, or a new connection begins: half a packet will not be completed.
    mutating func restart() { framing = PacketFraming() }

    /// Whether the bytes are packets of 188 bytes and nothing else.
    static func isWhole(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count % Packet.size == 0, bytes.count > 0 else { return false }
        var at = 0
        while at < bytes.count {
            guard bytes[at] == Packet.syncByte else { return false }
            at += Packet.size
        }
        return true
    }

    /// - Parameter body: called with bytes, the offset of the first packet, how many packets there
    ///   are, their distance, and whether the first was put together from two datagrams.
    mutating func frame(
        _ bytes: Span<UInt8>, _ body: (Span<UInt8>, Int, Int, Int, Bool) -> Void
    ) {
        // The rule on every link: nothing to look for, whatever came before.
        let count = bytes.count / Packet.size
        if LinkFraming.isWhole(bytes) && (count > 2 || !framing.isWithinPacket) {
            if framing.isWithinPacket { restart() }
            return body(bytes, 0, count, Packet.size, false)
        }
        guard framing.isWithinPacket else {
            return framing.append(bytes) { body($0, $1, $2, $3, false) }
        }
        gathered.removeAll(keepingCapacity: true)
        framing.append(bytes) { bytes, first, count, stride in
            for index in 0..<count {
                let packet = bytes.extracting(
                    first + index * stride..<first + index * stride + Packet.size)
                packet.withUnsafeBufferPointer { gathered.append(contentsOf: $0) }
            }
        }
        let packets = gathered.count / Packet.size
        if packets > 0 { body(gathered.span, 0, packets, Packet.size, true) }
    }

    /// Nothing more comes: what is left and looks like packets.
    mutating func finish(_ body: (Span<UInt8>, Int, Int, Int, Bool) -> Void) {
        framing.finish { body($0, $1, $2, $3, false) }
        restart()
    }
}
