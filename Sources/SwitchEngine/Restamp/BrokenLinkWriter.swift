// Puts the marks of law 7 into the kept packets of a random access picture. Sizes do not change, so
// the bytes go back to where they came from.

import TransportStream

enum BrokenLinkWriter {
    static func mark(
        _ unit: Unit, _ track: StreamTrack, keepsLeading: Bool, in timeline: inout InputTimeline
    ) {
        var bytes: [UInt8] = []
        var pieces: [(packet: Int, at: Int, count: Int)] = []
        let behind = track.packets.partition { $0.position > unit.start }
        var index = max(behind - 1, track.packets.first)
        while index < track.packets.end, track.packets[index].position < unit.end {
            let packet = track.packets[index].number
            index += 1
            guard packet >= timeline.ring.first, packet < timeline.ring.end else { return }
            let note = timeline.ring[packet]
            let skip = Int(max(unit.start - note.elementaryPosition, 0))
            let at = Int(note.elementaryOffset) + skip
            let left = Int(unit.end - max(unit.start, note.elementaryPosition))
            let count = min(Packet.size - at, left)
            guard count > 0 else { continue }
            pieces.append((packet, at, count))
            Bytes.append(
                timeline.ring.bytes.span, from: timeline.ring.offset(of: packet) + at,
                count: count, to: &bytes)
        }
        var span = bytes.mutableSpan
        let changed = BrokenLink.mark(
            track.codec, accessUnit: &span, leading: keepsLeading ? .decodable : .none)
        guard changed > 0 else { return }
        var from = 0
        for piece in pieces {
            timeline.edit(packet: piece.packet) { target, offset in
                let at = offset + piece.at
                for index in 0..<piece.count { target[at + index] = bytes[from + index] }
            }
            from += piece.count
        }
    }
}
