// What the continuity counter of a stream's next packet tells (13818-1 §2.4.3.3).

import TransportStream

extension StreamTrack {
    /// Whether packets must be missing before the next one: its counter does not go on, or it is
    /// that of the packet before it and the payload is another one. An encoder that was switched
    /// off and on has begun anew then, or fifteen packets are lost.
    func isInterrupted(
        by header: PacketHeader, _ bytes: Span<UInt8>, at offset: Int, _ ring: borrowing PacketRing
    ) -> Bool {
        var watch = continuity
        switch watch.judge(header) {
        case .continuous: return false
        case .gap: return true
        case .duplicate: return !mayBeCopy(bytes, at: offset, header, ring)
        }
    }

    /// Whether a packet has the payload of the stream's packet before it, or that is not kept.
    private func mayBeCopy(
        _ bytes: Span<UInt8>, at offset: Int, _ header: PacketHeader, _ ring: borrowing PacketRing
    ) -> Bool {
        guard let last = pes.last?.lastPacket, last >= ring.first, last < ring.end else {
            return true
        }
        var kept: [UInt8] = []
        ring.copy(last, to: &kept)
        // Packets that were of no use have come since.
        guard kept[3] & 15 == header.continuity.rawValue else { return true }
        return (Int(header.payloadOffset)..<Packet.size).allSatisfy {
            kept[$0] == bytes[offset + $0]
        }
    }
}
