// PES packets made anew: where only some access units of one go out, each stretch gets a PES packet
// of its own, with the time stamps of its first unit. They are made ahead, while another segment is
// on air: PID, counter and the exact place of audio are the output's, and are given when they
// leave.

import TransportStream

struct PESRemaker {
    /// Bytes of one stretch, and where in the ring each piece came from.
    private struct Stretch {
        var bytes: [UInt8] = []
        /// Offset in `bytes` at which each original packet's bytes begin, with its time.
        var times: [(offset: Int, time: Int64)] = []
    }

    /// The packets for `parts` of PES packet `number` of a stream.
    /// - Parameter shift: added to the packets' times, 27 MHz ticks.
    /// - Parameter cut: tells what PTS and DTS become.
    static func packets(
        of number: Int, parts: [Range<Int64>], stream: Int, _ track: StreamTrack,
        ring: borrowing PacketRing, cut: StreamCut, shift: Int64, marks: PacketMarks? = nil
    ) -> [PreparedPacket] {
        var result: [PreparedPacket] = []
        for part in parts {
            let stretch = collect(
                ring.packets(of: stream, track, holding: part), part, ring, marks)
            guard !stretch.bytes.isEmpty else { continue }
            let header = self.header(for: part, of: number, count: stretch.bytes.count, track, cut)
            let place = audioPlace(of: part, track, cut)
            result += packetize(
                header, stretch, of: number, stream, slot: cut.slot, shift: shift, place)
        }
        if !result.isEmpty { result[0].isFirst = true }
        return result
    }

    /// The bytes of a range of the elementary stream, out of the packets that hold it.
    private static func collect(
        _ packets: [Int], _ range: Range<Int64>, _ ring: borrowing PacketRing,
        _ marks: PacketMarks?
    ) -> Stretch {
        var stretch = Stretch()
        for packet in packets {
            let note = ring[packet]
            let skip = Int(max(range.lowerBound - note.elementaryPosition, 0))
            let from = Int(note.elementaryOffset) + skip
            let room = Packet.size - from
            let wanted = Int(range.upperBound - max(range.lowerBound, note.elementaryPosition))
            let count = min(room, wanted)
            guard count > 0 else { continue }
            stretch.times.append((stretch.bytes.count, note.time))
            ring.copy(packet, from..<(from + count), to: &stretch.bytes)
            marks?.write(packet, from..<(from + count), over: &stretch.bytes)
        }
        return stretch
    }

    private static func header(
        for part: Range<Int64>, of number: Int, count: Int, _ track: StreamTrack,
        _ cut: StreamCut
    ) -> [UInt8] {
        let record = track.pes[number]
        var presentation: Timestamp?
        var decoding: Timestamp?
        let index = track.units.partition { $0.start >= part.lowerBound }
        if let unit = firstTimed(track, index, part) {
            presentation = shifted(Timestamp(unit.presentation), cut.stampShift)
            // Audio is decoded when it is heard.
            decoding = track.kind == .audio ? presentation
                : cut.decodings[index] ?? shifted(Timestamp(unit.decoding), cut.stampShift)
        }
        return PESHeader.bytes(
            streamID: record.header?.streamID ?? 0xE0, presentation: presentation,
            decoding: decoding, payloadLength: track.kind == .video ? nil : count,
            dataAlignment: index < track.units.end
                && track.units[index].start == part.lowerBound)
    }

    /// The unit that a stretch begins with, or the first in it, where its times are known.
    private static func firstTimed(
        _ track: StreamTrack, _ index: Int, _ part: Range<Int64>
    ) -> Unit? {
        guard index < track.units.end, track.units[index].start < part.upperBound,
            track.units[index].isTimed
        else { return nil }
        return track.units[index]
    }

    private static func audioPlace(
        of part: Range<Int64>, _ track: StreamTrack, _ cut: StreamCut
    ) -> AudioPlace? {
        guard track.kind == .audio,
            let unit = firstTimed(
                track, track.units.partition { $0.start >= part.lowerBound }, part)
        else { return nil }
        return AudioPlace(
            mark: unit.mark,
            time: unit.presentation.ticks &+ cut.stampShift &* StreamTime.ticksPerTimestampTick)
    }

    private static func shifted(_ stamp: Timestamp, _ ticks: Int64) -> Timestamp {
        Timestamp(wrapping: stamp.ticks &+ ticks)
    }

    /// Header and bytes as transport packets; each leaves with the original packet that its first
    /// byte came in, so the schedule stays what the encoder meant.
    private static func packetize(
        _ header: [UInt8], _ stretch: Stretch, of number: Int, _ stream: Int, slot: Int,
        shift: Int64, _ place: AudioPlace?
    ) -> [PreparedPacket] {
        let all = header + stretch.bytes
        var result: [PreparedPacket] = []
        var position = 0
        var origin = 0
        while position < all.count {
            let count = min(184, all.count - position)
            let source = max(position - header.count, 0)
            while origin + 1 < stretch.times.count, stretch.times[origin + 1].offset <= source {
                origin += 1
            }
            var bytes = [UInt8](repeating: 0, count: Packet.size)
            var span = bytes.mutableSpan
            let at = PacketWriter.writeHeader(
                pid: .null, continuity: ContinuityCounter(0), startsUnit: position == 0,
                payloadCount: count, in: &span, at: 0)
            for index in 0..<count { bytes[at + index] = all[position + index] }
            result.append(
                PreparedPacket(
                    time: stretch.times[origin].time &+ shift, slot: slot, bytes: bytes,
                    stream: stream, pes: number,
                    audio: position == 0 ? place.map { ($0, at + 9) } : nil))
            position += count
        }
        return result
    }
}
