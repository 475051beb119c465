// Puts the marks of law 7 into the kept packets of a random access picture. Sizes do not change, so
// the bytes go back to where they came from.

import TransportStream

enum BrokenLinkWriter {
    static func mark(
        _ unit: Unit, ofStream stream: Int, keepsLeading: Bool, in timeline: inout InputTimeline
    ) {
        var bytes: [UInt8] = []
        var pieces: [(packet: Int, at: Int, count: Int)] = []
        let packets = timeline.ring.packets(
            of: stream, timeline.streams[stream], holding: unit.start..<unit.end)
        for packet in packets {
            let note = timeline.ring[packet]
            let skip = Int(max(unit.start - note.elementaryPosition, 0))
            let at = Int(note.elementaryOffset) + skip
            let left = Int(unit.end - max(unit.start, note.elementaryPosition))
            let count = min(Packet.size - at, left)
            guard count > 0 else { continue }
            pieces.append((packet, at, count))
            timeline.ring.copy(packet, at..<(at + count), to: &bytes)
        }
        var span = bytes.mutableSpan
        let changed = BrokenLink.mark(
            timeline.streams[stream].codec, accessUnit: &span,
            leading: keepsLeading ? .decodable : .none)
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
