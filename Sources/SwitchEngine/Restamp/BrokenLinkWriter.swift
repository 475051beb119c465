// The marks of law 7 in the packets of a random access picture. They belong to the segment that is
// entered there, not to the input: it may be left before the picture goes out, and be entered anew
// somewhere else. Sizes do not change, so the bytes go back to where they came from.

import TransportStream

enum BrokenLinkWriter {
    /// - Returns: the bytes that stand in place of the packets' own; nil where nothing changes.
    static func marks(
        _ unit: Unit, ofStream stream: Int, keepsLeading: Bool, in timeline: borrowing InputTimeline
    ) -> PacketMarks? {
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
        guard changed > 0 else { return nil }
        var result = PacketMarks()
        var from = 0
        for piece in pieces {
            let new = Array(bytes[from..<(from + piece.count)])
            result.pieces[piece.packet] = (piece.at, new)
            result.last = max(result.last, piece.packet)
            from += piece.count
        }
        return result
    }
}

/// Bytes that stand in place of those of some packets of an input.
struct PacketMarks {
    /// By packet: where in it they begin.
    var pieces: [Int: (at: Int, bytes: [UInt8])] = [:]
    /// The last packet that has any.
    var last = Int.min

    /// Writes them over a packet, or a part of one, that was copied.
    /// - Parameters:
    ///   - range: the packet's bytes that were copied.
    ///   - target: where they were copied to: its end is that of the copy.
    func write(_ packet: Int, _ range: Range<Int>, over target: inout [UInt8]) {
        guard let (at, bytes) = pieces[packet] else { return }
        let start = target.count - range.count - range.lowerBound
        for index in bytes.indices where range.contains(at + index) {
            target[start + at + index] = bytes[index]
        }
    }
}
